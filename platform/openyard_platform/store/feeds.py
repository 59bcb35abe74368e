"""Fragments of calendar feeds: what is behind its row, what is stored, what a feed shows."""

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
from openyard_platform.store import engine, subscribed_feeds


class Fragment(Struct, frozen=True, kw_only=True):
    """One stored VEVENT. ``cancelled_at``: it is dropped some days after.

    ``also_in``: the feeds it stands in besides its owner's.
    """

    owner_id: UUID
    uid: str
    starts_at: dt.datetime
    ends_at: dt.datetime
    cancelled_at: dt.datetime | None
    slot_revision: int
    changed_at: dt.datetime
    body: bytes
    also_in: list[UUID] = []


_PLACE = "p.name AS space, o.name AS venue, o.address, o.latitude, o.longitude"

# Only rows that are ahead of their stored fragment: three hundred facts of one slot cost one
# row, and a replay none. A fragment once cancelled stays as it was then.
_SLOTS = f"""
WITH RECURSIVE above AS (
    SELECT s.id AS slot_id, s.space_id AS id FROM slot s WHERE s.id = ANY ($1::uuid[])
    UNION ALL
    SELECT a.slot_id, p.parent_id FROM above a JOIN space p ON p.id = a.id
    WHERE p.parent_id IS NOT NULL),
paths AS MATERIALIZED (SELECT slot_id, array_agg(id) AS space_ids FROM above GROUP BY slot_id)
SELECT s.id, s.venue_id AS owner_id, s.status, s.kind, s.title, s.description, s.programme,
       s.starts_at, s.ends_at, s.capacity, s.taken, s.waiting, s.exclusive, s.audiences,
       s.reason, s.sequence, s.revision, s.updated_at, {_PLACE}, o.key AS venue_key, o.district_key,
       paths.space_ids,
       coalesce(CASE WHEN s.allotment_count > 0 THEN (
           SELECT jsonb_object_agg(k.audience, k.seats - k.used) FROM slot_allotment k
           WHERE k.slot_id = s.id AND NOT k.released AND k.used < k.seats) END,
           jsonb_build_object()) AS kept
FROM slot s
JOIN paths ON paths.slot_id = s.id
JOIN organisation o ON o.id = s.venue_id
JOIN space p ON p.id = s.space_id
LEFT JOIN feed_fragment f ON f.owner_id = s.venue_id AND f.uid = $2 || s.id || $3
WHERE s.id = ANY ($1::uuid[]) AND s.starts_at IS NOT NULL AND s.kind <> 'busy'
  AND s.revision > coalesce(f.slot_revision, 0)
  AND NOT (s.status = 'withdrawn' AND f.cancelled_at IS NOT NULL)
"""  # noqa: S608 - made of constants

_RESERVATION = f"""
SELECT r.id, r.holder_id AS owner_id, r.slot_id, r.status, r.seats, r.adults,
       r.needs_reconfirm, r.cancelled_by, r.reason, s.kind, s.title, s.description,
       s.starts_at, s.ends_at, s.sequence + r.sequence AS sequence, s.revision,
       r.updated_at, {_PLACE},
       ARRAY(SELECT g.id FROM party q JOIN study_group g ON g.id = q.ref
             WHERE q.no = ANY (r.party_nos)) AS study_group_ids
FROM reservation r
JOIN slot s ON s.id = r.slot_id
JOIN organisation o ON o.id = s.venue_id
JOIN space p ON p.id = s.space_id
"""  # noqa: S608 - made of constants

