"""Recurrence rules as venues' calendars write them: a whitelist, before anything is reckoned."""

import datetime as dt
import math
import re

from msgspec import Struct

from openyard_calendars.unreadable import CannotRead

MAX_CHARACTERS = 1_000
MAX_COUNT = 3_500
MAX_INTERVAL = 366
MAX_TIMES_A_DAY = 96
FIRST_YEAR, LAST_YEAR = 1990, 2100

_FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
# The least and the greatest of each list, and whether it may also be counted from the end.
_RANGES = {
    "BYMONTH": (1, 12, False),
    "BYMONTHDAY": (1, 31, True),
    "BYYEARDAY": (1, 366, True),
    "BYSETPOS": (1, 366, True),
    "BYHOUR": (0, 23, False),
    "BYMINUTE": (0, 59, False),
    "BYSECOND": (0, 59, False),
}
_PARTS = {"FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST", "BYDAY", *_RANGES}
_IN_MONTH, _IN_YEAR = 5, 53  # how often a weekday comes, at most
_WEEKDAY = re.compile(r"([+-]?\d{1,2})?(MO|TU|WE|TH|FR|SA|SU)", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d{1,4}", re.ASCII)
_UNTIL = re.compile(r"(\d{8})(?:T(\d{6})(Z?))?", re.ASCII)
_FIRST = dt.datetime(FIRST_YEAR, 1, 1)  # noqa: DTZ001 local times of any zone
_LAST = dt.datetime(LAST_YEAR, 12, 31)  # noqa: DTZ001 - local time, its zone comes later


class Rule(Struct, frozen=True, kw_only=True):
    """A rule that passed the whitelist; empty sets restrict nothing.

    ``until``: local, inclusive. ``weekdays``: 0 is Monday, each with its ordinal in the month
    or year, 0: every one. ``week_start``: a weekday.
    """

    frequency: str
    interval: int
    count: int | None
    until: dt.datetime | None
    week_start: int
    weekdays: frozenset[tuple[int, int]]
    months: frozenset[int]
    month_days: frozenset[int]
    year_days: frozenset[int]
    positions: frozenset[int]
    hours: frozenset[int]
    minutes: frozenset[int]
    seconds: frozenset[int]


def parse(value: str, zone: dt.tzinfo) -> Rule:
    """The rule of an RRULE value, for an event in this zone.

    Raises:
        CannotRead: it is malformed, or outside the whitelist.
    """
    parts = _parts(value)
    frequency = parts.get("FREQ", "")
    if frequency not in _FREQUENCIES:
        raise CannotRead(
            "rule_frequency", f"FREQ is {frequency[:20]!r}; only daily, weekly, monthly or yearly."
        )
    times = math.prod(
        len(_numbers(parts, name)) or 1 for name in ("BYHOUR", "BYMINUTE", "BYSECOND")
    )
    if times > MAX_TIMES_A_DAY:
        raise CannotRead("rule_too_dense", f"{times} times a day are too many.")
    return Rule(
        frequency=frequency,
        interval=_whole(parts.get("INTERVAL", "1"), "INTERVAL", MAX_INTERVAL),
        count=_whole(parts["COUNT"], "COUNT", MAX_COUNT) if "COUNT" in parts else None,
        until=_until(parts["UNTIL"], zone) if "UNTIL" in parts else None,
        week_start=_week_start(parts.get("WKST", "MO")),
        weekdays=_weekdays(parts, frequency),
        months=_numbers(parts, "BYMONTH"),
        month_days=_numbers(parts, "BYMONTHDAY"),
        year_days=_numbers(parts, "BYYEARDAY"),
        positions=_numbers(parts, "BYSETPOS"),
        hours=_numbers(parts, "BYHOUR"),
        minutes=_numbers(parts, "BYMINUTE"),
        seconds=_numbers(parts, "BYSECOND"),
    )


def _parts(value: str) -> dict[str, str]:
    if len(value) > MAX_CHARACTERS:
        raise CannotRead("rule_malformed", f"The rule has {len(value):,} characters.")
    parts: dict[str, str] = {}
    for part in filter(None, value.strip().upper().split(";")):
        name, equals, given = part.partition("=")
        if not equals or name in parts:
            raise CannotRead("rule_malformed", f"{part[:80]!r} cannot stand in a rule.")
        if name not in _PARTS:
            raise CannotRead("rule_part_unknown", f"Rules with {name[:20]} are not taken over.")
        parts[name] = given
    return parts


def _numbers(parts: dict[str, str], name: str) -> frozenset[int]:
    if name not in parts:
        return frozenset()
    least, greatest, from_the_end = _RANGES[name]
    numbers = set()
    for value in parts[name].split(","):
        number = int(value) if _NUMBER.fullmatch(value) else greatest + 1
        if not least <= (abs(number) if from_the_end else number) <= greatest:
            raise CannotRead("rule_malformed", f"{value[:20]!r} cannot stand in {name}.")
        numbers.add(number)
    return frozenset(numbers)


def _weekdays(parts: dict[str, str], frequency: str) -> frozenset[tuple[int, int]]:
    if "BYDAY" not in parts:
        return frozenset()
    if frequency in ("DAILY", "WEEKLY"):
        most = 0
    else:
        most = _IN_MONTH if frequency == "MONTHLY" or "BYMONTH" in parts else _IN_YEAR
    weekdays = set()
    for value in parts["BYDAY"].split(","):
        match = _WEEKDAY.fullmatch(value)
        ordinal = int(match[1] or 0) if match else 0
        if not match or abs(ordinal) > most or (match[1] and not ordinal):
            raise CannotRead("rule_malformed", f"{value[:20]!r} cannot stand in BYDAY.")
        weekdays.add((ordinal, _WEEKDAYS.index(match[2])))
    return frozenset(weekdays)


def _week_start(given: str) -> int:
    if given not in _WEEKDAYS:
        raise CannotRead("rule_malformed", f"WKST is {given[:20]!r}: not a weekday.")
    return _WEEKDAYS.index(given)


def _whole(given: str, name: str, greatest: int) -> int:
    if _NUMBER.fullmatch(given) and 1 <= int(given) <= greatest:
        return int(given)
    raise CannotRead("rule_out_of_range", f"{name} is {given[:20]!r}: not 1 to {greatest}.")


def _until(given: str, zone: dt.tzinfo) -> dt.datetime:
    match = _UNTIL.fullmatch(given)
    try:
        if not match:
            raise ValueError(given)  # noqa: TRY301 - one handler turns every fault into its reason
        day, time, utc = match.groups()
        until = dt.datetime.strptime(day + (time or "235959"), "%Y%m%d%H%M%S")  # noqa: DTZ007 - local time, its zone comes later
    except ValueError as error:
        raise CannotRead("rule_malformed", f"UNTIL is {given[:20]!r}: not a time.") from error
    # Years far away are as good as LAST_YEAR, and no zone can be asked about them.
    until = min(max(until, _FIRST), _LAST)
    return until.replace(tzinfo=dt.UTC).astimezone(zone).replace(tzinfo=None) if utc else until


def last(rule: Rule, horizon: dt.datetime | None) -> dt.datetime:
    """Up to when a rule is followed, local.

    Raises:
        CannotRead: it never ends, and no horizon is given.
    """
    ends = [moment for moment in (rule.until, horizon) if moment]
    if not ends and rule.count is None:
        raise CannotRead("rule_endless", "The rule has no end: give it COUNT or UNTIL.")
    return min([*ends, _LAST])
