"""Fragments of calendar feeds, the state of each feed, and the links that lead to private ones."""

import datetime as dt
from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from msgspec import Struct

from openyard_platform.domain.feeds import (
    RESERVATION_UID,
    SLOT_UID,
    Place,
    ReservationView,
    SlotView,
    Window,
)
from openyard_platform.store import engine


class Fragment(Struct, frozen=True, kw_only=True):
    """One stored VEVENT. ``cancelled_at``: it is dropped some days after."""

    owner_id: UUID
    uid: str
    starts_at: dt.datetime
    ends_at: dt.datetime
    cancelled_at: dt.datetime | None
    slot_revision: int
    changed_at: dt.datetime
    body: bytes


class PublicState(Struct, frozen=True, kw_only=True):
    """A venue and the state of its feed; both None: nothing was ever in it."""

    owner_id: UUID
    key: str
    name: str
    description: str
    own_changed_at: dt.datetime
    revision: int | None
    updated_at: dt.datetime | None


class PrivateState(Struct, frozen=True, kw_only=True):
    """A link and the state of the feed it leads to."""

    owner_id: UUID
    role: str
    active: bool
    created_at: dt.datetime
    last_used_at: dt.datetime | None
    revoked_at: dt.datetime | None
    revision: int | None
    updated_at: dt.datetime | None


class Link(Struct, frozen=True, kw_only=True):
    account_id: UUID
    owner_id: UUID
    generation: int
    created_at: dt.datetime
    last_used_at: dt.datetime | None


_PLACE = "p.name AS space, o.name AS venue, o.address, o.latitude, o.longitude"

# Only rows that are ahead of their stored fragment: three hundred facts of one slot cost one
# row, and a replay none. A fragment once cancelled stays as it was then.
_SLOTS = f"""
SELECT s.id, s.venue_id AS owner_id, s.status, s.kind, s.title, s.description, s.programme,
       s.starts_at, s.ends_at, s.capacity, s.taken, s.waiting, s.exclusive, s.audiences,
       s.reason, s.sequence, s.revision, s.updated_at, {_PLACE}
FROM slot s
JOIN organisation o ON o.id = s.venue_id
JOIN space p ON p.id = s.space_id
LEFT JOIN feed_fragment f ON f.owner_id = s.venue_id AND f.uid = $2 || s.id || $3
WHERE s.id = ANY ($1::uuid[]) AND s.starts_at IS NOT NULL
  AND s.revision > coalesce(f.slot_revision, 0)
  AND NOT (s.status = 'withdrawn' AND f.cancelled_at IS NOT NULL)
"""  # noqa: S608 - made of constants

# A cancelled reservation is shown only if it was ever confirmed: it has a fragment, or a fact
# of this batch says so. One that only waited has never been in anybody's calendar.
_RESERVATIONS = f"""
SELECT r.id, r.holder_id AS owner_id, r.slot_id, r.status, r.seats, r.adults,
       r.needs_reconfirm, r.cancelled_by, r.reason, s.kind, s.title, s.description,
       s.starts_at, s.ends_at, s.sequence + r.sequence AS sequence, s.revision,
       r.updated_at, {_PLACE}
FROM reservation r
JOIN slot s ON s.id = r.slot_id
JOIN organisation o ON o.id = s.venue_id
JOIN space p ON p.id = s.space_id
LEFT JOIN feed_fragment f ON f.owner_id = r.holder_id AND f.uid = $4 || r.id || $5
WHERE r.id IN (
        SELECT unnest($1::uuid[])
        UNION
        SELECT id FROM reservation WHERE slot_id = ANY ($2::uuid[]) AND status = 'confirmed')
  AND s.revision > coalesce(f.slot_revision, 0)
  AND (r.status = 'confirmed' OR (
        r.status = 'cancelled' AND f.cancelled_at IS NULL
        AND (f.uid IS NOT NULL OR r.id = ANY ($3::uuid[]))))
"""  # noqa: S608 - made of constants

