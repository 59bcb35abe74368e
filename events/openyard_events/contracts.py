"""Every message that others see, as versioned structs: venues' slots, receipts, facts.

Unknown fields are refused on the way in. Times are RFC 3339 with offset. Facts carry ids,
never names, addresses or phone numbers.
"""

import datetime as dt
from enum import StrEnum
from typing import Annotated, Any, Literal
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
    """``busy``: the venue needs the space itself; nobody finds or books it."""

    ACCESS = "access"
    VISIT = "visit"
    ACTIVITY = "activity"
    SHIFT = "shift"
    OUTREACH = "outreach"
    BUSY = "busy"


class Claim(StrEnum):
    """When a slot takes its space: at once, or only while somebody holds seats on it."""

    ON_OFFER = "on_offer"
    ON_BOOKING = "on_booking"


class Overbooked(StrEnum):
    """Who gives way when a new capacity is below what is taken: nobody, or who came last."""

    REFUSE = "refuse"
    LATEST_WAIT = "latest_wait"
    LATEST_LEAVE = "latest_leave"


class PartyRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How large a party may be, and how many adults must come along.

    ``chaperones_per``: one adult for each started group of this many seats.
    ``adults_count``: whether adults take seats of the slot's capacity.
    """

    min: Seats | None = None
    max: Seats | None = None
    chaperones_per: Seats | None = None
    adults_count: bool = False


class Allotment(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Seats kept for an audience until ``release_hours`` before the start, then open to all.

    ``per_school``: until then no holder of that audience has more seats of the slot than this.
    """

    audience: Audience
    seats: Seats
    release_hours: Annotated[int, Meta(ge=0, le=8760)]
    per_school: Seats | None = None


class AgeRange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Whole years, both ends included."""

    min: Annotated[int, Meta(ge=0, le=120)] | None = None
    max: Annotated[int, Meta(ge=0, le=120)] | None = None


class GradeRange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """School grades from 1 (primary) to 12, both ends included; 0: kindergarten."""

    min: Annotated[int, Meta(ge=0, le=12)] | None = None
    max: Annotated[int, Meta(ge=0, le=12)] | None = None


class SlotOffered(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """A venue offers a slot, or (with a higher version) states it anew in full.

    Left-out fields restrict nothing. ``notice_hours``: nobody books later than so long before the
    start. ``buffer_…_minutes``: the space is taken that much longer. ``offer_minutes``: how long
    seats that came free are held for a waiting party. ``overbooked``: what becomes of those who
    hold more seats than a new, lower capacity has.
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
    claim: Claim = Claim.ON_OFFER
    allotments: Annotated[list[Allotment], Meta(max_length=5)] | None = None
    ages: AgeRange | None = None
    grades: GradeRange | None = None
    notice_hours: Annotated[int, Meta(ge=0, le=8760)] | None = None
    buffer_before_minutes: Annotated[int, Meta(ge=0, le=1440)] = 0
    buffer_after_minutes: Annotated[int, Meta(ge=0, le=1440)] = 0
    offer_minutes: Annotated[int, Meta(ge=1, le=10_080)] | None = None
    overbooked: Overbooked = Overbooked.REFUSE


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


class SlotReleased(Fact, frozen=True, kw_only=True, tag="openyard.slot.released.v1"):
    """Seats that were kept for ``audience`` are open to everybody now."""

    audience: str
    seats: int


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
    """A waiting party took the seats it was offered: it is confirmed now."""


class ReservationOffered(
    ReservationFact, frozen=True, kw_only=True, tag="openyard.reservation.offered.v1"
):
    """Seats came free and are held for a waiting party until ``expires_at``."""

    expires_at: dt.datetime


class ReservationDeclined(
    ReservationFact, frozen=True, kw_only=True, tag="openyard.reservation.declined.v1"
):
    """A waiting party let the seats it was offered go."""


class ReservationOfferExpired(
    ReservationFact, frozen=True, kw_only=True, tag="openyard.reservation.offer_expired.v1"
):
    """A waiting party did not answer in time; the seats go on."""


class ReservationDisplaced(
    ReservationFact, frozen=True, kw_only=True, tag="openyard.reservation.displaced.v1"
):
    """The venue lowered the capacity: who came last waits again, before all newcomers."""


class ReservationRefused(
    ReservationFact, frozen=True, kw_only=True, tag="openyard.reservation.refused.v1"
):
    """``refusals``: each code with its parameters; ``codes``: the same without."""

    codes: list[str]
    refusals: list[dict[str, Any]] = field(default_factory=list)


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
    | SlotReleased
    | ReservationConfirmed
    | ReservationWaitlisted
    | ReservationOffered
    | ReservationPromoted
    | ReservationDeclined
    | ReservationOfferExpired
    | ReservationDisplaced
    | ReservationRefused
    | ReservationCancelled
    | ReservationChanged
    | ReservationAmended
)
