"""What the country's calendar makes of a day: workday, weekend, holiday, or a weekend worked."""

import calendar
import datetime as dt
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from enum import StrEnum

from msgspec import Struct

_DAY = dt.timedelta(days=1)
_SATURDAY = 5


class DayKind(StrEnum):
    """``adjusted_workday``: 调休, a weekend worked for a holiday. ``unknown``: no notice yet."""

    WORKDAY = "workday"
    WEEKEND = "weekend"
    HOLIDAY = "holiday"
    ADJUSTED_WORKDAY = "adjusted_workday"
    UNKNOWN = "unknown"


class BadNotice(ValueError):
    """A year's notice contradicts itself or the calendar; the message says where."""


class DayKinds(Struct, frozen=True, kw_only=True):
    """A stretch of the calendar. ``exams``: days on which the district's schools write exams."""

    kinds: Mapping[dt.date, DayKind] = {}
    exams: AbstractSet[dt.date] = frozenset()

    def of(self, day: dt.date) -> DayKind:
        """The kind of the day; a day nobody has told about is unknown, never guessed."""
        return self.kinds.get(day, DayKind.UNKNOWN)


def of_year(
    year: int, holidays: AbstractSet[dt.date], worked: AbstractSet[dt.date]
) -> dict[dt.date, DayKind]:
    """Every day of a year as its notice has it. ``worked``: weekend days that are workdays.

    Raises:
        BadNotice: a day lies outside the year, stands in both, or is worked and no weekend.
    """
    for day in sorted(holidays | worked):
        if day.year != year:
            raise BadNotice(f"{day} is not in {year}.")
        if day in holidays and day in worked:
            raise BadNotice(f"{day} is both a holiday and worked.")
        if day in worked and day.weekday() < _SATURDAY:
            raise BadNotice(f"{day} is no weekend day: it is worked anyway.")
    first = dt.date(year, 1, 1)
    days = [first + number * _DAY for number in range(365 + calendar.isleap(year))]
    return {day: _kind(day, holidays, worked) for day in days}


def _kind(day: dt.date, holidays: AbstractSet[dt.date], worked: AbstractSet[dt.date]) -> DayKind:
    if day in holidays:
        return DayKind.HOLIDAY
    if day in worked:
        return DayKind.ADJUSTED_WORKDAY
    return DayKind.WORKDAY if day.weekday() < _SATURDAY else DayKind.WEEKEND
