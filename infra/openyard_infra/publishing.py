"""A venue's file as slots to publish: CSV, JSON lines or .ics; or what is wrong, and where."""

import datetime as dt
import hashlib
import itertools
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
from msgspec import Struct

from openyard_calendars import zones
from openyard_calendars.reading import ReadEvent
from openyard_calendars.unreadable import CannotRead, Unreadable
from openyard_events import form, venue_messages
from openyard_events.contracts import Audience, SlotKind, SlotOffered
from openyard_infra import sandbox, spreadsheets
from openyard_infra.spreadsheets import CellMalformed, Record

MAX_BYTES = 20_000_000
MAX_ROWS = 50_000
ZONE = "Asia/Shanghai"

_MAX_ID = 200
_MAX_SEQUENCE = 9_999


class Problem(Struct, frozen=True, kw_only=True):
    """Something in a file that becomes no slot. ``where``: ``line 3``, or an event's id."""

    where: str
    code: str
    message: str


Row: TypeAlias = SlotOffered | Problem


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
            yield from _slot(f"line {found.line}", given | found.fields, spreadsheets.column_of)
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
            yield from _slot(f"line {number}", given | fields)


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
    for event in sandbox.read_calendar(data, zone=zone, until=until):
        if isinstance(event, Unreadable):
            yield _problem(event.uid or "file", event.code, event.message)
        else:
            yield from _from_event(event, given, table_zone)


def _from_event(event: ReadEvent, given: dict[str, Any], zone: dt.tzinfo) -> Iterator[Row]:
    external_id = _external_id(event)
    if event.all_day:
        yield _problem(external_id, "all_day", "An event of whole days names no hours to come at.")
    elif event.status == "TENTATIVE":
        yield _problem(external_id, "tentative", "The event is not certain yet.")
    elif not event.summary:
        yield _problem(external_id, "title_missing", "The event has no SUMMARY.")
    else:
        fields = {
            "external_id": external_id,
            "version": _version(event),
            "starts_at": event.starts_at,
            "ends_at": event.ends_at,
            "title": " ".join(event.summary.split()),
        }
        if event.description:
            fields["description"] = event.description
        try:
            fields |= spreadsheets.stated(event.stated, zone)
        except CellMalformed as error:
            yield _problem(external_id, error.code, str(error))
            return
        yield from _slot(external_id, given | fields)


def _external_id(event: ReadEvent) -> str:
    """The UID, with the occurrence where there are several; a long one ends in its digest."""
    whole = event.uid if event.recurrence_key is None else f"{event.uid}/{event.recurrence_key}"
    fitting = " ".join(whole.split())
    if len(fitting) <= _MAX_ID:
        return fitting
    digest = hashlib.sha256(whole.encode()).hexdigest()[:32]
    return f"{fitting[: _MAX_ID - len(digest) - 1]}~{digest}"


def _version(event: ReadEvent) -> int:
    """Rises when the event was changed later, or its SEQUENCE is higher at the same time."""
    return int(event.changed_at.timestamp()) * (_MAX_SEQUENCE + 1) + min(
        event.sequence, _MAX_SEQUENCE
    )


def _slot(
    where: str, fields: dict[str, Any], column: Callable[[str], str] | None = None
) -> Iterator[Row]:
    """``column``: from the path of what is wrong to the cell in which it was written."""
    try:
        slot = msgspec.convert(fields, SlotOffered)
    except msgspec.ValidationError as error:
        fault = form.explain(error)
        path = fault.path if column is None else column(fault.path)
        yield _problem(where, fault.code, _sentence(path, fault.message))
        return
    faults = venue_messages.faults(slot)
    if not faults:
        yield slot
    for fault in faults:
        path = "" if column is None else column(fault.path)
        message = fault.message if fault.message.startswith(path) else f"{path}: {fault.message}"
        yield _problem(where, fault.code, message)


def _sentence(path: str, message: str) -> str:
    return f"{path}: {message}" if path else message


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
