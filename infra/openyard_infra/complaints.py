"""How a command says that it failed: one line, and an exit code that tells why."""

import rich_click as click

FAILED = 1
WRONG_SETTINGS = 2
UNREACHED = 3


def complaint(line: str, code: int = FAILED) -> SystemExit:
    """Print the line; to be raised, so that the reader sees where a command ends."""
    click.echo(f"openyard: {line}", err=True)
    return SystemExit(code)
