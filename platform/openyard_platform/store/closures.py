"""Closures that stand, and the slots that lie in a stretch of time with the people they touch."""

import datetime as dt
from collections.abc import Collection
from uuid import UUID

from msgspec import Struct

from openyard_platform import ids
from openyard_platform.domain.closures import Closure, Standing
from openyard_platform.store import engine

_LONGEST = dt.timedelta(days=31)  # a slot lasts


class Touched(Struct, frozen=True, kw_only=True):
    """A slot, open or withdrawn. ``holders`` and ``waiting``: parties with seats, and without."""

    slot_id: UUID
    external_id: str
    version: int
    is_open: bool
    title: str
    space: str
    space_name: str
    starts_at: dt.datetime
    ends_at: dt.datetime
    seats: int
    holders: int
    waiting: int


async def touched(
    venue_id: UUID,
    starts_at: dt.datetime,
    ends_at: dt.datetime,
    space_ids: Collection[UUID] | None,
    now: dt.datetime,
) -> list[Touched]:
    """Those that are not over, in order of time; busy time, which nobody books, is none of them.

    ``space_ids`` None: of the whole venue.
    """
    rows = await engine.fetch(
        """SELECT s.id AS slot_id, s.external_id, s.version, s.status = 'open' AS is_open, s.title,
                  p.key AS space, p.name AS space_name, s.starts_at, s.ends_at, s.taken AS seats,
                  (SELECT count(*) FROM reservation r WHERE r.slot_id = s.id
                   AND r.status IN ('confirmed', 'offered')) AS holders, s.waiting
           FROM slot s JOIN space p ON p.id = s.space_id
           WHERE s.venue_id = $1 AND s.kind <> 'busy'
               AND s.starts_at > $2::timestamptz - $6::interval AND s.starts_at < $3
               AND s.ends_at > greatest($2, $5::timestamptz)
               AND ($4::uuid[] IS NULL OR s.space_id = ANY ($4))
           ORDER BY s.starts_at, p.no, s.id""",
        *(venue_id, starts_at, ends_at, None if space_ids is None else list(space_ids)),
        *(now, _LONGEST),
    )
    return [Touched(**dict(row)) for row in rows]


async def remember(venue_id: UUID, closure: Closure, closed_by: UUID, now: dt.datetime) -> bool:
    """From now on it stands; False: it did before, and has the newer reason now."""
    spaces = None if closure.spaces is None else sorted(set(closure.spaces))
    rows = await engine.fetch(
        """INSERT INTO closure
               (id, venue_id, starts_at, ends_at, spaces, reason, closed_by, closed_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
           ON CONFLICT (venue_id, starts_at, ends_at, spaces) WHERE lifted_at IS NULL
           DO UPDATE SET reason = excluded.reason
           RETURNING old.id IS NULL AS is_new""",
        *(ids.new(), venue_id, closure.starts_at, closure.ends_at, spaces),
        *(closure.reason.strip(), closed_by, now),
    )
    return bool(rows[0]["is_new"])


async def standing(venue_id: UUID, since: dt.datetime, until: dt.datetime) -> list[Standing]:
    """Those that reach into the stretch, in order of time."""
    rows = await engine.fetch(
        """SELECT id, starts_at, ends_at, reason, spaces FROM closure
           WHERE venue_id = $1 AND lifted_at IS NULL AND ends_at > $2 AND starts_at < $3
           ORDER BY starts_at, id""",
        *(venue_id, since, until),
    )
    return [Standing(**dict(row)) for row in rows]


async def lift(venue_id: UUID, closure_id: UUID, now: dt.datetime) -> bool:
    """It stands no more; False: there is none, or it was lifted before."""
    rows = await engine.fetch(
        """UPDATE closure SET lifted_at = $3
           WHERE id = $2 AND venue_id = $1 AND lifted_at IS NULL RETURNING id""",
        *(venue_id, closure_id, now),
    )
    return bool(rows)
