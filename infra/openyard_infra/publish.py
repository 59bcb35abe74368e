"""``openyard publish``: a venue's files over NATS, a receipt for every slot in them."""

import asyncio
import datetime as dt
import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import rich_click as click
from msgspec import Struct

from openyard_infra.complaints import UNREACHED, WRONG_SETTINGS, complaint

_AT_ONCE = 64
_HORIZON = dt.timedelta(days=366)

Done = Callable[[], None]
# A slot or a problem, and its file where several were given.
Row = tuple[str | None, Any]


class Line(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one slot. ``status``: of the receipt, ``problem`` or ``failed``.

    ``file``: where several were given.
    """

    file: str | None = None
    where: str
    status: str
    slot_id: str | None = None
    errors: list[str] = []


class Place(Struct, frozen=True, kw_only=True):
    """Where to publish, and as whom. No user: the credentials are in the address."""

    nats_url: str
    key: str
    user: str | None
    password: str | None


@click.command()
@click.argument(
    "files",
    metavar="FILE",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@click.option("--venue", "key", required=True, metavar="KEY", help="As which venue.")
@click.option("--space", metavar="KEY", help="Where the file does not say it.")
@click.option("--capacity", type=click.IntRange(0), help="Where the file does not say it.")
@click.option("--kind", help="access, visit, activity, shift, outreach or busy.")
@click.option("--audience", "audiences", multiple=True, help="May be repeated.")
@click.option("--zone", help="Of times that name none, e.g. Asia/Shanghai.")
@click.option(
    "--until", type=click.DateTime(["%Y-%m-%d"]), help="How far a calendar's series are followed."
)
@click.option("--nats-url", envvar="OPENYARD_NATS_URL", help="Default: OPENYARD_NATS_URL.")
@click.option("--user", envvar="OPENYARD_NATS_USER", help="Default: in the address, or KEY.")
@click.option("--password", envvar="OPENYARD_NATS_PASSWORD", help="The venue's on NATS.")
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Publish to the 'openyard up' running there, with the venue's credentials from it.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document a line, for programs.")
def publish(  # noqa: PLR0913 - one for each option
    files: tuple[Path, ...],
    key: str,
    *,
    space: str | None,
    capacity: int | None,
    kind: str | None,
    audiences: tuple[str, ...],
    zone: str | None,
    until: dt.datetime | None,
    nats_url: str | None,
    user: str | None,
    password: str | None,
    data_dir: Path | None,
    as_json: bool,
) -> None:
    """Publish the slots of each FILE (.csv, .jsonl or .ics) as a venue, and print each receipt.

    A table has a column for each field of a slot, party.min or age_max for those inside of one,
    and allotments as AUDIENCE:SEATS:RELEASE_HOURS[:PER_SCHOOL], several with ";" between them. An
    event of a calendar says the same in properties like X-OPENYARD-AGE-MAX.

    Exit codes: 0 all accepted or known already, 1 some were refused or not readable, 2 wrong
    usage or settings, 3 the platform did not answer; publishing FILE again is always safe.
    """
    from openyard_events import subjects  # noqa: PLC0415
    from openyard_events.contracts import Audience, SlotKind  # noqa: PLC0415
    from openyard_infra import publishing  # noqa: PLC0415
    from openyard_platform import clock  # noqa: PLC0415

    if not subjects.is_token(key):
        raise click.BadParameter("letters, digits, '_' and '-' only", param_hint="--venue")
    place = _place(key, nats_url, user, password, data_dir)
    read = partial(
        publishing.read_file,
        space=space,
        capacity=capacity,
        kind=_one_of(SlotKind, kind, "--kind") if kind else None,
        audiences=[_one_of(Audience, each, "--audience") for each in audiences] or None,
        zone=zone,
        until=until.replace(tzinfo=clock.SHANGHAI) if until else clock.now() + _HORIZON,
    )
    lines = _run(place, _rows(files, read), as_json=as_json)
    for line in lines:
        click.echo(msgspec.json.encode(line) if as_json else _text(line))
    raise SystemExit(_code(lines))


def _place(
    key: str, nats_url: str | None, user: str | None, password: str | None, directory: Path | None
) -> Place:
    from openyard_infra import keys, running  # noqa: PLC0415
    from openyard_platform.settings import BadSetting  # noqa: PLC0415

    if password and not user:
        user = key
    directory = directory or (None if nats_url else running.default_directory())
    if directory is None:
        if not nats_url:
            line = "Say where: --nats-url, OPENYARD_NATS_URL or --data-dir."
            raise complaint(line, WRONG_SETTINGS)
        return Place(nats_url=nats_url, key=key, user=user, password=password)
    try:
        address = "nats://" + running.environment(directory)["OPENYARD_NATS_URL"].rpartition("@")[2]
        secret = keys.read_or_create(directory / "secret")
    except (BadSetting, OSError, ValueError) as error:
        raise complaint(str(error), WRONG_SETTINGS) from error
    password = password or keys.derive(secret, f"nats:{key}")
    return Place(nats_url=address, key=key, user=user or key, password=password)


def _one_of(kind: Any, text: str, option: str) -> Any:
    try:
        return kind(text)
    except ValueError as error:
        raise click.BadParameter(f"one of {', '.join(kind)}", param_hint=option) from error


def _rows(files: Sequence[Path], read: Callable[[Path], list[Any]]) -> list[Row]:
    """The rows of all files in their order; calendars keep a process busy each."""
    if len(files) == 1:
        return [(None, row) for row in read(files[0])]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = pool.map(read, files)
        return [(str(file), row) for file, rows in zip(files, found, strict=True) for row in rows]


def _run(place: Place, rows: Sequence[Row], *, as_json: bool) -> list[Line]:
    import nats.errors  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import Progress  # noqa: PLC0415

    from openyard_events.publisher import PublishRefused  # noqa: PLC0415

    quiet = as_json or not sys.stderr.isatty()
    with Progress(console=Console(stderr=True), disable=quiet, transient=True) as progress:
        task = progress.add_task("publishing", total=len(rows))
        try:
            return asyncio.run(_publish(place, rows, lambda: progress.advance(task)))
        except OSError as error:
            raise complaint(f"NATS cannot be reached: {error}", UNREACHED) from error
        except (nats.errors.Error, PublishRefused) as error:
            said = str(error) or type(error).__name__
            raise complaint(f"NATS does not let {place.key} in: {said}", UNREACHED) from error


async def _publish(place: Place, rows: Sequence[Row], done: Done) -> list[Line]:
    from openyard_events.publisher import PublishingFailed, VenuePublisher  # noqa: PLC0415
    from openyard_platform.domain.event_slots import Problem  # noqa: PLC0415

    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(file: str | None, row: Any) -> Line:
        if isinstance(row, Problem):
            done()
            return _problem(file, row)
        async with gate:
            try:
                receipt = await publisher.offer(row)
            except PublishingFailed as error:
                where = row.external_id
                return Line(file=file, where=where, status="failed", errors=[str(error)])
            finally:
                done()
        return Line(
            file=file,
            where=row.external_id,
            status=receipt.status,
            slot_id=str(receipt.slot_id) if receipt.slot_id else None,
            errors=[f"{each.path}: {each.code}: {each.message}" for each in receipt.errors],
        )

    if all(isinstance(row, Problem) for _, row in rows):
        return [_problem(file, row) for file, row in rows]
    async with VenuePublisher(
        place.nats_url, place.key, user=place.user, password=place.password
    ) as publisher:
        return list(await asyncio.gather(*(one(file, row) for file, row in rows)))


def _problem(file: str | None, row: Any) -> Line:
    errors = [f"{row.code}: {row.message}"]
    return Line(file=file, where=row.where, status="problem", errors=errors)


def _text(line: Line) -> str:
    colour = {"accepted": "green", "duplicate": "cyan"}.get(line.status, "red")
    said = "; ".join(line.errors) or line.slot_id or ""
    where = f"{line.file}: {line.where}" if line.file else line.where
    return f"{click.style(f'{line.status:<9}', fg=colour)} {where}  {said}".rstrip()


def _code(lines: Sequence[Line]) -> int:
    found = {line.status for line in lines}
    if "failed" in found:
        return UNREACHED
    return 1 if found & {"problem", "refused"} else 0
