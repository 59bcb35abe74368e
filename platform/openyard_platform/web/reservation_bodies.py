"""Bodies of the routes of reservations."""

import datetime as dt
from typing import Any
from uuid import UUID

from msgspec import Struct

from openyard_platform import clock
from openyard_platform.store import reservations as records
from openyard_platform.store.waiting import Estimate


class Decided(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The decision, as soon as it is known."""

    id: UUID
    status: str
    position: int | None
    slot_id: UUID | None
    seats: int
    adults: int = 0
    waitlist_place: int | None = None
    decided_at: dt.datetime | None = None


class Requested(Struct, frozen=True, kw_only=True):
    """Accepted; ``queue_ahead``: about how many are decided first."""

    id: UUID
    queue_ahead: int
    status: str = "requested"


class SlotOut(Struct, frozen=True, kw_only=True):
    id: UUID
    title: str
    kind: str
    starts_at: dt.datetime
    ends_at: dt.datetime
    venue: str
    venue_name: str
    address: str
    space: str


class Alternative(Struct, frozen=True, kw_only=True):
    """Another slot where the same party would get its seats now."""

    id: UUID
    title: str
    starts_at: dt.datetime
    ends_at: dt.datetime
    remaining: int
    venue: str
    venue_name: str
    space: str


class ReservationOut(Struct, frozen=True, kw_only=True):
    """A reservation as its holder reads it. ``skips``: who was served before it, and why.

    Only where it is asked for by its id: ``waitlist_estimate``, how far the seats of earlier slots
    got, while it waits; ``alternatives``, what would do instead, where it was refused.
    """

    id: UUID
    status: str
    position: int
    waitlist_place: int | None
    seats: int
    adults: int
    refusals: list[dict[str, Any]]
    needs_reconfirm: bool
    cancelled_by: str | None
    reason: str | None
    note: str | None
    created_at: dt.datetime
    updated_at: dt.datetime
    slot_id: UUID
    slot: SlotOut
    offer_expires_at: dt.datetime | None = None
    skips: list[dict[str, Any]] = []
    waitlist_estimate: Estimate | None = None
    alternatives: list[Alternative] = []


class Page(Struct, frozen=True, kw_only=True):
    """Newest first. ``next``: the ``before`` of the next page, where there is one."""

    items: list[ReservationOut]
    next: UUID | None


def shown(row: records.Reservation) -> ReservationOut:
    return ReservationOut(
        id=row.id,
        status=row.status,
        position=row.position,
        waitlist_place=row.waitlist_place,
        seats=row.seats,
        adults=row.adults,
        refusals=row.refusals,
        needs_reconfirm=row.needs_reconfirm,
        cancelled_by=row.cancelled_by,
        reason=row.reason,
        note=row.note,
        created_at=row.created_at.astimezone(clock.SHANGHAI),
        updated_at=row.updated_at.astimezone(clock.SHANGHAI),
        slot_id=row.slot_id,
        slot=SlotOut(
            id=row.slot_id,
            title=row.title,
            kind=row.kind,
            starts_at=row.starts_at.astimezone(clock.SHANGHAI),
            ends_at=row.ends_at.astimezone(clock.SHANGHAI),
            venue=row.venue_key,
            venue_name=row.venue_name,
            address=row.address,
            space=row.space,
        ),
        offer_expires_at=row.offer_expires_at and row.offer_expires_at.astimezone(clock.SHANGHAI),
        skips=row.skips,
    )
