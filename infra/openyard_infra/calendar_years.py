"""``openyard calendar import-year``: the notice of a year from a table."""

import csv
import datetime as dt
from pathlib import Path

from msgspec import Struct

from openyard_calendars import day_kinds
from openyard_calendars.day_kinds import BadNotice, DayKind
from openyard_platform import clock
from openyard_platform.actions import calendar_days
from openyard_platform.store import engine

_KINDS = ("holiday", "adjusted_workday")


class Notice(Struct, frozen=True, kw_only=True):
    """``kinds``: every day of the year; ``names``: of those that the notice is about."""

    year: int
    kinds: dict[dt.date, DayKind]
    names: dict[dt.date, str]


def read(file: Path) -> Notice:
    """The notice in a CSV file with the columns ``date``, ``kind`` and perhaps ``name``.

    Raises:
        BadNotice: a line says nothing, or the lines cannot all be true of one year.
        OSError, UnicodeDecodeError: the file cannot be read.
    """
    found: dict[str, set[dt.date]] = {kind: set() for kind in _KINDS}
    names: dict[dt.date, str] = {}
    with file.open(encoding="utf-8-sig", newline="") as lines:
        table = csv.DictReader(lines)
        if not {"date", "kind"} <= set(table.fieldnames or ()):
            raise BadNotice("The first line names the columns: date,kind,name.")
        for row in table:
            where = f"line {table.line_num}"
            try:
                day = dt.date.fromisoformat((row["date"] or "").strip())
            except ValueError as error:
                raise BadNotice(f"{where}: {row['date']!r} is no date like 2027-01-31.") from error
            kind = (row["kind"] or "").strip()
            if kind not in found:
                raise BadNotice(f"{where}: the kind is {' or '.join(_KINDS)}, not {kind!r}.")
            found[kind].add(day)
            names[day] = (row.get("name") or "").strip()
    if not found["holiday"]:
        raise BadNotice("There is no holiday in it.")
    year = min(found["holiday"]).year
    kinds = day_kinds.of_year(year, found["holiday"], found["adjusted_workday"])
    return Notice(year=year, kinds=kinds, names=names)


async def load(database_url: str, notice: Notice) -> int:
    """Take it over; how many days are different now."""
    await engine.connect(database_url, size=1, application="openyard calendar")
    try:
        return await calendar_days.load_year(notice.kinds, notice.names, clock.now())
    finally:
        await engine.disconnect()
