"""Every message that others see, as versioned structs: venues' slots, receipts, facts.

Unknown fields are refused on the way in. Times are RFC 3339 with offset. Facts carry ids,
never names, addresses or phone numbers.
"""

import datetime as dt
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct, field

# Versions of the venue's messages as they stand in the ``ce-type`` header.
SLOT_OFFERED = "openyard.slot.offered.v1"
SLOT_CHANGED = "openyard.slot.changed.v1"
SLOT_WITHDRAWN = "openyard.slot.withdrawn.v1"

Token = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_-]{1,64}\Z")]
ExternalId = Annotated[str, Meta(min_length=1, max_length=200)]
Version = Annotated[int, Meta(ge=0, le=2**53)]
Instant = Annotated[dt.datetime, Meta(tz=True)]
Seats = Annotated[int, Meta(ge=1, le=100_000)]


class Audience(StrEnum):
    SCHOOL = "school"
    FAMILY = "family"
    VOLUNTEER = "volunteer"
    COMMUNITY = "community"
    RESIDENT = "resident"


class SlotKind(StrEnum):
    ACCESS = "access"
    VISIT = "visit"
    ACTIVITY = "activity"
    SHIFT = "shift"
    OUTREACH = "outreach"


class PartyRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How large a party may be, and how many adults must come along.

    ``chaperones_per``: one adult for each started group of this many seats.
    ``adults_count``: whether adults take seats of the slot's capacity.
    """

    min: Seats | None = None
    max: Seats | None = None
    chaperones_per: Seats | None = None
    adults_count: bool = False


class SlotOffered(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """A venue offers a slot, or (with a higher version) states it anew in full.

    Left-out fields restrict nothing.
    """

    external_id: ExternalId
    version: Version
    space: Token
    starts_at: Instant
    ends_at: Instant
    capacity: Seats
    title: Annotated[str, Meta(min_length=1, max_length=200)]
    audiences: Annotated[list[Audience], Meta(min_length=1, max_length=5)] | None = None
    kind: SlotKind = SlotKind.ACCESS
    exclusive: bool = False
    programme: Annotated[str, Meta(max_length=200)] | None = None
    series: Annotated[str, Meta(max_length=200)] | None = None
    description: Annotated[str, Meta(max_length=4000)] | None = None
    party: PartyRule | None = None
    opens_at: Instant | None = None
    closes_at: Instant | None = None
    cancel_until_hours: Annotated[int, Meta(ge=0, le=8760)] | None = None


class SlotWithdrawn(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    external_id: ExternalId
    version: Version
    reason: Annotated[str, Meta(max_length=500)] | None = None


class FieldError(Struct, frozen=True, kw_only=True):
    """One thing wrong with a message. ``path``: e.g. ``ends_at`` or ``party.min``; ``""``: all."""

    path: str
    code: str
    message: str


class Receipt(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The platform's answer to one venue message, on ``receipt.<key>.<id>``."""

    id: str
    status: Literal["accepted", "duplicate", "refused"]
    slot_id: UUID | None = None
    version: int | None = None
    errors: list[FieldError] = field(default_factory=list)


class Fact(Struct, frozen=True, kw_only=True, tag_field="type", omit_defaults=True):
    """What a decision made true. ``slot_revision`` rises with each: drop what is lower."""

    venue_key: str
    slot_id: UUID
    slot_revision: int
    capacity: int
    taken: int
    waiting: int


class SlotOpened(Fact, frozen=True, kw_only=True, tag="openyard.slot.opened.v1"):
    """A slot exists that was not there before."""


class SlotUpdated(Fact, frozen=True, kw_only=True, tag="openyard.slot.updated.v1"):
    """Something of an open slot is different; ``moved``: its time or its space."""

    moved: bool = False


class SlotClosed(Fact, frozen=True, kw_only=True, tag="openyard.slot.closed.v1"):
    """The venue withdrew the slot; each holder's ReservationCancelled stands beside it."""

    reason: str | None = None


class ReservationFact(Fact, frozen=True, kw_only=True):
    reservation_id: UUID
    account_id: UUID
    holder_id: UUID
    seats: int
    position: int


class ReservationConfirmed(
    ReservationFact, frozen=True, kw_only=True, tag="openyard.reservation.confirmed.v1"
):
    pass


class ReservationWaitlisted(
    ReservationFact, frozen=True, kw_only=True, tag="openyard.reservation.waitlisted.v1"
):
    pass


class ReservationPromoted(
    ReservationFact, frozen=True, kw_only=True, tag="openyard.reservation.promoted.v1"
):
    """A waiting party got its seats: it is confirmed now."""


class ReservationRefused(
    ReservationFact, frozen=True, kw_only=True, tag="openyard.reservation.refused.v1"
):
    codes: list[str]


class ReservationCancelled(
    ReservationFact, frozen=True, kw_only=True, tag="openyard.reservation.cancelled.v1"
):
    """``by``: ``holder`` or ``venue``."""

    by: Literal["holder", "venue"]
    reason: str | None = None


class ReservationChanged(
    ReservationFact, frozen=True, kw_only=True, tag="openyard.reservation.changed.v1"
):
    """The venue changed the slot beneath a kept reservation; it may need a new yes."""

    needs_reconfirm: bool = False


class ReservationAmended(
    ReservationFact, frozen=True, kw_only=True, tag="openyard.reservation.amended.v1"
):
    """Its holder wanted other seats or another slot, and has them now. The id stays."""


AnyFact = (
    SlotOpened
    | SlotUpdated
    | SlotClosed
    | ReservationConfirmed
    | ReservationWaitlisted
    | ReservationPromoted
    | ReservationRefused
    | ReservationCancelled
    | ReservationChanged
    | ReservationAmended
)