_PUT = """
INSERT INTO feed_fragment AS f
    (owner_id, uid, starts_at, ends_at, cancelled_at, slot_revision, changed_at, body)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::timestamptz[],
                     $5::timestamptz[], $6::bigint[], $7::timestamptz[], $8::bytea[])
ON CONFLICT (owner_id, uid) DO UPDATE SET
    starts_at = excluded.starts_at, ends_at = excluded.ends_at,
    cancelled_at = excluded.cancelled_at, slot_revision = excluded.slot_revision,
    changed_at = excluded.changed_at, body = excluded.body
WHERE f.slot_revision < excluded.slot_revision
RETURNING new.owner_id, old.body IS DISTINCT FROM new.body AS changed
"""

# The first revision is the time in milliseconds: a feed built anew from nothing must not repeat
# an ETag that somebody still holds for other contents.
_BUMP = """
INSERT INTO feed_state AS s (owner_id, revision, updated_at)
SELECT owner_id, (extract(epoch FROM $2::timestamptz) * 1000)::bigint, $2
FROM unnest($1::uuid[]) AS owner_id
ON CONFLICT (owner_id) DO UPDATE SET
    revision = s.revision + 1, updated_at = greatest(s.updated_at, excluded.updated_at)
"""

_SHOWN = """
SELECT s.revision, f.*
FROM (SELECT $1::uuid AS owner) o
LEFT JOIN feed_state s ON s.owner_id = o.owner
LEFT JOIN LATERAL (
    SELECT * FROM feed_fragment
    WHERE owner_id = $1 AND ends_at >= $2 AND starts_at < $3
      AND (cancelled_at IS NULL OR cancelled_at >= $4)
    ORDER BY ends_at < $5, abs(extract(epoch FROM starts_at - $5)), uid
    LIMIT $6
) f ON true
ORDER BY f.ends_at < $5, abs(extract(epoch FROM f.starts_at - $5)), f.uid
"""


async def outdated_slots(slot_ids: Collection[UUID]) -> list[SlotView]:
    """Of these slots, those whose row is ahead of their public fragment."""
    rows = await engine.fetch(_SLOTS, list(slot_ids), *SLOT_UID)
    return [SlotView(**_placed(row)) for row in rows]


async def outdated_reservations(
    reservation_ids: Collection[UUID],
    changed_slot_ids: Collection[UUID],
    once_confirmed: Collection[UUID],
) -> list[ReservationView]:
    """Of these, and of the confirmed ones on the changed slots, those ahead of their fragment."""
    rows = await engine.fetch(
        _RESERVATIONS,
        list(reservation_ids),
        list(changed_slot_ids),
        list(once_confirmed),
        *RESERVATION_UID,
    )
    return [ReservationView(**_placed(row)) for row in rows]


async def put(fragments: Sequence[Fragment], now: dt.datetime) -> set[UUID]:
    """Store fragments, never over a higher revision; returns the owners whose feed is another."""
    if not fragments:
        return set()
    # In one order in every process, so that two of them can never wait for each other.
    ordered = sorted(fragments, key=lambda one: (one.owner_id, one.uid))
    rows = await engine.fetch(
        _PUT,
        [one.owner_id for one in ordered],
        [one.uid for one in ordered],
        [one.starts_at for one in ordered],
        [one.ends_at for one in ordered],
        [one.cancelled_at for one in ordered],
        [one.slot_revision for one in ordered],
        [one.changed_at for one in ordered],
        [one.body for one in ordered],
    )
    owners = {row["owner_id"] for row in rows if row["changed"]}
    if owners:
        await engine.fetch(_BUMP, sorted(owners), now)
    return owners


