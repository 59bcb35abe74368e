"""How a command says that it failed: one line, and an exit code that tells why."""

from typing import Any

import rich_click as click


class Complaint(click.ClickException):
    """It failed for the reason in this one line."""

    def show(self, file: Any = None) -> None:
        del file
        click.echo(f"openyard: {self.message}", err=True)


class WrongSettings(Complaint):
    exit_code = 2
