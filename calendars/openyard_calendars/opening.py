"""Opening schedules (周末开放计划): which slots one stands for, and why it skips a day."""

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from msgspec import Struct

from openyard_calendars import recurrence
from openyard_calendars.day_kinds import DayKind, DayKinds
from openyard_calendars.recurrence import Rule
from openyard_calendars.unreadable import CannotRead

MAX_DAYS = 1_100
MAX_SLOTS = 20_000
# Before this year the zone's clocks were put forward in summer.
FIRST_YEAR, LAST_YEAR = 2000, 2100

_ZONE = ZoneInfo("Asia/Shanghai")
_PARTS = {"FREQ", "INTERVAL", "BYDAY", "WKST", "UNTIL"}
_DAY = dt.timedelta(days=1)


class Policy(StrEnum):
    """What a kind of day does to a schedule: shut, whatever the rule says, or opened anyway."""

    CLOSED = "closed"
    AS_RULE = "as_rule"
    OPEN = "open"


class DayPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``closed`` wins where two of them apply to a day."""

    adjusted_workday: Policy = Policy.CLOSED
    holiday: Policy = Policy.AS_RULE
    exam_day: Policy = Policy.CLOSED


class DayException(Struct, frozen=True, kw_only=True):
    """What the venue says about one day, before any policy.

    ``extra`` opens the day, ``hours`` changes the hours if it is open. Minutes after midnight.
    """

    date: dt.date
    kind: Literal["closed", "extra", "hours"]
    opens: int | None = None
    closes: int | None = None


class Term(Struct, frozen=True, kw_only=True):
    """Both days belong to it."""

    starts_on: dt.date
    ends_on: dt.date


class OpeningSchedule(Struct, frozen=True, kw_only=True):
    """``opens``, ``closes``: minutes after midnight. ``starts_on``, ``ends_on``: inclusive.

    ``in_term_only``: outside of the terms of a given term calendar it stays shut.
    """

    spaces: tuple[str, ...]
    rrule: str
    starts_on: dt.date
    ends_on: dt.date
    opens: int
    closes: int
    slot_minutes: int
    gap_minutes: int = 0
    day_policy: DayPolicy = DayPolicy()
    exceptions: tuple[DayException, ...] = ()
    in_term_only: bool = False


class PlannedSlot(NamedTuple):
    """``key``: unique in its schedule and the same at every expansion: day, space, number."""

    key: str
    space: str
    starts_at: dt.datetime
    ends_at: dt.datetime
    provisional: bool


class SkippedDay(NamedTuple):
    """A day that the rule, or a policy, would have opened.

    ``reason``: ``exception``, ``outside_term``, ``adjusted_workday``, ``holiday`` or ``exam_day``.
    """

    date: dt.date
    kind: DayKind
    reason: str


class Expansion(NamedTuple):
    slots: list[PlannedSlot]
    skipped: list[SkippedDay]


class CannotOpen(ValueError):
    """The schedule makes no sense. ``path``: the field that does not."""

    def __init__(self, path: str, code: str, message: str) -> None:
        super().__init__(message)
        self.path = path
        self.code = code


def check(schedule: OpeningSchedule) -> None:
    """Make sure that the schedule can be expanded.

    Raises:
        CannotOpen: with the field, a code and a sentence.
    """
    days = (schedule.ends_on - schedule.starts_on).days + 1
    if days < 1:
        raise CannotOpen("ends_on", "ends_before_start", "It ends before it starts.")
    if not FIRST_YEAR <= schedule.starts_on.year <= schedule.ends_on.year <= LAST_YEAR:
        text = f"Schedules lie in {FIRST_YEAR} to {LAST_YEAR}."
        raise CannotOpen("starts_on", "out_of_range", text)
    if days > MAX_DAYS:
        raise CannotOpen("ends_on", "too_long", f"A schedule has at most {MAX_DAYS:,} days.")
    if len(set(schedule.spaces)) != len(schedule.spaces):
        raise CannotOpen("spaces", "twice", "A space stands twice.")
    _rule(schedule)
    most = len(_clocks(schedule, schedule.opens, schedule.closes, "to"))
    known: set[dt.date] = set()
    for number, one in enumerate(schedule.exceptions):
        path = f"exceptions[{number}]"
        if one.date in known:
            raise CannotOpen(f"{path}.date", "twice", f"{one.date} has two exceptions.")
        if not schedule.starts_on <= one.date <= schedule.ends_on:
            raise CannotOpen(f"{path}.date", "outside_validity", f"{one.date} is outside of it.")
        known.add(one.date)
        most = max(most, _checked(schedule, one, path))
    if most * days * len(schedule.spaces) > MAX_SLOTS:
        text = f"A schedule that may make more than {MAX_SLOTS:,} slots is too large."
        raise CannotOpen("ends_on", "too_many_slots", text)


def expand(
    schedule: OpeningSchedule,
    days: DayKinds,
    terms: Sequence[Term] = (),
    *,
    first: dt.date | None = None,
) -> Expansion:
    """Every slot of a checked schedule in the order of days, spaces and times.

    ``terms``: the term calendar; empty where there is none, and then there are no terms.
    ``first``: days before it are left out.
    """
    in_rule = _follows(_rule(schedule), schedule.starts_on)
    exceptions = {one.date: one for one in schedule.exceptions}
    clocks = {
        hours: [
            (dt.timedelta(minutes=start), dt.timedelta(minutes=end))
            for start, end in _clocks(schedule, *hours, "to")
        ]
        for hours in {_hours(schedule, one) for one in (None, *schedule.exceptions)}
    }
    found = Expansion([], [])
    for day in _days(max(schedule.starts_on, first or schedule.starts_on), schedule.ends_on):
        exception = exceptions.get(day)
        kind = days.of(day)
        reason = _judge(schedule, in_rule, day, kind, exception, days, terms)
        if reason is None:
            continue
        if reason:
            found.skipped.append(SkippedDay(day, kind, reason))
            continue
        midnight = dt.datetime(day.year, day.month, day.day, tzinfo=_ZONE)
        times = [
            (midnight + start, midnight + end) for start, end in clocks[_hours(schedule, exception)]
        ]
        provisional = kind is DayKind.UNKNOWN
        for space in schedule.spaces:
            prefix = f"{day}:{space}:"
            found.slots.extend(
                PlannedSlot(f"{prefix}{number}", space, start, end, provisional)
                for number, (start, end) in enumerate(times, 1)
            )
    return found


def _judge(  # noqa: PLR0913 - all of it has a say
    schedule: OpeningSchedule,
    in_rule: Callable[[dt.date], bool],
    day: dt.date,
    kind: DayKind,
    exception: DayException | None,
    days: DayKinds,
    terms: Sequence[Term],
) -> str | None:
    """Why the day is skipped; empty: it is open; None: nobody expected it to be."""
    if exception is not None and exception.kind == "extra":
        return ""
    policies = list(_policies(schedule.day_policy, kind, day, days))
    opened = policies and any(policy is Policy.OPEN for _, policy in policies)
    if not opened and not in_rule(day):
        return None
    if exception is not None and exception.kind == "closed":
        return "exception"
    in_term = any(term.starts_on <= day <= term.ends_on for term in terms)
    if schedule.in_term_only and terms and not in_term:
        return "outside_term"
    return next((name for name, policy in policies if policy is Policy.CLOSED), "")


def _policies(
    policy: DayPolicy, kind: DayKind, day: dt.date, days: DayKinds
) -> Iterator[tuple[str, Policy]]:
    if kind is DayKind.HOLIDAY:
        yield "holiday", policy.holiday
    elif kind is DayKind.ADJUSTED_WORKDAY:
        yield "adjusted_workday", policy.adjusted_workday
    if day in days.exams:
        yield "exam_day", policy.exam_day


def _follows(rule: Rule, starts_on: dt.date) -> Callable[[dt.date], bool]:
    """Whether a day is one of the rule's, for a schedule that begins on ``starts_on``."""
    weekdays = {number for _, number in rule.weekdays}
    until = dt.date.max if rule.until is None else rule.until.date()
    first = _week(rule, starts_on)

    def in_rule(day: dt.date) -> bool:
        if day.weekday() not in weekdays or day > until:
            return False
        return rule.interval == 1 or (_week(rule, day) - first).days // 7 % rule.interval == 0

    return in_rule


