"""Recurrence rules: a whitelist first, then the times they stand for, within bounds."""

import datetime as dt
import itertools
import math
import re

from dateutil.rrule import rrulestr
from msgspec import Struct

from openyard_calendars.unreadable import CannotRead

MAX_OCCURRENCES = 3_500
MAX_INTERVAL = 366
MAX_TIMES_A_DAY = 96
FIRST_YEAR, LAST_YEAR = 1990, 2100

_DAYS = {"DAILY": 1, "WEEKLY": 7, "MONTHLY": 31, "YEARLY": 366}
# The least and the greatest of each list; of those marked, also counted from the end.
_RANGES = {
    "BYMONTH": (1, 12),
    "BYMONTHDAY": (1, 31),
    "BYYEARDAY": (1, 366),
    "BYWEEKNO": (1, 53),
    "BYSETPOS": (1, 366),
    "BYHOUR": (0, 23),
    "BYMINUTE": (0, 59),
    "BYSECOND": (0, 59),
}
_FROM_THE_END = {"BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYSETPOS"}
_TIMES = ("BYHOUR", "BYMINUTE", "BYSECOND")
_WEEKDAY = re.compile(r"(?:[+-]?(?:[1-9]|[1-4]\d|5[0-3]))?(?:MO|TU|WE|TH|FR|SA|SU)")
_PLAIN_WEEKDAY = re.compile(r"MO|TU|WE|TH|FR|SA|SU")
_NUMBER = re.compile(r"[+-]?\d{1,4}")
_UNTIL = re.compile(r"(\d{8})(?:T(\d{6})(Z?))?")


class Rule(Struct, frozen=True, kw_only=True):
    """A rule that passed the whitelist.

    ``text``: without COUNT and UNTIL. ``until``: local, inclusive. ``cost``: of following it for
    a day; a unit is about a microsecond.
    """

    text: str
    count: int | None
    until: dt.datetime | None
    cost: float


class Starts(Struct, frozen=True, kw_only=True):
    """Local times in order. ``cut``: more may follow after the horizon. ``cost``: see Rule."""

    times: list[dt.datetime]
    cut: bool
    cost: int


def parse(value: str, zone: dt.tzinfo) -> Rule:
    """The rule of an RRULE value, for an event in this zone.

    Raises:
        CannotRead: it is malformed, or outside the whitelist.
    """
    parts: dict[str, str] = {}
    for part in filter(None, value.strip().upper().split(";")):
        name, equals, given = part.partition("=")
        if not equals or name in parts:
            raise CannotRead("rule_malformed", f"{part[:80]!r} cannot stand in a rule.")
        parts[name] = given
    count = _whole(parts.pop("COUNT"), "COUNT", MAX_OCCURRENCES) if "COUNT" in parts else None
    until = _until(parts.pop("UNTIL"), zone) if "UNTIL" in parts else None
    frequency = parts.get("FREQ", "")
    if frequency not in _DAYS:
        raise CannotRead(
            "rule_frequency", f"FREQ is {frequency[:20]!r}; only daily, weekly, monthly or yearly."
        )
    interval = _whole(parts.get("INTERVAL", "1"), "INTERVAL", MAX_INTERVAL)
    times = math.prod(_check(name, given) for name, given in parts.items())
    if times > MAX_TIMES_A_DAY:
        raise CannotRead("rule_too_dense", f"{times} times a day are too many.")
    text = ";".join(f"{name}={given}" for name, given in parts.items())
    days = _DAYS[frequency]
    # Measured: each step costs 70 µs, 4 µs for each of its days, half of one for each time.
    cost = (70 + 4 * days + times / 2) / (days * interval)
    return Rule(text=text, count=count, until=until, cost=cost)


def _check(name: str, given: str) -> int:
    """How many times a day a part stands for, once it is known to be well formed."""
    values = given.split(",")
    if name in _RANGES:
        least, greatest = _RANGES[name]
        for value in values:
            number = int(value) if _NUMBER.fullmatch(value) else greatest + 1
            if name in _FROM_THE_END:
                number = abs(number)
            if not least <= number <= greatest:
                raise CannotRead("rule_malformed", f"{value[:20]!r} cannot stand in {name}.")
    elif name in ("BYDAY", "WKST"):
        pattern = _WEEKDAY if name == "BYDAY" else _PLAIN_WEEKDAY
        if not all(pattern.fullmatch(value) for value in values):
            raise CannotRead("rule_malformed", f"{given[:80]!r} cannot stand in {name}.")
    elif name not in ("FREQ", "INTERVAL"):
        raise CannotRead("rule_part_unknown", f"Rules with {name[:20]!r} are not taken over.")
    return len(set(values)) if name in _TIMES else 1


def _whole(given: str, name: str, greatest: int) -> int:
    if _NUMBER.fullmatch(given) and 1 <= int(given) <= greatest:
        return int(given)
    raise CannotRead("rule_out_of_range", f"{name} is {given[:20]!r}: not 1 to {greatest}.")


def _until(given: str, zone: dt.tzinfo) -> dt.datetime:
    match = _UNTIL.fullmatch(given)
    try:
        if not match:
            raise ValueError(given)  # noqa: TRY301
        day, time, utc = match.groups()
        until = dt.datetime.strptime(day + (time or "235959"), "%Y%m%d%H%M%S")  # noqa: DTZ007
    except ValueError as error:
        raise CannotRead("rule_malformed", f"UNTIL is {given[:20]!r}: not a time.") from error
    # Years far away are as good as LAST_YEAR, and no zone can be asked about them.
    until = min(max(until, _FIRST), _LAST)
    return until.replace(tzinfo=dt.UTC).astimezone(zone).replace(tzinfo=None) if utc else until


_FIRST = dt.datetime(FIRST_YEAR, 1, 1)  # noqa: DTZ001 local times of any zone
_LAST = dt.datetime(LAST_YEAR, 12, 31)  # noqa: DTZ001


def last(rule: Rule, horizon: dt.datetime | None) -> dt.datetime:
    """Up to when a rule is followed, local.

    Raises:
        CannotRead: it never ends, and no horizon is given.
    """
    ends = [moment for moment in (rule.until, horizon) if moment]
    if not ends and rule.count is None:
        raise CannotRead("rule_endless", "The rule has no end: give it COUNT or UNTIL.")
    return min([*ends, _LAST])


def starts(rule: Rule, first: dt.datetime, horizon: dt.datetime | None) -> Starts:
    """The local times a rule stands for; the first is among them unless the end lies before it.

    Raises:
        CannotRead: it never ends and no horizon is given, or it gives too many.
    """
    end = last(rule, horizon)
    text = f"{rule.text};UNTIL={end:%Y%m%dT%H%M%S}"
    limit = MAX_OCCURRENCES + 1 if rule.count is None else rule.count
    times = list(itertools.islice(rrulestr(text, dtstart=first), limit))
    if len(times) > MAX_OCCURRENCES:
        raise CannotRead(
            "rule_too_many", f"The rule gives more than {MAX_OCCURRENCES:,} occurrences."
        )
    counted = len(times) == rule.count
    followed = (times[-1] if counted else end) - first
    return Starts(
        times=sorted({first, *times}) if first <= end else [],
        cut=not counted and end != rule.until,
        cost=int(rule.cost * max(followed.days, 1)),
    )
