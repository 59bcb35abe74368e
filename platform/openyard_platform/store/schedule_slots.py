"""The slots that stand around a schedule: its own, and others in the same spaces."""

import datetime as dt
from typing import Any
from uuid import UUID

import msgspec

from openyard_events.contracts import Allotment, SlotKind
from openyard_platform.domain import schedule_slots as domain
from openyard_platform.domain.schedule_slots import Around, LiveSlot
from openyard_platform.domain.schedules import Schedule
from openyard_platform.store import engine, spaces

_LONGEST = dt.timedelta(days=31)  # a slot lasts

_SELECT = """
    SELECT s.external_id, s.version, s.status = 'open' AS is_open, s.reason, s.title,
           s.description, s.starts_at, s.ends_at, s.capacity, s.audiences, s.taken, s.waiting,
           s.space_id, s.kind,
           CASE WHEN s.allotment_count > 0 THEN (
               SELECT jsonb_agg(jsonb_build_object('audience', a.audience, 'seats', a.seats,
                   'release_hours', a.release_hours, 'per_school', a.per_school) ORDER BY ordinal)
               FROM slot_allotment a WHERE a.slot_id = s.id) END AS allotments
    FROM slot s
    WHERE s.venue_id = $1
"""


async def around(
    schedule: Schedule, *, today: dt.datetime, first: dt.datetime, last: dt.datetime
) -> Around:
    """Own slots from ``today`` on, and others in the same spaces from ``first`` to ``last``.

    Part of a transaction.
    """
    venue_id = schedule.venue_id
    prefix = domain.external_id(schedule.id, "")
    known = await spaces.of_venues(engine, [venue_id])
    leaves = {key: space.leaves for (_, key), space in known.items()}
    by_id = {space.id: space.leaves for space in known.values()}
    taken = {leaf for key in schedule.plan.spaces for leaf in leaves[key]}
    shared = [space_id for space_id, below in by_id.items() if not taken.isdisjoint(below)]
    # A plan made for any prefix reads all slots of the venue; one made for this reads its own.
    await engine.fetch("SET LOCAL plan_cache_mode = force_custom_plan")
    own = await engine.fetch(
        f"{_SELECT} AND s.starts_at >= $2 AND starts_with(s.external_id, $3)",
        *(venue_id, today, prefix),
    )
    others = await engine.fetch(
        f"""{_SELECT} AND s.status = 'open' AND s.kind NOT IN ('shift', 'outreach')
            AND s.starts_at BETWEEN $2 AND $3 AND s.ends_at > $4
            AND s.space_id = ANY($6) AND NOT starts_with(s.external_id, $5)""",
        *(venue_id, first - _LONGEST, last, first, prefix, shared),
    )
    return Around(
        own=[_live(row, by_id) for row in own],
        others=[_live(row, by_id) for row in others],
        leaves=leaves,
    )


def _live(row: Any, leaves: dict[UUID, tuple[int, ...]]) -> LiveSlot:
    values = dict(row)
    allotments = values.pop("allotments")
    below = leaves[values.pop("space_id")]
    return LiveSlot(
        leaves=() if values.pop("kind") == SlotKind.SHIFT else below,
        allotments=msgspec.convert(allotments, list[Allotment]) if allotments else [],
        **values,
    )
