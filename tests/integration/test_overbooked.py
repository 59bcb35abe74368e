"""A capacity below what is taken: the venue says who gives way, and everybody is told."""

from uuid import UUID

from openyard_events.commands import ReleaseDue
from openyard_platform import ids
from openyard_platform.store import engine
from tests.integration.test_allotments import statuses
from tests.integration.test_deciding import HOUR, SATURDAY, Desk, desk, opened, reserve

__all__ = ["desk"]


TIMES = {"starts_at": SATURDAY + 99 * HOUR, "ends_at": SATURDAY + 100 * HOUR}


async def three_pairs(desk: Desk) -> UUID:
    slot = await opened(desk, external_id="s", capacity=6, **TIMES)
    await desk.decide(*(reserve(slot, 2) for _ in range(4)))
    return slot


async def lowered(desk: Desk, capacity: int, version: int = 2, **changes):
    (outcome,) = await desk.decide(
        desk.offer(version, external_id="s", capacity=capacity, **TIMES, **changes)
    )
    return outcome


async def told(slot: UUID) -> list[str]:
    rows = await engine.fetch(
        """SELECT split_part(type, '.', 3) AS verb FROM outbox
           WHERE body::jsonb->>'slot_id' = $1 AND type LIKE '%reservation%' ORDER BY id""",
        str(slot),
    )
    return [row["verb"] for row in rows]


async def test_without_a_word_of_the_venue_nobody_loses_a_seat(desk):
    slot = await three_pairs(desk)
    outcome = await lowered(desk, 4)
    assert [error.code for error in outcome.errors] == ["capacity_below_taken"]
    assert await statuses(slot) == ["confirmed"] * 3 + ["waitlisted"]


async def test_who_came_last_waits_again_before_all_others(desk):
    slot = await three_pairs(desk)
    await lowered(desk, 3, overbooked="latest_wait")
    assert await statuses(slot) == ["confirmed"] + ["waitlisted"] * 3
    assert (await told(slot))[-2:] == ["displaced", "displaced"]
    await lowered(desk, 4, version=3)
    assert await statuses(slot) == ["confirmed", "offered"] + ["waitlisted"] * 2


async def test_who_came_last_has_to_go_where_the_venue_says_so(desk):
    slot = await three_pairs(desk)
    await lowered(desk, 5, overbooked="latest_leave")
    assert await statuses(slot) == ["confirmed", "confirmed", "cancelled", "waitlisted"]
    row = await engine.fetch_one(
        "SELECT cancelled_by, reason FROM reservation WHERE slot_id = $1 AND position = 3", slot
    )
    assert row is not None
    assert tuple(row) == ("venue", "场馆减少了名额。")


async def test_who_waits_for_more_than_there_ever_will_be_is_told(desk):
    slot = await opened(desk, external_id="s", capacity=6, **TIMES)
    await desk.decide(reserve(slot, 1), reserve(slot, 6), reserve(slot, 2))
    await lowered(desk, 3)
    assert await statuses(slot) == ["confirmed", "cancelled", "offered"]


async def test_counters_add_up_afterwards(desk):
    slot = await three_pairs(desk)
    await lowered(desk, 4, overbooked="latest_wait")
    await desk.decide(ReleaseDue(id=ids.new(), slot_ids=(slot,)))
    row = await engine.fetch_one(
        """SELECT s.taken, s.waiting, (SELECT sum(held) FROM reservation r WHERE r.slot_id = s.id
           AND status IN ('confirmed', 'offered')) AS held FROM slot s WHERE id = $1""",
        slot,
    )
    assert row is not None
    assert tuple(row) == (4, 2, 4)
