"""How waiting lists ended: what they tell somebody who waits now."""

import datetime as dt
from uuid import UUID

from msgspec import Struct

from openyard_platform.store import engine

_BACK = dt.timedelta(days=90)
_FEWEST, _MOST = 5, 30


class Estimate(Struct, frozen=True, kw_only=True):
    """Of ``slots`` like this one on which somebody waited, ``reached`` got as far as this place."""

    slots: int
    reached: int


# Both counts are read from partial indexes: a slot on which nobody ever waited costs two probes.
_ESTIMATE = """
WITH ended AS (
    SELECT (SELECT count(*) FROM reservation r
            WHERE r.slot_id = s.id AND r.offered_at IS NOT NULL) AS served
    FROM slot mine JOIN slot s ON s.venue_id = mine.venue_id AND s.kind = mine.kind
    WHERE mine.id = $1 AND s.status = 'open'
      AND s.starts_at BETWEEN $3 AND $4 AND s.ends_at <= $4
      AND (s.waiting > 0 OR EXISTS (
            SELECT FROM reservation r WHERE r.slot_id = s.id AND r.offered_at IS NOT NULL))
    ORDER BY s.starts_at DESC, s.id
    LIMIT $5
)
SELECT count(*) AS slots, count(*) FILTER (WHERE served >= $2) AS reached FROM ended
"""


async def estimate(slot_id: UUID, place: int, now: dt.datetime) -> Estimate | None:
    """Of the last thirty such slots of its venue and kind that ended within 90 days.

    None where there were fewer than five: they would tell nothing.
    """
    row = await engine.fetch_one(_ESTIMATE, slot_id, place, now - _BACK, now, _MOST)
    if row is None or row["slots"] < _FEWEST:
        return None
    return Estimate(slots=row["slots"], reached=row["reached"])
