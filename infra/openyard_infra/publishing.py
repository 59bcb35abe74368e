"""A venue's file as slots to publish: CSV, JSON lines or .ics; or what is wrong, and where."""

import asyncio
import datetime as dt
import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from openyard_calendars import zones
from openyard_calendars.unreadable import CannotRead, Unreadable
from openyard_events import form
from openyard_events.contracts import Audience, SlotKind, SlotOffered
from openyard_infra import spreadsheets
from openyard_infra.spreadsheets import Record
from openyard_platform import sandbox
from openyard_platform.domain import event_slots, slot_cells
from openyard_platform.domain.event_slots import Problem, Row

MAX_BYTES = 20_000_000
MAX_ROWS = 50_000
ZONE = "Asia/Shanghai"


def read_file(  # noqa: PLR0913 one for each option of the command
    path: Path,
    *,
    space: str | None = None,
    capacity: int | None = None,
    kind: SlotKind | None = None,
    audiences: list[Audience] | None = None,
    zone: str | None = None,
    until: dt.datetime | None = None,
) -> list[Row]:
    """Every slot of a file, or the problem in its place, in order.

    ``space``, ``capacity``, ``kind``, ``audiences``: used where the file does not say it.
    ``zone``: of times that name none: in a table Asia/Shanghai if not given, in a calendar none.
    ``until``: how far a calendar's series are followed; without it, endless ones are problems.
    """
    defaults = {"space": space, "capacity": capacity, "kind": kind, "audiences": audiences}
    given = {name: value for name, value in defaults.items() if value is not None}
    try:
        written = int(path.stat().st_mtime)
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        return [_problem("file", "file_unreadable", f"{path}: {error.strerror}.")]
    if len(data) > MAX_BYTES:
        message = f"The file is larger than {MAX_BYTES:,} bytes: split it."
        return [_problem("file", "too_large", message)]
    try:
        table_zone = zones.resolve(zone or ZONE, {})
    except CannotRead as error:
        return [_problem("file", error.code, str(error))]
    match path.suffix.lower():
        case ".csv":
            rows = _from_table(data, {"version": written} | given, table_zone)
        case ".jsonl" | ".ndjson":
            rows = _from_lines(data, {"version": written} | given)
        case ".ics":
            rows = _from_calendar(data, given, zone, until, table_zone)
        case suffix:
            message = f"{suffix or 'A file without suffix'} is none of .csv, .jsonl and .ics."
            rows = iter([_problem("file", "format_unknown", message)])
    found = list(itertools.islice(_each_once(rows), MAX_ROWS + 1))
    if len(found) > MAX_ROWS:
        # Half of a file would be harder to mend than none of it.
        message = f"The file has more than {MAX_ROWS:,} rows: split it."
        return [_problem("file", "too_many_rows", message)]
    return found


def _from_table(data: bytes, given: dict[str, Any], zone: dt.tzinfo) -> Iterator[Row]:
    """``given``: also a version, the time the file was written, for tables without one."""
    for found in spreadsheets.records(data, zone):
        if isinstance(found, Record):
            yield from event_slots.slot(
                f"line {found.line}", given | found.fields, slot_cells.column_of
            )
        else:
            yield _problem(f"line {found.line}", found.code, found.message)


def _from_lines(data: bytes, given: dict[str, Any]) -> Iterator[Row]:
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            fields = msgspec.json.decode(line, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            fault = form.describe(str(error))
            code = fault.code if isinstance(error, msgspec.ValidationError) else "malformed_json"
            yield _problem(f"line {number}", code, fault.message)
        else:
            yield from event_slots.slot(f"line {number}", given | fields)


def _from_calendar(
    data: bytes,
    given: dict[str, Any],
    zone: str | None,
    until: dt.datetime | None,
    table_zone: dt.tzinfo,
) -> Iterator[Row]:
    """``table_zone``: of the times in properties of ours, which are written as in a table."""
    missing = [name for name in ("space", "capacity") if name not in given]
    if missing:
        message = f"A calendar says nothing of {' and '.join(missing)}: state it."
        yield _problem("file", "missing_field", message)
        return
    for event in asyncio.run(sandbox.read_calendar(data, zone=zone, until=until)):
        if isinstance(event, Unreadable):
            yield _problem(event.uid or "file", event.code, event.message)
        else:
            name, version = event_slots.external_id(event), event_slots.version(event)
            yield from event_slots.of_event(event, name, version, given, table_zone)


def _each_once(rows: Iterable[Row]) -> Iterator[Row]:
    """A second slot of the same id would only be answered ``duplicate``; say so beforehand."""
    seen: set[str] = set()
    for row in rows:
        if isinstance(row, SlotOffered) and row.external_id in seen:
            message = "Another slot in this file has the same external_id."
            yield _problem(row.external_id, "repeated_id", message)
            continue
        if isinstance(row, SlotOffered):
            seen.add(row.external_id)
        yield row


def _problem(where: str, code: str, message: str) -> Problem:
    return Problem(where=where, code=code, message=message)
