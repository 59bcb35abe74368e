"""Reservations as their holders read them."""

import datetime as dt
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from msgspec import Struct

from openyard_platform.store import engine


class Reservation(Struct, frozen=True, kw_only=True):
    """A decided reservation with the slot it is on. ``waitlist_place``: from 1, while waiting."""

    id: UUID
    status: str
    position: int
    waitlist_place: int | None
    seats: int
    held: int
    adults: int
    refusals: list[dict[str, Any]]
    needs_reconfirm: bool
    cancelled_by: str | None
    reason: str | None
    note: str | None
    created_at: dt.datetime
    updated_at: dt.datetime
    slot_id: UUID
    title: str
    kind: str
    starts_at: dt.datetime
    ends_at: dt.datetime
    cancel_until_hours: int | None
    venue_key: str
    venue_name: str
    address: str
    space: str
    offer_expires_at: dt.datetime | None
    skips: list[dict[str, Any]]
    party_nos: list[int]
    audiences: list[str]


_COLUMNS = """r.id, r.status, r.position, r.seats, r.held, r.adults, r.refusals, r.needs_reconfirm,
    r.cancelled_by, r.reason, r.note, r.created_at, r.updated_at, r.slot_id, s.title, s.kind,
    s.starts_at, s.ends_at, s.cancel_until_hours, o.key AS venue_key, o.name AS venue_name,
    o.address, p.name AS space, r.offer_expires_at, r.skips, r.party_nos, r.audiences,
    CASE WHEN r.status = 'waitlisted' THEN (
        SELECT count(*) FROM reservation w WHERE w.slot_id = r.slot_id
        AND w.status = 'waitlisted' AND w.position <= r.position) END AS waitlist_place"""

_FROM = """FROM reservation r JOIN slot s ON s.id = r.slot_id
    JOIN organisation o ON o.id = s.venue_id JOIN space p ON p.id = s.space_id"""


async def get(holder_id: UUID, reservation_id: UUID) -> Reservation | None:
    """One of the holder's own, also by an id that a repeated Idempotency-Key was given."""
    row = await engine.fetch_one(
        f"""SELECT {_COLUMNS} {_FROM} WHERE r.holder_id = $1 AND r.id = coalesce(
            (SELECT reservation_id FROM reservation_alias WHERE id = $2), $2)""",  # noqa: S608 - made of constants
        holder_id,
        reservation_id,
    )
    return None if row is None else Reservation(**dict(row))


async def key_was_reused(account_id: UUID, reservation_id: UUID) -> bool:
    """Whether this id was minted for a request whose key belonged to another body."""
    row = await engine.fetch_one(
        """SELECT 1 FROM reservation_alias
           WHERE id = $1 AND account_id = $2 AND reservation_id IS NULL""",
        reservation_id,
        account_id,
    )
    return row is not None


async def page(holder_id: UUID, *, before: UUID | None, limit: int) -> Sequence[Reservation]:
    """The holder's own, newest first. ``before``: the last id of the page before."""
    rows = await engine.fetch(
        f"""SELECT {_COLUMNS} {_FROM}
            WHERE r.holder_id = $1 AND ($2::uuid IS NULL OR r.id < $2)
            ORDER BY r.id DESC LIMIT $3""",
        holder_id,
        before,
        limit,
    )
    return [Reservation(**dict(row)) for row in rows]


async def offered(holder_id: UUID) -> Sequence[Reservation]:
    """The holder's own that wait for its answer, the most urgent first."""
    rows = await engine.fetch(
        f"""SELECT {_COLUMNS} {_FROM} WHERE r.holder_id = $1 AND r.status = 'offered'
            ORDER BY r.offer_expires_at, r.id""",
        holder_id,
    )
    return [Reservation(**dict(row)) for row in rows]


async def live_on(holder_id: UUID, slot_id: UUID) -> Reservation | None:
    """The holder's reservation of this slot: one that is offered, else the newest that lives."""
    row = await engine.fetch_one(
        f"""SELECT {_COLUMNS} {_FROM} WHERE r.holder_id = $1 AND r.slot_id = $2
            AND r.status IN ('confirmed', 'offered', 'waitlisted')
            ORDER BY r.status = 'offered' DESC, r.id DESC LIMIT 1""",
        holder_id,
        slot_id,
    )
    return None if row is None else Reservation(**dict(row))


async def venue_of_slots(slot_ids: Sequence[UUID]) -> dict[UUID, str]:
    """The venue key of each slot that exists; it never changes."""
    rows = await engine.fetch(
        """SELECT s.id, o.key FROM slot s JOIN organisation o ON o.id = s.venue_id
           WHERE s.id = ANY($1)""",
        slot_ids,
    )
    return {row["id"]: row["key"] for row in rows}
