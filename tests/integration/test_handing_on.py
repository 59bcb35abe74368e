"""Where seats are handed on late or never: what the state machine of the races has found."""

import datetime as dt

from openyard_platform import ids
from openyard_platform.domain import waitlist
from openyard_platform.store import engine
from tests.integration.test_allotments import ring, statuses
from tests.integration.test_deciding import HOUR, NOW, SATURDAY, Desk, cancel, desk, opened, reserve

__all__ = ["desk"]


async def due_at(slot) -> dt.datetime | None:
    row = await engine.fetch_one("SELECT due_at FROM slot WHERE id = $1", slot)
    assert row is not None
    return row["due_at"]


async def test_an_old_withdrawal_of_a_slot_with_many_leaves_no_offer_without_its_end(
    desk: Desk, monkeypatch
):
    monkeypatch.setattr(waitlist, "REACH", 2)
    slot = await opened(desk, external_id="busy", version=5, capacity=4)
    holders, waiting = [reserve(slot) for _ in range(4)], reserve(slot)
    await desk.decide(*holders, waiting)
    await desk.decide(cancel(holders[3]))
    (old,) = await desk.decide(desk.withdraw("busy", 4), at=NOW + 3 * HOUR)
    assert old.status == "duplicate"
    assert await statuses(slot) == [*["confirmed"] * 3, "cancelled", "offer_expired"]


async def test_the_end_of_an_older_offer_is_not_forgotten_where_a_long_line_is_worked_off(
    desk: Desk, monkeypatch
):
    monkeypatch.setattr(waitlist, "REACH", 2)
    slot = await opened(desk, capacity=6)
    holders = [reserve(slot, seats) for seats in (1, 3, 1, 1)]
    line = [reserve(slot, seats) for seats in (1, 6, 1, 1, 1)]
    await desk.decide(*holders, *line)
    await desk.decide(cancel(holders[0]))
    later = NOW + HOUR
    await desk.decide(cancel(holders[1]), cancel(holders[2]), at=later)
    assert await statuses(slot) == [
        *["cancelled"] * 3,
        *["confirmed", "offered", "waitlisted", "offered", "waitlisted", "waitlisted"],
    ]
    # The clock comes when the first offer ends, not when the second does.
    assert await due_at(slot) == NOW + 2 * HOUR


async def test_whoever_was_out_of_reach_has_its_turn_when_all_before_it_left(
    desk: Desk, monkeypatch
):
    monkeypatch.setattr(waitlist, "REACH", 2)
    slot = await opened(desk, capacity=3)
    large = [reserve(slot, 3) for _ in range(2)]
    await desk.decide(reserve(slot), *large, reserve(slot))
    await desk.decide(*(cancel(one) for one in large))
    await desk.decide(ring(slot))
    assert await statuses(slot) == ["confirmed", "cancelled", "cancelled", "offered"]


async def test_who_leaves_one_slot_has_its_turn_on_another_at_the_same_time(desk: Desk):
    slot = await opened(desk, capacity=2, starts_at=SATURDAY, space="court-1")
    other = await opened(desk, capacity=2, starts_at=SATURDAY, space="court-2")
    holder, party = reserve(slot, 2), ids.new()
    waiting, elsewhere = reserve(slot, 2, party), reserve(other, 1, party)
    await desk.decide(holder, waiting, elsewhere)
    await desk.decide(cancel(holder))
    assert await statuses(slot) == ["cancelled", "waitlisted"]
    await desk.decide(cancel(elsewhere), at=NOW + HOUR)
    assert await due_at(slot) == NOW + HOUR
    # And nobody comes before it meanwhile.
    (newcomer,) = await desk.decide(reserve(slot), at=NOW + HOUR)
    assert newcomer.status == "waitlisted"
    assert await statuses(slot) == ["cancelled", "offered", "waitlisted"]


async def test_a_line_is_not_looked_at_for_who_leaves_at_another_time(desk: Desk):
    begin = SATURDAY + dt.timedelta(days=33)
    early = {"starts_at": begin, "ends_at": begin + HOUR, "capacity": 2}
    late = {"starts_at": begin + HOUR, "ends_at": begin + 2 * HOUR, "capacity": 2}
    slot = await opened(desk, space="court-1", **early)
    same = await opened(desk, space="court-2", **early)
    other = await opened(desk, space="court-2", **late)
    holder, party = reserve(slot, 2), ids.new()
    waiting, elsewhere = reserve(slot, 2, party), reserve(same, 1, party)
    afterwards = reserve(other, 1, party)
    await desk.decide(holder, waiting, elsewhere, afterwards)
    await desk.decide(cancel(holder))
    await desk.decide(cancel(afterwards))
    assert await due_at(slot) is None
