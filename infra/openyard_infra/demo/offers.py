"""What an organisation offers week after week, before it has dates."""

import datetime as dt
from enum import Enum

from msgspec import Struct

from openyard_events.contracts import AgeRange, Allotment, Audience, Claim, PartyRule, SlotKind

SATURDAY, SUNDAY = 5, 6
WEEKEND = (SATURDAY, SUNDAY)
WEDNESDAY, THURSDAY, FRIDAY = 2, 3, 4
# The schools' green channel: until three days before, four of five seats of a visit are theirs, and
# no school has more than a large class of them.
SCHOOLS_FIRST = (Audience.SCHOOL, Audience.FAMILY, Audience.COMMUNITY)
_KEPT_HOURS = 72
_LARGEST_CLASS = 50
OPEN_TO_ALL = (Audience.FAMILY, Audience.RESIDENT, Audience.COMMUNITY, Audience.VOLUNTEER)


class Opens(Enum):
    """When the booking of a slot opens."""

    AT_ONCE = "as soon as it is published"
    FRIDAY_AHEAD = "on the Friday of the week before, at 08:00"
    FRIDAY = "on the Friday before its weekend, at 08:00"


class Offer(Struct, frozen=True, kw_only=True):
    """One line of a weekly programme.

    ``spaces``: it takes place in each of them at the same time. ``times``: of Shanghai's clock.
    ``every``: 2 is every other week. ``closes_hours``: before the start. ``buffer``: minutes that
    the room is taken before and after.
    """

    key: str
    kind: SlotKind
    title: str
    text: str
    programme: str
    spaces: tuple[str, ...]
    days: tuple[int, ...]
    times: tuple[tuple[dt.time, dt.time], ...]
    capacity: int
    audiences: tuple[Audience, ...]
    party: PartyRule | None = None
    exclusive: bool = False
    every: int = 1
    opens: Opens = Opens.AT_ONCE
    closes_hours: int = 0
    cancel_hours: int = 24
    claim: Claim = Claim.ON_OFFER
    allotments: tuple[Allotment, ...] = ()
    ages: AgeRange | None = None
    buffer: int = 0


def times(*spans: str) -> tuple[tuple[dt.time, dt.time], ...]:
    """``"09:00-11:30"`` as its two ends."""
    ends = (span.split("-") for span in spans)
    return tuple((dt.time.fromisoformat(a), dt.time.fromisoformat(b)) for a, b in ends)


def opening(  # noqa: PLR0913 - the columns of a programme
    key: str,
    title: str,
    text: str,
    programme: str,
    spaces: str,
    hours: str,
    capacity: int,
    *,
    days: tuple[int, ...] = WEEKEND,
    opens: Opens = Opens.FRIDAY_AHEAD,
    audiences: tuple[Audience, ...] = (Audience.FAMILY, Audience.RESIDENT),
    exclusive: bool = False,
    claim: Claim = Claim.ON_OFFER,
    largest: int = 6,
) -> Offer:
    """Weekend access for families and residents. ``largest``: people of one party."""
    return Offer(
        key=key,
        kind=SlotKind.ACCESS,
        title=title,
        text=text,
        programme=programme,
        spaces=tuple(spaces.split()),
        days=days,
        times=times(*hours.split()),
        capacity=capacity,
        audiences=audiences,
        party=PartyRule(max=min(capacity, largest)),
        exclusive=exclusive,
        opens=opens,
        cancel_hours=2,
        claim=claim,
    )


def visit(  # noqa: PLR0913 - what an offer is made of
    key: str,
    title: str,
    text: str,
    programme: str,
    spaces: str,
    hours: str,
    capacity: int,
    *,
    days: tuple[int, ...] = (1, 3),
    every: int = 1,
    exclusive: bool = False,
    buffer: int = 0,
) -> Offer:
    """A class comes to the venue on a school day: one adult for every ten pupils.

    One that no class takes whole is the schools' first, and what they leave is for families.
    """
    kept = Allotment(
        audience=Audience.SCHOOL,
        seats=capacity * 4 // 5,
        release_hours=_KEPT_HOURS,
        per_school=_LARGEST_CLASS,
    )
    return Offer(
        key=key,
        kind=SlotKind.VISIT,
        title=title,
        text=text,
        programme=programme,
        spaces=tuple(spaces.split()),
        days=days,
        times=times(*hours.split()),
        capacity=capacity,
        audiences=(Audience.SCHOOL,) if exclusive else SCHOOLS_FIRST,
        party=PartyRule(min=10 if exclusive else None, max=capacity, chaperones_per=10),
        exclusive=exclusive,
        every=every,
        closes_hours=48,
        cancel_hours=48,
        allotments=() if exclusive else (kept,),
        buffer=buffer,
    )


def activity(  # noqa: PLR0913 - what an offer is made of
    key: str,
    title: str,
    text: str,
    programme: str,
    spaces: str,
    hours: str,
    capacity: int,
    *,
    days: tuple[int, ...] = (SATURDAY,),
    every: int = 1,
    opens: Opens = Opens.AT_ONCE,
    audiences: tuple[Audience, ...] = (Audience.FAMILY,),
    ages: AgeRange | None = None,
) -> Offer:
    """A family activity or a parents' class. ``ages``: of the children, who have to be named."""
    return Offer(
        key=key,
        kind=SlotKind.ACTIVITY,
        title=title,
        text=text,
        programme=programme,
        spaces=tuple(spaces.split()),
        days=days,
        times=times(*hours.split()),
        capacity=capacity,
        audiences=audiences,
        party=PartyRule(max=4),
        every=every,
        opens=opens,
        closes_hours=2,
        ages=ages,
    )


def shift(  # noqa: PLR0913 - what an offer is made of
    key: str,
    title: str,
    text: str,
    spaces: str,
    hours: str,
    needed: int,
    *,
    days: tuple[int, ...] = WEEKEND,
) -> Offer:
    """A volunteers' shift; it takes no room, so it may lie over what it supports."""
    return Offer(
        key=key,
        kind=SlotKind.SHIFT,
        title=title,
        text=text,
        programme="志愿服务",
        spaces=tuple(spaces.split()),
        days=days,
        times=times(*hours.split()),
        capacity=needed,
        audiences=(Audience.VOLUNTEER,),
        party=PartyRule(max=1),
    )


def outreach(  # noqa: PLR0913 - what an offer is made of
    key: str,
    title: str,
    text: str,
    programme: str,
    hours: str,
    capacity: int,
    *,
    days: tuple[int, ...] = (1, 3),
) -> Offer:
    """An expert goes to the school that books the date."""
    return Offer(
        key=key,
        kind=SlotKind.OUTREACH,
        title=title,
        text=text,
        programme=programme,
        spaces=("lecturers",),
        days=days,
        times=times(*hours.split()),
        capacity=capacity,
        audiences=(Audience.SCHOOL,),
        party=PartyRule(min=20, max=capacity),
        exclusive=True,
        closes_hours=72,
        cancel_hours=72,
    )
