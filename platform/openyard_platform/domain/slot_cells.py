"""Slots written as cells of a table, or as properties of a calendar's event."""

import datetime as dt
import re
from collections.abc import Mapping
from typing import Any

from openyard_events.contracts import PartyRule, SlotOffered

# Columns for what lies inside of a field, by the path to it.
_NESTED = {f"party.{name}": ("party", name) for name in PartyRule.__struct_fields__} | {
    f"{name}_{end}": (f"{name}s", end) for name in ("age", "grade") for end in ("min", "max")
}
_OUTER = {outer for outer, _ in _NESTED.values()}
ORDER = [name for name in (*SlotOffered.__struct_fields__, *_NESTED) if name not in _OUTER]
COLUMNS = frozenset(ORDER)
_OF_THE_EVENT = {"external_id", "version", "starts_at", "ends_at", "title", "description"}
_PROPERTIES = {
    re.sub(r"[._]", "-", name).upper(): name for name in ORDER if name not in _OF_THE_EVENT
}

_NUMBERS = (
    {"version", "capacity", "cancel_until_hours", "notice_hours", "offer_minutes"}
    | {"buffer_before_minutes", "buffer_after_minutes"}
    | _NESTED.keys() - {"party.adults_count"}
)
_TRUTHS = {"exclusive", "party.adults_count"}
_TIMES = {"starts_at", "ends_at", "opens_at", "closes_at"}
_TRUTH = {
    **dict.fromkeys(("true", "yes", "1", "是"), True),
    **dict.fromkeys(("false", "no", "0", "否"), False),
}
_NUMBER = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_SEPARATORS = re.compile(r"[;|；、]")
# audience:seats:release_hours[:per_school], e.g. school:40:72:20.
_ALLOTMENT = re.compile(
    r"([A-Za-z]+)[:：](\d{1,9})[:：](\d{1,9})(?:[:：](\d{1,9}))?",  # as Chinese keyboards send it
    re.ASCII,
)
# What people and spreadsheets write; 2026/11/28 9:00 is how Excel in China saves a time.
_LOCAL = re.compile(r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})[ T](\d{1,2}):(\d\d)(?::(\d\d))?", re.ASCII)


class CellMalformed(ValueError):
    """A cell that no field of a slot can be read from; ``code`` is for programs."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def fields(cells: Mapping[str, str], zone: dt.tzinfo) -> dict[str, Any]:
    """What cells under these columns say, as fields of a SlotOffered; empty ones say nothing.

    Raises:
        CellMalformed: one cannot be read at all.
    """
    found: dict[str, Any] = {}
    for name, cell in cells.items():
        if not cell:
            continue
        if name in _NESTED:
            outer, inner = _NESTED[name]
            found.setdefault(outer, {})[inner] = _value(name, cell, zone)
        else:
            found[name] = _value(name, cell, zone)
    return found


def stated(properties: Mapping[str, str], zone: dt.tzinfo) -> dict[str, Any]:
    """The same from properties of a calendar's event, e.g. ``AGE-MIN`` or ``PARTY-MAX``.

    What the event says anyway (its id, times and texts) is none of them.

    Raises:
        CellMalformed: there is no such field, or it cannot be read at all.
    """
    cells = {}
    for name, value in properties.items():
        if name not in _PROPERTIES:
            text = f"There is no X-OPENYARD-{name}; those there are: {', '.join(_PROPERTIES)}."
            raise CellMalformed("unknown_field", text)
        cells[_PROPERTIES[name]] = value.strip()
    return fields(cells, zone)


def column_of(path: str) -> str:
    """The column in which what is wrong at this path of a SlotOffered was written."""
    outer, _, inner = path.partition("[")[0].partition(".")
    columns = {nested: column for column, nested in _NESTED.items()}
    return columns.get((outer, inner), outer)


def _value(name: str, cell: str, zone: dt.tzinfo) -> Any:
    """What a cell says; as it stands where it cannot be read, for the contract to refuse."""
    if name in _NUMBERS:
        return int(cell) if _NUMBER.fullmatch(cell) else cell
    if name in _TRUTHS:
        return _TRUTH.get(cell.lower(), cell)
    if name in _TIMES:
        return _time(cell, zone)
    if name == "audiences":
        return _parts(cell)
    if name == "allotments":
        return [_allotment(part) for part in _parts(cell)]
    return cell


def _parts(cell: str) -> list[str]:
    return [part.strip() for part in _SEPARATORS.split(cell) if part.strip()]


def _allotment(part: str) -> dict[str, Any]:
    match = _ALLOTMENT.fullmatch(re.sub(r"\s", "", part))
    if not match:
        wanted = "audience:seats:release_hours[:per_school], e.g. school:40:72:20"
        raise CellMalformed("allotment_malformed", f"allotments: {part[:80]!r} is not {wanted}.")
    audience, seats, hours, most = match.groups()
    found = {"audience": audience.lower(), "seats": int(seats), "release_hours": int(hours)}
    return found if most is None else found | {"per_school": int(most)}


def _time(cell: str, zone: dt.tzinfo) -> dt.datetime | str:
    match = _LOCAL.fullmatch(cell)
    if not match:
        return cell
    year, month, day, hour, minute, second = (int(number or 0) for number in match.groups())
    try:
        return dt.datetime(year, month, day, hour, minute, second, tzinfo=zone)
    except ValueError:
        return cell
