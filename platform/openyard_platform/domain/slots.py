"""A slot: seats in a space for a stretch of time."""

import datetime as dt
from enum import StrEnum
from uuid import UUID

from msgspec import Struct, field

from openyard_calendars import intervals
from openyard_events import contracts
from openyard_events.contracts import Claim, Overbooked, PartyRule, SlotOffered
from openyard_platform.domain.allotments import Allotment

# How long seats that came free are held for a waiting party, where the venue says nothing.
OFFER_MINUTES = 120
_NEVER_OCCUPY = frozenset({contracts.SlotKind.SHIFT.value, contracts.SlotKind.OUTREACH.value})


class SlotStatus(StrEnum):
    OPEN = "open"
    WITHDRAWN = "withdrawn"


class Space(Struct, frozen=True, kw_only=True):
    """A bookable place. ``leaves``: numbers of the leaf spaces below it, or its own.

    ``shared``: those of the leaves that are shareable, with the number of people each has room for.
    ``is_shared``: it is such a leaf itself.
    """

    id: UUID
    key: str
    leaves: tuple[int, ...]
    shared: dict[int, int] = {}
    is_shared: bool = False


class Slot(Struct, kw_only=True):
    """The decider's working copy of a slot; a batch of decisions changes it in place."""

    id: UUID
    venue_id: UUID
    venue_key: str
    district: str
    external_id: str
    version: int
    status: str
    created_at: dt.datetime
    updated_at: dt.datetime
    space_id: UUID | None = None
    kind: str = "access"
    title: str = ""
    description: str | None = None
    programme: str | None = None
    series: str | None = None
    starts_at: dt.datetime | None = None
    ends_at: dt.datetime | None = None
    capacity: int = 0
    exclusive: bool = False
    audiences: list[str] | None = None
    party_min: int | None = None
    party_max: int | None = None
    chaperones_per: int | None = None
    adults_count: bool = False
    opens_at: dt.datetime | None = None
    closes_at: dt.datetime | None = None
    cancel_until_hours: int | None = None
    claim: str = Claim.ON_OFFER.value
    buffer_before_minutes: int = 0
    buffer_after_minutes: int = 0
    notice_hours: int | None = None
    offer_minutes: int | None = None
    age_min: int | None = None
    age_max: int | None = None
    grade_min: int | None = None
    grade_max: int | None = None
    overbooked: str = Overbooked.REFUSE.value
    allotments: list[Allotment] = field(default_factory=list)
    due_at: dt.datetime | None = None
    reason: str | None = None
    taken: int = 0
    waiting: int = 0
    decided: int = 0
    revision: int = 1
    sequence: int = 0

    @property
    def free(self) -> int:
        return self.capacity - self.taken

    @property
    def span(self) -> tuple[int, int]:
        """Whole minutes it lasts; a tombstone lasts none."""
        if self.starts_at is None or self.ends_at is None:
            return (0, 0)
        return intervals.span(self.starts_at, self.ends_at)

    @property
    def occupied(self) -> tuple[int, int]:
        """Whole minutes it takes its space, buffers included."""
        lo, hi = self.span
        return (lo - self.buffer_before_minutes, hi + self.buffer_after_minutes)

    @property
    def occupies(self) -> bool:
        """Whether it takes its space while it is claimed; shifts and outreach never do."""
        return self.kind not in _NEVER_OCCUPY

    @property
    def claims_on_booking(self) -> bool:
        return self.occupies and self.claim == Claim.ON_BOOKING

    @property
    def closing(self) -> dt.datetime | None:
        """From when on no seats are given out: booking closes, the notice is over, or it starts."""
        if self.starts_at is None:
            return None
        closing = self.starts_at - dt.timedelta(hours=self.notice_hours or 0)
        return closing if self.closes_at is None else min(closing, self.closes_at)

    def offer_until(self, at: dt.datetime) -> dt.datetime:
        """Until when seats offered ``at`` are held; never past the closing."""
        until = at + dt.timedelta(minutes=self.offer_minutes or OFFER_MINUTES)
        closing = self.closing
        return until if closing is None else min(until, closing)

    def is_due(self, at: dt.datetime) -> bool:
        return self.due_at is not None and self.due_at <= at

    def make_due(self, at: dt.datetime) -> None:
        """Something is to be done ``at``, or before."""
        self.due_at = at if self.due_at is None else min(self.due_at, at)

    def held_by(self, seats: int, adults: int) -> int:
        """Seats a party takes of the capacity while it is confirmed."""
        if self.exclusive:
            return self.capacity
        return seats + adults if self.adults_count else seats


def restate(slot: Slot, offered: SlotOffered, space: Space, now: dt.datetime) -> None:
    """Write what the venue states into the working copy."""
    party = offered.party or PartyRule()
    slot.version = offered.version
    slot.status = SlotStatus.OPEN
    slot.space_id = space.id
    slot.kind = offered.kind.value
    slot.title = offered.title
    slot.description = offered.description
    slot.programme = offered.programme
    slot.series = offered.series
    slot.starts_at = offered.starts_at
    slot.ends_at = offered.ends_at
    slot.capacity = offered.capacity
    slot.exclusive = offered.exclusive
    slot.audiences = (
        None if offered.audiences is None else [audience.value for audience in offered.audiences]
    )
    slot.party_min = party.min
    slot.party_max = party.max
    slot.chaperones_per = party.chaperones_per
    slot.adults_count = party.adults_count
    slot.opens_at = offered.opens_at
    slot.closes_at = offered.closes_at
    slot.cancel_until_hours = offered.cancel_until_hours
    slot.claim = offered.claim.value
    slot.buffer_before_minutes = offered.buffer_before_minutes
    slot.buffer_after_minutes = offered.buffer_after_minutes
    slot.notice_hours = offered.notice_hours
    slot.offer_minutes = offered.offer_minutes
    ages, grades = offered.ages or contracts.AgeRange(), offered.grades or contracts.GradeRange()
    slot.age_min, slot.age_max = ages.min, ages.max
    slot.grade_min, slot.grade_max = grades.min, grades.max
    slot.overbooked = offered.overbooked.value
    slot.allotments = [
        Allotment(
            audience=one.audience.value,
            seats=one.seats,
            release_hours=one.release_hours,
            releases_at=offered.starts_at - dt.timedelta(hours=one.release_hours),
            per_school=one.per_school,
        )
        for one in offered.allotments or ()
    ]
    slot.reason = None
    slot.updated_at = now