async def shown(owner_id: UUID, window: Window, limit: int) -> tuple[int | None, list[Fragment]]:
    """The feed's revision and its events; when there are too many, the soonest.

    What is still to come goes before what is past, and of either the nearest to today. Both come
    from one statement: a body must not be kept under the revision before it.
    """
    rows = await engine.fetch(_SHOWN, owner_id, *_bounds(window), limit)
    fragments = [
        Fragment(**{name: row[name] for name in Fragment.__struct_fields__})
        for row in rows
        if row["uid"] is not None
    ]
    return rows[0]["revision"], fragments


def _bounds(window: Window) -> tuple[dt.datetime, ...]:
    return (window.since, window.until, window.cancelled_since, window.today)


async def public_state(venue_key: str) -> PublicState | None:
    row = await engine.fetch_one(
        """
        SELECT o.id AS owner_id, o.key, o.name, o.description, o.updated_at AS own_changed_at,
               s.revision, s.updated_at
        FROM organisation o LEFT JOIN feed_state s ON s.owner_id = o.id
        WHERE o.key = $1
        """,
        venue_key,
    )
    return None if row is None else PublicState(**dict(row))


async def private_state(token_hash: bytes) -> PrivateState | None:
    row = await engine.fetch_one(
        """
        SELECT l.owner_id, a.role, a.active, l.created_at, l.last_used_at, l.revoked_at,
               s.revision, s.updated_at
        FROM feed_link l
        JOIN account a ON a.id = l.account_id
        LEFT JOIN feed_state s ON s.owner_id = l.owner_id
        WHERE l.token_hash = $1
        """,
        token_hash,
    )
    return None if row is None else PrivateState(**dict(row))


async def touch_link(token_hash: bytes, now: dt.datetime) -> None:
    await engine.fetch(
        "UPDATE feed_link SET last_used_at = $2 WHERE token_hash = $1", token_hash, now
    )


async def lock_account(account_id: UUID) -> int | None:
    """Keep others from changing this account's links until the transaction ends.

    Returns its current feed generation, or None for an unknown account.
    """
    row = await engine.fetch_one(
        "SELECT feed_generation FROM account WHERE id = $1 FOR NO KEY UPDATE", account_id
    )
    return None if row is None else int(row["feed_generation"])


async def set_generation(account_id: UUID, generation: int) -> None:
    await engine.fetch(
        "UPDATE account SET feed_generation = $2 WHERE id = $1", account_id, generation
    )


async def live_link(account_id: UUID, owner_id: UUID) -> Link | None:
    row = await engine.fetch_one(
        """
        SELECT account_id, owner_id, generation, created_at, last_used_at FROM feed_link
        WHERE account_id = $1 AND owner_id = $2 AND revoked_at IS NULL
        ORDER BY generation DESC LIMIT 1
        """,
        account_id,
        owner_id,
    )
    return None if row is None else Link(**dict(row))


async def was_given(account_id: UUID, owner_id: UUID, generation: int) -> bool:
    row = await engine.fetch_one(
        "SELECT 1 FROM feed_link WHERE account_id = $1 AND owner_id = $2 AND generation >= $3",
        account_id,
        owner_id,
        generation,
    )
    return row is not None


async def add_link(link: Link, token_hash: bytes) -> None:
    await engine.fetch(
        "INSERT INTO feed_link (token_hash, account_id, owner_id, generation, created_at)"
        " VALUES ($1, $2, $3, $4, $5)",
        token_hash,
        link.account_id,
        link.owner_id,
        link.generation,
        link.created_at,
    )


async def revoke_links(account_id: UUID, owner_id: UUID, now: dt.datetime) -> int:
    rows = await engine.fetch(
        "UPDATE feed_link SET revoked_at = $3"
        " WHERE account_id = $1 AND owner_id = $2 AND revoked_at IS NULL RETURNING 1",
        account_id,
        owner_id,
        now,
    )
    return len(rows)


def _placed(row: Any) -> dict[str, Any]:
    values = dict(row)
    place = Place(
        venue=values.pop("venue"),
        space=values.pop("space"),
        address=values.pop("address"),
        latitude=values.pop("latitude"),
        longitude=values.pop("longitude"),
    )
    return {**values, "place": place}