def _week(rule: Rule, day: dt.date) -> dt.date:
    return day - (day.weekday() - rule.week_start) % 7 * _DAY


def _rule(schedule: OpeningSchedule) -> Rule:
    """The weekly rule.

    Raises:
        CannotOpen: it is malformed, or more than a list of weekdays every so many weeks.
    """
    try:
        rule = recurrence.parse(schedule.rrule, _ZONE)
    except CannotRead as error:
        raise CannotOpen("rrule", error.code, str(error)) from error
    names = {part.partition("=")[0].strip() for part in schedule.rrule.upper().split(";") if part}
    if rule.frequency != "WEEKLY" or not rule.weekdays or names - _PARTS:
        text = "The rule is FREQ=WEEKLY with BYDAY, and perhaps INTERVAL, WKST or UNTIL."
        raise CannotOpen("rrule", "rule_not_weekly", text)
    return rule


def _checked(schedule: OpeningSchedule, one: DayException, path: str) -> int:
    """How many slots the exception's day may have in each space."""
    given = (one.opens is not None, one.closes is not None)
    if one.kind == "closed":
        if any(given):
            raise CannotOpen(path, "hours_needless", "A closed day has no hours.")
        return 0
    if given[0] != given[1] or (one.kind == "hours" and not given[0]):
        raise CannotOpen(path, "hours_missing", "Hours have a beginning and an end.")
    return len(_clocks(schedule, *_hours(schedule, one), f"{path}.to"))


def _hours(schedule: OpeningSchedule, one: DayException | None) -> tuple[int, int]:
    if one is None or one.opens is None or one.closes is None:
        return schedule.opens, schedule.closes
    return one.opens, one.closes


def _clocks(schedule: OpeningSchedule, opens: int, closes: int, path: str) -> list[tuple[int, int]]:
    """When slots of a day begin and end, in minutes after midnight.

    Raises:
        CannotOpen: not one has room.
    """
    length, step = schedule.slot_minutes, schedule.slot_minutes + schedule.gap_minutes
    found = [(start, start + length) for start in range(opens, closes - length + 1, step)]
    if not found:
        raise CannotOpen(path, "no_room", "Not one slot has room between these hours.")
    return found


def _days(first: dt.date, last: dt.date) -> Iterator[dt.date]:
    for number in range((last - first).days + 1):
        yield first + number * _DAY
