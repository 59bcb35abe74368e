"""The slots that stand around a schedule: its own, and others in the same spaces."""

import datetime as dt
from typing import Any
from uuid import UUID

import msgspec

from openyard_events.contracts import Allotment
from openyard_platform.domain import schedule_slots as domain
from openyard_platform.domain.schedule_slots import Around, LiveSlot
from openyard_platform.store import engine, spaces

_LONGEST = dt.timedelta(days=31)  # a slot lasts

_SELECT = """
    SELECT s.external_id, s.version, s.status = 'open' AS is_open, s.reason, s.title,
           s.description, s.starts_at, s.ends_at, s.capacity, s.audiences, s.taken, s.waiting,
           sp.key AS space,
           CASE WHEN s.allotment_count > 0 THEN (
               SELECT jsonb_agg(jsonb_build_object('audience', a.audience, 'seats', a.seats,
                   'release_hours', a.release_hours, 'per_school', a.per_school) ORDER BY ordinal)
               FROM slot_allotment a WHERE a.slot_id = s.id) END AS allotments
    FROM slot s JOIN space sp ON sp.id = s.space_id
    WHERE s.venue_id = $1
"""


async def around(
    venue_id: UUID, schedule_id: UUID, *, today: dt.datetime, first: dt.datetime, last: dt.datetime
) -> Around:
    """Own slots from ``today`` on, and those of others between ``first`` and ``last``."""
    prefix = domain.external_id(schedule_id, "")
    own = await engine.fetch(
        f"{_SELECT} AND s.starts_at >= $2 AND starts_with(s.external_id, $3)",
        *(venue_id, today, prefix),
    )
    others = await engine.fetch(
        f"""{_SELECT} AND s.status = 'open' AND s.kind NOT IN ('shift', 'outreach')
            AND s.starts_at BETWEEN $2 AND $3 AND s.ends_at > $4
            AND NOT starts_with(s.external_id, $5)""",
        *(venue_id, first - _LONGEST, last, first, prefix),
    )
    known = await spaces.of_venues(engine, [venue_id])
    leaves = {key: space.leaves for (_, key), space in known.items()}
    return Around(
        own=[_live(row, leaves) for row in own],
        others=[_live(row, leaves) for row in others],
        leaves=leaves,
    )


def _live(row: Any, leaves: dict[str, tuple[int, ...]]) -> LiveSlot:
    values = dict(row)
    allotments = msgspec.convert(values.pop("allotments") or [], list[Allotment])
    return LiveSlot(leaves=leaves[values.pop("space")], allotments=allotments, **values)
