"""A schedule as month grids: which days are open, which are not, and why."""

import calendar
import datetime as dt
from collections.abc import Iterator

from msgspec import Struct, field

from openyard_calendars.day_kinds import DayKind
from openyard_platform.actions.schedules import Outlook
from openyard_platform.domain import words

REASONS = {
    "exception": "停开",
    "outside_term": "不在学期",
    "adjusted_workday": "调休上班",
    "holiday": "放假不开",
    "exam_day": "考试不开",
}
_MARKS = {DayKind.HOLIDAY: "休", DayKind.ADJUSTED_WORKDAY: "班"}
_MONDAYS_FIRST = calendar.Calendar(firstweekday=0)


class Cell(Struct, kw_only=True):
    """One day. ``marks``: 休, 班 and 考. ``hours``: from the first slot to the end of the last."""

    date: dt.date
    marks: list[str] = field(default_factory=list)
    slots: int = 0
    hours: str = ""
    provisional: bool = False
    reason: str = ""
    conflicts: int = 0


class Month(Struct, frozen=True, kw_only=True):
    """``weeks``: seven cells each, from Monday; None: a day of another month."""

    name: str
    slots: int
    weeks: list[list[Cell | None]]


def months(seen: Outlook) -> list[Month]:
    """The months in which the schedule opens or skips a day."""
    cells = _cells(seen)
    found = sorted({(day.year, day.month) for day in cells})
    return [_month(year, number, cells, seen) for year, number in found]


def _cells(seen: Outlook) -> dict[dt.date, Cell]:
    cells: dict[dt.date, Cell] = {}
    ends: dict[dt.date, tuple[dt.datetime, dt.datetime]] = {}
    for slot in seen.expansion.slots:
        day = slot.starts_at.date()
        cell = cells.setdefault(day, Cell(date=day, provisional=slot.provisional))
        cell.slots += 1
        first, last = ends.get(day, (slot.starts_at, slot.ends_at))
        ends[day] = (min(first, slot.starts_at), max(last, slot.ends_at))
    for day, (first, last) in ends.items():
        until = f"{last:%H:%M}" if last.date() == day else "24:00"
        cells[day].hours = f"{first:%H:%M}–{until}"
    for skipped in seen.expansion.skipped:
        cells[skipped.date] = Cell(date=skipped.date, reason=REASONS[skipped.reason])
    for conflict in seen.conflicts:
        cells[conflict.slot.starts_at.date()].conflicts += 1
    return cells


def _month(year: int, number: int, cells: dict[dt.date, Cell], seen: Outlook) -> Month:
    weeks = [
        [_cell(day, cells, seen) if day.month == number else None for day in week]
        for week in _MONDAYS_FIRST.monthdatescalendar(year, number)
    ]
    own = [cell for day, cell in cells.items() if (day.year, day.month) == (year, number)]
    return Month(name=f"{year} 年 {number} 月", slots=sum(cell.slots for cell in own), weeks=weeks)


def _cell(day: dt.date, cells: dict[dt.date, Cell], seen: Outlook) -> Cell:
    cell = cells.get(day) or Cell(date=day)
    cell.marks = list(_marks(day, seen))
    return cell


def _marks(day: dt.date, seen: Outlook) -> Iterator[str]:
    mark = _MARKS.get(seen.days.of(day))
    if mark is not None:
        yield mark
    if day in seen.days.exams:
        yield "考"


def weekdays() -> list[str]:
    """The heads of the columns."""
    return list(words.WEEKDAYS)
