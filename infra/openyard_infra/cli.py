"""The command line. Heavy imports stand inside the commands: each role loads only its own."""

from pathlib import Path

import rich_click as click

from openyard_infra import operators, publish, schedules
from openyard_infra.bench.command import bench

_CONTEXT = {"help_option_names": ["-h", "--help"]}


@click.group(context_settings=_CONTEXT)
@click.version_option(package_name="openyard", prog_name="openyard")
def main() -> None:
    """Openyard: slots, reservations and calendars for a city's venues.

    Roles read OPENYARD_DATABASE_URL, OPENYARD_NATS_URL, OPENYARD_REDIS_URL, OPENYARD_SECRET_KEY,
    OPENYARD_BASE_URL and OPENYARD_SMTP_URL. Exit codes: 0 done, 1 failed, 2 wrong usage or
    settings.
    """


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535))
@click.option(
    "--data-dir",
    default=Path("data"),
    show_default=True,
    envvar="OPENYARD_DATA_DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Holds everything; made where it is missing.",
)
@click.option("--demo/--no-demo", default=True, show_default=True, help="A city in a new one.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 32))
def up(host: str, port: int, data_dir: Path, demo: bool, workers: int) -> None:  # noqa: FBT001 - click names it
    """Run everything on this machine: embedded servers, every role, a demo city.

    Ctrl-C stops it all and loses nothing. DIR/ready.json tells programs where everything is.
    """
    from openyard_infra import up as command  # noqa: PLC0415

    options = command.Options(host=host, port=port, directory=data_dir, demo=demo, workers=workers)
    raise SystemExit(command.run(options))


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535))
@click.option("--fd", type=int, help="Serve on an inherited listening socket instead.")
@click.option("--trusted-proxy", metavar="ADDRESS", help="Whose X-Forwarded-For is believed.")
def web(host: str, port: int, fd: int | None, trusted_proxy: str | None) -> None:
    """Serve pages and the API: one process; start as many as you need."""
    from openyard_infra import serving  # noqa: PLC0415

    raise SystemExit(serving.serve(host, port, fd, trusted_proxy))


@main.group(invoke_without_command=True)
@click.pass_context
def worker(context: click.Context) -> None:
    """Work behind the web: decider, intake or projector; all three without a name."""
    if context.invoked_subcommand is not None:
        return
    from openyard_infra import roles  # noqa: PLC0415
    from openyard_workers import deciders, intake, projector  # noqa: PLC0415

    raise SystemExit(roles.run("worker", deciders.run, intake.run, projector.run))


@worker.command()
@click.option("--home", metavar="I/N", help="Prefer the partitions p with p mod N = I.")
def decider(home: str | None) -> None:
    """Decide the commands of the partitions whose lease it gets."""
    from functools import partial  # noqa: PLC0415

    from openyard_infra import roles  # noqa: PLC0415
    from openyard_workers import deciders  # noqa: PLC0415

    raise SystemExit(roles.run("decider", partial(deciders.run, home=_home(home))))


@worker.command()
def intake() -> None:
    """Check what venues publish and hand it to the deciders."""
    from openyard_infra import roles  # noqa: PLC0415
    from openyard_workers import intake as role  # noqa: PLC0415

    raise SystemExit(roles.run("intake", role.run))


@worker.command()
def projector() -> None:
    """Keep calendars and notifications in step with the facts."""
    from openyard_infra import roles  # noqa: PLC0415
    from openyard_workers import projector as role  # noqa: PLC0415

    raise SystemExit(roles.run("projector", role.run))


@main.command()
def relay() -> None:
    """Carry facts from the outbox to the FACT stream."""
    from openyard_infra import roles  # noqa: PLC0415
    from openyard_workers import relay as role  # noqa: PLC0415

    raise SystemExit(roles.run("relay", role.run))


@main.command()
def jobs() -> None:
    """Send e-mails and run what is due (arq)."""
    from openyard_infra import roles  # noqa: PLC0415
    from openyard_workers.jobs import worker as role  # noqa: PLC0415

    raise SystemExit(roles.run("jobs", role.run))


for _command in (
    publish.publish,
    schedules.schedule,
    operators.migrate,
    operators.doctor,
    operators.account,
    operators.venue,
    operators.calendar,
    operators.openapi,
):
    main.add_command(_command)


def _home(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    first, _, second = text.partition("/")
    if first.isdecimal() and second.isdecimal() and int(first) < int(second):
        return int(first), int(second)
    raise click.BadParameter("write I/N with 0 <= I < N, e.g. 0/2", param_hint="--home")


main.add_command(bench)

if __name__ == "__main__":
    main()
