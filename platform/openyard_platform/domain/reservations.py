"""A reservation: a party's claim on seats of a slot, and what became of it."""

import datetime as dt
from enum import StrEnum
from typing import Any
from uuid import UUID

from msgspec import Struct, field


class ReservationStatus(StrEnum):
    CONFIRMED = "confirmed"
    WAITLISTED = "waitlisted"
    OFFERED = "offered"
    DECLINED = "declined"
    OFFER_EXPIRED = "offer_expired"
    REFUSED = "refused"
    CANCELLED = "cancelled"


# Those that have seats; an offer holds them until it is answered.
HOLDING = frozenset({ReservationStatus.CONFIRMED.value, ReservationStatus.OFFERED.value})
# What a party may give back, and what keeps it from asking for the same slot again.
LIVE = HOLDING | {ReservationStatus.WAITLISTED.value}

Refusal = dict[str, Any]  # {"code": …, and the code's own parameters}


class Reservation(Struct, kw_only=True):
    """The decider's working copy; a batch of decisions changes it in place.

    ``held``: seats it takes (or, waiting, would take) of the slot, ``allotted`` of them from the
    seats kept for ``allotment``. ``position``: its place among all decided requests of the slot.
    """

    id: UUID
    slot_id: UUID
    account_id: UUID
    holder_id: UUID
    party_nos: list[int]
    seats: int
    held: int
    status: str
    position: int
    created_at: dt.datetime
    updated_at: dt.datetime
    adults: int = 0
    refusals: list[Refusal] = field(default_factory=list)
    skips: list[Refusal] = field(default_factory=list)
    needs_reconfirm: bool = False
    cancelled_by: str | None = None
    reason: str | None = None
    note: str | None = None
    audiences: list[str] = field(default_factory=list)
    allotment: str | None = None
    allotted: int = 0
    offered_at: dt.datetime | None = None
    offer_expires_at: dt.datetime | None = None
    revision: int = 1
    sequence: int = 0
