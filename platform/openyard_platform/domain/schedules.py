"""An opening schedule (周末开放计划) as its venue states it."""

import datetime as dt
from typing import Annotated, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta, Struct, field

from openyard_calendars import opening
from openyard_calendars.opening import CannotOpen, DayException, DayPolicy, OpeningSchedule
from openyard_events import venue_messages
from openyard_events.contracts import Allotment, Audience, FieldError, Seats, Token
from openyard_platform.domain.errors import Invalid

SHANGHAI = ZoneInfo("Asia/Shanghai")
_REFUSED = "The schedule is not what this route takes."
_NIGHT = dt.time(2)
_DAY = dt.timedelta(days=1)

Title = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"\A[^\x00-\x1f\x7f]*\Z")]
From = Annotated[str, Meta(pattern=r"\A([01][0-9]|2[0-3]):[0-5][0-9](:00)?\Z")]
To = Annotated[str, Meta(pattern=r"\A(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)(:00)?\Z")]


class PlanException(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``kind``: ``closed``; ``extra``, perhaps with hours of its own; ``hours``: other hours."""

    date: dt.date
    kind: Literal["closed", "extra", "hours"]
    from_: From | None = field(default=None, name="from")
    to: To | None = None


class Volunteers(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """So many volunteers are ``needed`` in a ``role`` at each slot: a shift they sign up for."""

    role: Annotated[str, Meta(min_length=1, max_length=40, pattern=r"\A\S([^\x00-\x1f\x7f]*\S)?\Z")]
    needed: Annotated[int, Meta(ge=1, le=500)]


class Plan(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``from``, ``to``: the hours of a day. ``starts_on``, ``ends_on``: inclusive.

    ``in_term_only``: shut outside of the district's terms, where it has stated any.
    ``touched``: what becomes of a slot with reservations that the schedule no longer has, or has
    at another time: ``keep`` leaves it as it is, ``change`` closes or moves it and tells everyone.
    ``horizon_weeks``: how far ahead its slots are published. ``allotments``: of each slot.
    ``key``: the venue's own name for it, by which a file finds it again.
    ``volunteers``: at each slot, each role as a shift of its own beside it.
    """

    key: Token | None = None
    title: Title
    spaces: Annotated[list[Token], Meta(min_length=1, max_length=50)]
    rrule: Annotated[str, Meta(min_length=1, max_length=1000)]
    starts_on: dt.date
    ends_on: dt.date
    from_: From = field(name="from")
    to: To
    slot_minutes: Annotated[int, Meta(ge=5, le=1440)]
    gap_minutes: Annotated[int, Meta(ge=0, le=1440)] = 0
    capacity: Seats
    audiences: Annotated[list[Audience], Meta(min_length=1, max_length=5)]
    day_policy: DayPolicy = DayPolicy()
    in_term_only: bool = False
    exceptions: Annotated[list[PlanException], Meta(max_length=500)] = []
    touched: Literal["keep", "change"] = "keep"
    horizon_weeks: Annotated[int, Meta(ge=1, le=52)] = 8
    allotments: Annotated[list[Allotment], Meta(max_length=5)] = []
    volunteers: Annotated[list[Volunteers], Meta(max_length=5)] = []


class Schedule(Struct, frozen=True, kw_only=True):
    """``revision`` rises with every change of the plan. ``ended``: its slots are being closed."""

    id: UUID
    venue_id: UUID
    venue_key: str
    district: str
    plan: Plan
    revision: int
    ended: bool = False


def opening_of(plan: Plan) -> OpeningSchedule:
    """The schedule as the calendar expands it.

    Raises:
        Invalid: with ``errors``: the plan makes no sense.
    """
    schedule = OpeningSchedule(
        spaces=tuple(plan.spaces),
        rrule=plan.rrule,
        starts_on=plan.starts_on,
        ends_on=plan.ends_on,
        opens=_minutes(plan.from_),
        closes=_minutes(plan.to),
        slot_minutes=plan.slot_minutes,
        gap_minutes=plan.gap_minutes,
        day_policy=plan.day_policy,
        in_term_only=plan.in_term_only,
        exceptions=tuple(
            DayException(
                date=one.date,
                kind=one.kind,
                opens=None if one.from_ is None else _minutes(one.from_),
                closes=None if one.to is None else _minutes(one.to),
            )
            for one in plan.exceptions
        ),
    )
    try:
        opening.check(schedule)
    except CannotOpen as error:
        raise refused(error.path, error.code, str(error)) from error
    faults = list(venue_messages.allotment_faults(plan.allotments, plan.audiences, plan.capacity))
    if faults:
        raise Invalid(_REFUSED, errors=faults)
    roles = [one.role for one in plan.volunteers]
    for number, role in enumerate(roles):
        if role in roles[:number]:
            raise refused(f"volunteers[{number}].role", "twice", f"{role!r} stands twice.")
    return schedule


def parse(document: object) -> Plan:
    """A plan from plain values, e.g. as it was stored."""
    return msgspec.convert(document, Plan)


def tidied(plan: Plan) -> Plan:
    """The same with hours in one way of writing: without seconds, which are none."""
    exceptions = [
        msgspec.structs.replace(one, from_=_hm(one.from_), to=_hm(one.to))
        for one in plan.exceptions
    ]
    return msgspec.structs.replace(
        plan, from_=plan.from_[:5], to=plan.to[:5], exceptions=exceptions
    )


def refused(path: str, code: str, message: str) -> Invalid:
    fault = FieldError(path=path, code=code, message=message)
    return Invalid(_REFUSED, errors=[fault])


def next_night(now: dt.datetime) -> dt.datetime:
    """When schedules are looked at again though nothing has changed: the horizon moves on."""
    local = now.astimezone(SHANGHAI)
    tonight = dt.datetime.combine(local.date(), _NIGHT, SHANGHAI)
    return tonight if local < tonight else tonight + _DAY


def _hm(text: str | None) -> str | None:
    return None if text is None else text[:5]


def _minutes(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:5])