# A reservation that holds no seat any more is shown, as cancelled, only if it was ever confirmed:
# it has a fragment, or a fact of this batch says so. One that only waited, or was offered seats and
# did not take them, has never been in anybody's calendar. What is in no subscribed feed is left.
_RESERVATIONS = f"""{_RESERVATION}
LEFT JOIN feed_fragment f ON f.owner_id = r.holder_id AND f.uid = $4 || r.id || $5
WHERE r.id IN (
        SELECT unnest($1::uuid[])
        UNION
        SELECT id FROM reservation WHERE slot_id = ANY ($2::uuid[]) AND status = 'confirmed')
  AND s.revision > coalesce(f.slot_revision, 0)
  AND (r.status = 'confirmed' OR (f.uid IS NOT NULL AND f.cancelled_at IS NULL)
       OR (r.status = 'cancelled' AND f.uid IS NULL AND r.id = ANY ($3::uuid[])))
  AND {subscribed_feeds.OF_RESERVATION}
"""  # noqa: S608 - made of constants

# The same for a feed that is fetched for the first time: the audit log knows what was confirmed.
_EARLIER = f"""{_RESERVATION}
LEFT JOIN feed_fragment f ON f.owner_id = r.holder_id AND f.uid = $3 || r.id || $4
WHERE (r.holder_id = $1 OR (
        r.holder_id = (SELECT organisation_id FROM study_group WHERE id = $1)
        AND EXISTS (SELECT FROM party q WHERE q.ref = $1 AND q.no = ANY (r.party_nos))))
  AND s.ends_at >= $2
  AND s.revision > coalesce(f.slot_revision, 0)
  AND (r.status = 'confirmed' OR (f.uid IS NOT NULL AND f.cancelled_at IS NULL)
       OR (r.status = 'cancelled' AND f.uid IS NULL AND EXISTS (
           SELECT FROM audit a WHERE a.subject_id = r.id
           AND a.action IN ('reservation.confirmed', 'reservation.promoted'))))
"""  # noqa: S608 - made of constants

# Lists do not lie in a list of lists, which PostgreSQL would take for a table: so they are text.
_PUT = """
INSERT INTO feed_fragment AS f (owner_id, uid, starts_at, ends_at, cancelled_at, slot_revision,
                                changed_at, body, also_in)
SELECT owner_id, uid, starts_at, ends_at, cancelled_at, slot_revision, changed_at, body,
       also_in::uuid[]
FROM unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::timestamptz[],
            $6::bigint[], $7::timestamptz[], $8::bytea[], $9::text[])
    AS q (owner_id, uid, starts_at, ends_at, cancelled_at, slot_revision, changed_at, body,
          also_in)
ON CONFLICT (owner_id, uid) DO UPDATE SET
    starts_at = excluded.starts_at, ends_at = excluded.ends_at,
    cancelled_at = excluded.cancelled_at, slot_revision = excluded.slot_revision,
    changed_at = excluded.changed_at, body = excluded.body, also_in = excluded.also_in
WHERE f.slot_revision < excluded.slot_revision
RETURNING new.owner_id || new.also_in || coalesce(old.also_in, '{}') AS feeds,
    (old.body, old.also_in) IS DISTINCT FROM (new.body, new.also_in) AS changed
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
    WHERE (owner_id = $1 OR (also_in <> '{}' AND also_in @> ARRAY[$1::uuid]))
      AND NOT starts_with(uid, $7)
      AND ends_at >= $2 AND starts_at < $3
      AND (cancelled_at IS NULL OR cancelled_at >= $4)
    ORDER BY ends_at < $5, abs(extract(epoch FROM starts_at - $5)), uid
    LIMIT $6
) f ON true
ORDER BY f.ends_at < $5, abs(extract(epoch FROM f.starts_at - $5)), f.uid
"""


_BEHIND = """
SELECT s.id FROM slot s
LEFT JOIN feed_fragment f ON f.owner_id = s.venue_id AND f.uid = $2 || s.id || $3
WHERE s.ends_at >= $1 AND s.kind <> 'busy' AND s.revision > coalesce(f.slot_revision, 0)
  AND NOT (s.status = 'withdrawn' AND (f.uid IS NULL OR f.cancelled_at IS NOT NULL))
"""

