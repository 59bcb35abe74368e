"""The reservation that a link in a mail speaks of: whoever has the link may read it."""

import datetime as dt
from uuid import UUID

from msgspec import Struct

from openyard_platform.store import engine


class Linked(Struct, frozen=True, kw_only=True):
    """As it stands now. ``reason``: why it was cancelled, or its slot."""

    id: UUID
    account_id: UUID
    holder_id: UUID
    status: str
    offer_expires_at: dt.datetime | None
    seats: int
    adults: int
    slot_id: UUID
    slot_status: str
    reason: str | None
    kind: str
    title: str
    starts_at: dt.datetime
    ends_at: dt.datetime
    venue_name: str
    space: str
    address: str


async def linked(reservation_id: UUID) -> Linked | None:
    """Not by holder: a valid link has shown already that its bearer was sent it."""
    row = await engine.fetch_one(
        """SELECT r.id, r.account_id, r.holder_id, r.status, r.offer_expires_at, r.seats, r.adults,
                  r.slot_id, s.status AS slot_status, coalesce(r.reason, s.reason) AS reason,
                  s.kind, s.title, s.starts_at, s.ends_at, o.name AS venue_name, p.name AS space,
                  o.address
           FROM reservation r JOIN slot s ON s.id = r.slot_id
           JOIN organisation o ON o.id = s.venue_id JOIN space p ON p.id = s.space_id
           WHERE r.id = $1""",
        reservation_id,
    )
    return None if row is None else Linked(**dict(row))
