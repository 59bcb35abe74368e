"""Who leaves a slot may have been kept from another, where it waits: that one becomes due."""

import datetime as dt
from collections import defaultdict
from typing import Any
from uuid import UUID

from openyard_calendars import intervals
from openyard_platform.domain.state import Decisions
from openyard_platform.store import engine

_DUE = """
    UPDATE slot s SET due_at = $1
    FROM unnest($3::uuid[], $4::timestamptz[], $5::timestamptz[]) AS q (id, lo, hi)
    WHERE s.id = q.id AND s.starts_at < q.hi AND s.ends_at > q.lo AND s.status = 'open'
        AND s.waiting > 0 AND s.taken < s.capacity AND coalesce(s.due_at > $1, true)
"""
_HERE = f"{_DUE} AND s.venue_id = ANY($2)"
_ELSEWHERE = f"{_DUE} AND s.venue_id <> ALL($2)"


async def give(connection: Any, decisions: Decisions) -> None:
    """At the venues that are decided about. ``connection``: in the transaction that decides."""
    if decisions.chances:
        at, venues = _decided(decisions)
        await connection.execute(_HERE, at, venues, *_columns(decisions.chances))


async def give_elsewhere(decisions: Decisions) -> None:
    """At all other venues, once it is decided and nothing is locked.

    Other partitions lock their slots in several steps: one by one, nobody waits for us meanwhile.
    """
    at, venues = _decided(decisions)
    by_slot: dict[UUID, set[tuple[UUID, int, int]]] = defaultdict(set)
    for chance in decisions.chances:
        by_slot[chance[0]].add(chance)
    for chances in by_slot.values():
        await engine.fetch(_ELSEWHERE, at, venues, *_columns(chances))


def _decided(decisions: Decisions) -> tuple[dt.datetime, list[UUID]]:
    """When, and about which venues. Whoever leaves a slot changes it."""
    slots = [*decisions.changed_slots.values(), *decisions.new_slots.values()]
    return max(slot.updated_at for slot in slots), list({slot.venue_id for slot in slots})


def _columns(chances: set[tuple[UUID, int, int]]) -> tuple[list[Any], ...]:
    return (
        [slot_id for slot_id, _, _ in chances],
        [_moment(lo) for _, lo, _ in chances],
        [_moment(hi) for _, _, hi in chances],
    )


def _moment(minute: int) -> dt.datetime:
    return intervals.EPOCH + dt.timedelta(minutes=minute)
