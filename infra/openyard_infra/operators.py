"""What an operator does at the command line, beside running the roles."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import rich_click as click

from openyard_infra.complaints import WRONG_SETTINGS, complaint

T = TypeVar("T")

data_dir = click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Work on the 'openyard up' running there instead of OPENYARD_* settings.",
)
as_json = click.option("--json", "as_json", is_flag=True, help="For programs.")


@click.command()
@data_dir
def migrate(data_dir: Path | None) -> None:
    """Bring the database to the newest schema; harmless when it is there already."""
    from openyard_infra import migrations  # noqa: PLC0415

    settings = _settings(data_dir)
    applied = _run(lambda: migrations.migrate(settings.database_url))
    click.echo(f"applied: {', '.join(applied)}" if applied else "the schema is current")


@click.command()
@data_dir
@as_json
def doctor(data_dir: Path | None, as_json: bool) -> None:  # noqa: FBT001 - click names it
    """Check every setting and connection; exit code 1 if anything is wrong."""
    import msgspec  # noqa: PLC0415

    from openyard_infra import doctor as examination  # noqa: PLC0415
    from openyard_infra import running  # noqa: PLC0415
    from openyard_platform.settings import BadSetting  # noqa: PLC0415

    try:
        environment = running.environment(data_dir)
    except BadSetting as error:
        raise complaint(str(error), WRONG_SETTINGS) from error
    found = _run(lambda: examination.examine(environment))
    if as_json:
        told = [{"ok": each.healthy, **msgspec.to_builtins(each)} for each in found]
        click.echo(msgspec.json.encode(told))
    for each in () if as_json else found:
        mark = click.style("ok   ", fg="green") if each.healthy else click.style("WRONG", fg="red")
        mend = "" if each.healthy else f" — mend: {each.mend}"
        click.echo(f"{mark} {each.what}: {each.is_}{mend}")
    raise SystemExit(0 if all(each.healthy for each in found) else 1)


@click.command()
def openapi() -> None:
    """Print the OpenAPI document of the HTTP interface."""
    import msgspec  # noqa: PLC0415

    from openyard_platform.settings import Settings  # noqa: PLC0415
    from openyard_platform.web import openapi as description  # noqa: PLC0415
    from openyard_platform.web.app import create_app  # noqa: PLC0415

    nowhere = Settings(database_url="", nats_url="", redis_url="", secret_key="")  # nothing opens
    document = description.document(create_app(nowhere).openapi_schema.to_schema())
    click.echo(msgspec.json.format(msgspec.json.encode(document)))


@click.group()
def account() -> None:
    """Accounts that nobody can sign up for by themselves."""


@account.command("add")
@click.argument("email")
@click.option(
    "--role",
    type=click.Choice(["supervisor", "venue", "school", "volunteer", "family"]),
    required=True,
)
@click.option("--name", help="Shown to others; the address without its host if left out.")
@click.option("--organisation", metavar="KEY", help="Whose staff it is: for venue and school.")
@click.option("--district", metavar="KEY", help="A supervisor's; the whole city if left out.")
@click.option("--token", is_flag=True, help="Print an API token, too.")
@data_dir
def account_add(  # noqa: PLR0913 - one for each option
    email: str,
    role: str,
    name: str | None,
    organisation: str | None,
    district: str | None,
    token: bool,  # noqa: FBT001 - click names it
    data_dir: Path | None,
) -> None:
    """Make an account and print its password, which is shown only now."""
    from openyard_infra import founding  # noqa: PLC0415
    from openyard_platform.domain.people import Role  # noqa: PLC0415

    wanted = founding.Person(
        email=email,
        role=Role(role),
        name=name or email.partition("@")[0],
        organisation=organisation,
        district=district,
        token=token,
    )
    settings = _settings(data_dir)
    made = _run(lambda: founding.add_account(settings.database_url, wanted))
    click.echo(f"login:    {made.email}\npassword: {made.password}")
    if made.token:
        click.echo(f"token:    {made.token}")


@click.group()
def venue() -> None:
    """Organisations that offer slots."""


@venue.command("add")
@click.argument("key")
@click.option("--name", required=True)
@click.option("--district", metavar="KEY", required=True)
@click.option("--kind", default="venue", show_default=True, help="venue, school, community, …")
@click.option("--address", default="")
@click.option(
    "--space",
    "spaces",
    metavar="KEY:NAME[@ROOM][:HALL]",
    multiple=True,
    required=True,
    help="One bookable place; HALL is the key of the space it lies in. With a number of people "
    "(reading-room:阅览室@60) it is shareable: slots may meet there as long as so many have room. "
    "May be repeated.",
)
@data_dir
def venue_add(  # noqa: PLR0913 - one for each option
    key: str,
    name: str,
    district: str,
    kind: str,
    address: str,
    spaces: tuple[str, ...],
    data_dir: Path | None,
) -> None:
    """Make an organisation with its spaces; on an 'openyard up', print its user on NATS."""
    from openyard_infra import founding, keys  # noqa: PLC0415

    wanted = founding.Venue(
        key=key, name=name, district=district, kind=kind, address=address, spaces=spaces
    )
    settings = _settings(data_dir)
    _run(lambda: founding.add_venue(settings.database_url, wanted))
    click.echo(f"{key} has {len(spaces)} space(s)")
    if data_dir is not None:
        password = keys.derive(keys.read_or_create(data_dir / "secret"), f"nats:{key}")
        click.echo(f"NATS user: {key}\npassword:  {password}")


@click.group()
def calendar() -> None:
    """Holidays, worked weekends and exam days."""


@calendar.command("import-year")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@data_dir
def calendar_import_year(file: Path, data_dir: Path | None) -> None:
    """Take over the holidays and worked weekends of a year from a notice.

    FILE is a CSV table with the columns date (2027-01-01), kind (holiday or adjusted_workday)
    and, where you like, name. The days it leaves out are workdays and weekends.
    """
    from openyard_calendars.day_kinds import BadNotice  # noqa: PLC0415
    from openyard_infra import calendar_years  # noqa: PLC0415

    try:
        notice = calendar_years.read(file)
    except (BadNotice, OSError, UnicodeDecodeError) as error:
        raise complaint(f"{file}: {error}", WRONG_SETTINGS) from error
    settings = _settings(data_dir)
    changed = _run(lambda: calendar_years.load(settings.database_url, notice))
    click.echo(f"{notice.year}: {changed} day(s) are different now")


def _settings(directory: Path | None) -> Any:
    from openyard_infra import running  # noqa: PLC0415
    from openyard_platform.settings import BadSetting  # noqa: PLC0415

    try:
        return running.settings(directory)
    except BadSetting as error:
        raise complaint(str(error), WRONG_SETTINGS) from error


def _run(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run to the end; what is expected to go wrong becomes one line."""
    from openyard_infra.migrations import MigrationFailed  # noqa: PLC0415
    from openyard_infra.roles import OUTAGES  # noqa: PLC0415
    from openyard_platform.domain.errors import OpenyardError  # noqa: PLC0415

    try:
        return asyncio.run(work())
    except (OpenyardError, MigrationFailed, *OUTAGES) as error:
        raise complaint(str(error) or type(error).__name__) from error
