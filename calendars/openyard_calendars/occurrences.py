"""The times a recurrence rule stands for, found by looking at each day of its periods.

General libraries look on to the year 9999 when a rule matches nothing; here the days that are
looked at are counted, and end with the rule.
"""

import calendar
import datetime as dt
import itertools
from collections.abc import Iterator

from msgspec import Struct
from msgspec.structs import replace

from openyard_calendars import recurrence
from openyard_calendars.recurrence import Rule
from openyard_calendars.unreadable import CannotRead

MAX_OCCURRENCES = 3_500
_DAY = dt.timedelta(days=1)


class Starts(Struct, frozen=True, kw_only=True):
    """Local times in order. ``cut``: more may follow after the horizon.

    ``looked``: at how many days; each costs about a microsecond.
    """

    times: list[dt.datetime]
    cut: bool
    looked: int


def starts(rule: Rule, first: dt.datetime, horizon: dt.datetime | None) -> Starts:
    """The local times of a rule; the first is among them unless the end lies before it.

    Raises:
        CannotRead: it never ends and no horizon is given, or it gives too many.
    """
    end = recurrence.last(rule, horizon)
    limit = MAX_OCCURRENCES + 1 if rule.count is None else rule.count
    filled = _with_defaults(rule, first)
    times: list[dt.datetime] = []
    looked = 0
    for period in _periods(filled, first.date(), end.date()):
        looked += len(period)
        times += [moment for moment in _in_period(filled, period) if first <= moment <= end]
        if len(times) >= limit:
            break
    del times[limit:]
    if len(times) > MAX_OCCURRENCES:
        message = f"The rule gives more than {MAX_OCCURRENCES:,} occurrences."
        raise CannotRead("rule_too_many", message)
    return Starts(
        times=sorted({first, *times}) if first <= end else [],
        cut=end == horizon and end != rule.until and len(times) != rule.count,
        looked=looked,
    )


def _with_defaults(rule: Rule, first: dt.datetime) -> Rule:
    """What a rule leaves out is as in its first event (RFC 5545, 3.3.10)."""
    months, month_days, weekdays = rule.months, rule.month_days, rule.weekdays
    if not (month_days or rule.year_days or weekdays):
        if rule.frequency == "WEEKLY":
            weekdays = frozenset({(0, first.weekday())})
        elif rule.frequency in ("MONTHLY", "YEARLY"):
            month_days = frozenset({first.day})
            if rule.frequency == "YEARLY" and not months:
                months = frozenset({first.month})
    return replace(
        rule,
        months=months,
        month_days=month_days,
        weekdays=weekdays,
        hours=rule.hours or frozenset({first.hour}),
        minutes=rule.minutes or frozenset({first.minute}),
        seconds=rule.seconds or frozenset({first.second}),
    )


def _periods(rule: Rule, first: dt.date, end: dt.date) -> Iterator[list[dt.date]]:
    """Every INTERVALth day, week, month or year from that of the first day on, whole."""
    step = rule.interval
    if rule.frequency == "DAILY":
        for number in range(0, (end - first).days + 1, step):
            yield [first + number * _DAY]
    elif rule.frequency == "WEEKLY":
        monday = first - (first.weekday() - rule.week_start) % 7 * _DAY
        for number in range(0, (end - monday).days + 1, 7 * step):
            yield [monday + (number + day) * _DAY for day in range(7)]
    elif rule.frequency == "MONTHLY":
        for number in range(first.year * 12 + first.month - 1, end.year * 12 + end.month, step):
            yield _month(number // 12, number % 12 + 1)
    else:
        for year in range(first.year, end.year + 1, step):
            yield [day for month in range(1, 13) for day in _month(year, month)]


def _month(year: int, month: int) -> list[dt.date]:
    return [dt.date(year, month, day + 1) for day in range(calendar.monthrange(year, month)[1])]


def _in_period(rule: Rule, period: list[dt.date]) -> list[dt.datetime]:
    days = [day for day in period if _matches(rule, day)]
    if not days:
        return []
    clocks = sorted(
        dt.time(*parts) for parts in itertools.product(rule.hours, rule.minutes, rule.seconds)
    )
    moments = [dt.datetime.combine(day, clock) for day in days for clock in clocks]
    if not rule.positions:
        return moments
    count = len(moments)
    chosen = {place - 1 if place > 0 else count + place for place in rule.positions}
    return [moments[place] for place in sorted(chosen) if 0 <= place < count]


def _matches(rule: Rule, day: dt.date) -> bool:
    if rule.months and day.month not in rule.months:
        return False
    if rule.month_days:
        length = calendar.monthrange(day.year, day.month)[1]
        if not rule.month_days & {day.day, day.day - length - 1}:
            return False
    if rule.year_days:
        length = 365 + calendar.isleap(day.year)
        number = day.timetuple().tm_yday
        if not rule.year_days & {number, number - length - 1}:
            return False
    return not rule.weekdays or _is_weekday(rule, day)


def _is_weekday(rule: Rule, day: dt.date) -> bool:
    weekday = day.weekday()
    if (0, weekday) in rule.weekdays:
        return True
    if all(ordinal == 0 for ordinal, _ in rule.weekdays):
        return False
    if rule.frequency == "MONTHLY" or rule.months:
        number, length = day.day, calendar.monthrange(day.year, day.month)[1]
    else:
        number, length = day.timetuple().tm_yday, 365 + calendar.isleap(day.year)
    from_start, from_end = (number - 1) // 7 + 1, -((length - number) // 7 + 1)
    return bool(rule.weekdays & {(from_start, weekday), (from_end, weekday)})