_MISSING = f"""
SELECT r.id FROM slot s
JOIN reservation r ON r.slot_id = s.id AND r.status = 'confirmed'
LEFT JOIN feed_fragment f ON f.owner_id = r.holder_id AND f.uid = $2 || r.id || $3
WHERE s.ends_at >= $1 AND coalesce(f.slot_revision, 0) = 0
  AND {subscribed_feeds.OF_RESERVATION}
"""  # noqa: S608 - made of constants


async def outdated_slots(slot_ids: Collection[UUID]) -> list[SlotView]:
    """Of these slots, those whose row is ahead of their public fragment."""
    if not slot_ids:
        return []
    rows = await engine.fetch(_SLOTS, list(slot_ids), *SLOT_UID)
    return [SlotView(**_placed(row)) for row in rows]


async def outdated_reservations(
    reservation_ids: Collection[UUID],
    changed_slot_ids: Collection[UUID],
    once_confirmed: Collection[UUID],
) -> list[ReservationView]:
    """Of these, and of the confirmed ones on the changed slots, those ahead of their fragment.

    As far as they are in a feed that is subscribed.
    """
    rows = await engine.fetch(
        _RESERVATIONS,
        list(reservation_ids),
        list(changed_slot_ids),
        list(once_confirmed),
        *RESERVATION_UID,
    )
    return [ReservationView(**_placed(row)) for row in rows]


async def earlier_reservations(feed_id: UUID, since: dt.datetime) -> list[ReservationView]:
    """Of a private feed, those on slots that ended no earlier and are ahead of their fragment."""
    rows = await engine.fetch(_EARLIER, feed_id, since, *RESERVATION_UID)
    return [ReservationView(**_placed(row)) for row in rows]


async def reservation(reservation_id: UUID) -> ReservationView | None:
    """One as it stands; None: there is none, or its slot has no place or time."""
    row = await engine.fetch_one(_RESERVATION + "WHERE r.id = $1", reservation_id)
    return None if row is None else ReservationView(**_placed(row))


async def put(fragments: Sequence[Fragment], now: dt.datetime) -> set[UUID]:
    """Store fragments, never over a higher revision; returns the feeds that are others now."""
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
        ["{" + ",".join(map(str, one.also_in)) + "}" for one in ordered],
    )
    feeds = {feed for row in rows if row["changed"] for feed in row["feeds"]}
    if feeds:
        await engine.fetch(_BUMP, sorted(feeds), now)
    return feeds


async def behind(since: dt.datetime) -> list[UUID]:
    """Slots that ended no earlier, whose row no fact has carried into the feeds."""
    rows = await engine.fetch(_BEHIND, since, *SLOT_UID)
    return [row["id"] for row in rows]


async def missing_reservations(since: dt.datetime) -> list[UUID]:
    """Confirmed ones on such slots that a subscribed feed lacks, or has as an older version did."""
    rows = await engine.fetch(_MISSING, since, *RESERVATION_UID)
    return [row["id"] for row in rows]


async def shown(
    feed_id: UUID, window: Window, limit: int, *, private: bool
) -> tuple[int | None, list[Fragment]]:
    """The feed's revision and its events; when there are too many, the soonest.

    What is still to come goes before what is past, and of either the nearest to today. Both come
    from one statement: a body must not be kept under the revision before it.
    """
    # A school offers slots and holds reservations under one id: neither feed shows the other's.
    without = SLOT_UID[0] if private else RESERVATION_UID[0]
    rows = await engine.fetch(_SHOWN, feed_id, *_bounds(window), limit, without)
    fragments = [
        Fragment(**{name: row[name] for name in Fragment.__struct_fields__})
        for row in rows
        if row["uid"] is not None
    ]
    return rows[0]["revision"], fragments


def _bounds(window: Window) -> tuple[dt.datetime, ...]:
    return (window.since, window.until, window.cancelled_since, window.today)


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
