"""A slot: seats in a space for a stretch of time."""

import datetime as dt
from enum import StrEnum
from uuid import UUID

from msgspec import Struct

from openyard_calendars import intervals
from openyard_events.contracts import PartyRule, SlotOffered


class SlotStatus(StrEnum):
    OPEN = "open"
    WITHDRAWN = "withdrawn"


class Space(Struct, frozen=True, kw_only=True):
    """A bookable place. ``leaves``: numbers of the leaf spaces below it, or its own."""

    id: UUID
    key: str
    leaves: tuple[int, ...]


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
    slot.reason = None
    slot.updated_at = now
