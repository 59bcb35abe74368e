"""A holder changes a reservation: all of what is asked, or nothing."""

import datetime as dt
from uuid import UUID

import pytest

from openyard_events.commands import Change, Outcome, Reserve
from openyard_platform import ids
from openyard_platform.store import engine
from tests.integration.test_deciding import (
    HOUR,
    NOW,
    SATURDAY,
    Desk,
    cancel,
    codes,
    desk,
    opened,
    reserve,
)

__all__ = ["desk"]


def change(made: Reserve, **changes) -> Change:
    return Change(
        id=ids.new(),
        reservation_id=made.id,
        account_id=made.account_id,
        holder_id=made.holder_id,
        audiences=made.audiences,
        **changes,
    )


async def seats_of(slot: UUID) -> tuple[int, int]:
    row = await engine.fetch_one("SELECT taken, waiting FROM slot WHERE id = $1", slot)
    assert row is not None
    return row["taken"], row["waiting"]


async def booked(desk: Desk, slot: UUID, *seats: int) -> list[Reserve]:
    made = [reserve(slot, number) for number in seats]
    await desk.decide(*made)
    return made


async def decided(desk: Desk, command: Change, at: dt.datetime = NOW) -> Outcome:
    (outcome,) = await desk.decide(command, at=at)
    return outcome


async def test_more_seats_are_added_where_they_are_free(desk: Desk):
    slot = await opened(desk, capacity=5)
    (made,) = await booked(desk, slot, 2)
    outcome = await decided(desk, change(made, seats=5))
    assert (outcome.status, outcome.position) == ("confirmed", 1)
    assert await seats_of(slot) == (5, 0)
    too_many = await decided(desk, change(made, seats=6))
    assert codes(too_many) == ["insufficient_capacity"]
    assert await seats_of(slot) == (5, 0)


async def test_fewer_seats_go_to_those_who_wait(desk: Desk):
    slot = await opened(desk, capacity=4)
    made, waiting = await booked(desk, slot, 4, 2)
    await decided(desk, change(made, seats=2))
    assert await seats_of(slot) == (4, 0)
    row = await engine.fetch_one("SELECT status FROM reservation WHERE id = $1", waiting.id)
    assert row is not None
    assert row["status"] == "offered"


async def test_who_wants_more_queues_behind_those_who_wait(desk: Desk):
    slot = await opened(desk, capacity=4)
    made, _ = await booked(desk, slot, 2, 3)
    outcome = await decided(desk, change(made, seats=3))
    assert outcome.refusals == [{"code": "insufficient_capacity", "remaining": 0}]
    assert await seats_of(slot) == (2, 1)


async def test_a_waiting_party_that_becomes_smaller_may_fit(desk: Desk):
    slot = await opened(desk, capacity=4)
    _, waiting = await booked(desk, slot, 3, 2)
    await decided(desk, change(waiting, seats=1))
    assert await seats_of(slot) == (4, 0)


async def test_a_swap_gets_the_new_seat_before_it_gives_the_old_one(desk: Desk):
    old, new = await opened(desk, capacity=1), await opened(desk, capacity=1)
    made, waiting = await booked(desk, old, 1, 1)
    outcome = await decided(desk, change(made, slot_id=new))
    assert (outcome.reservation_id, outcome.slot_id) == (made.id, new)
    assert (outcome.status, outcome.position) == ("confirmed", 1)
    assert await seats_of(old) == await seats_of(new) == (1, 0)
    row = await engine.fetch_one("SELECT status FROM reservation WHERE id = $1", waiting.id)
    assert row is not None
    assert row["status"] == "offered"


async def test_a_swap_to_a_full_slot_leaves_the_old_seat(desk: Desk):
    old, new = await opened(desk, capacity=1), await opened(desk, capacity=1)
    (made,) = await booked(desk, old, 1)
    await booked(desk, new, 1)
    outcome = await decided(desk, change(made, slot_id=new))
    assert codes(outcome) == ["slot_full"]
    row = await engine.fetch_one("SELECT slot_id, status FROM reservation WHERE id = $1", made.id)
    assert row is not None
    assert tuple(row) == (old, "confirmed")
    assert await seats_of(old) == (1, 0)


async def test_a_swap_may_overlap_what_it_leaves_but_nothing_else(desk: Desk):
    times = {"starts_at": SATURDAY, "ends_at": SATURDAY + HOUR}
    late = {"starts_at": SATURDAY + HOUR / 2, "ends_at": SATURDAY + 2 * HOUR}
    old = await opened(desk, space="court-1", **times)
    new = await opened(desk, space="court-2", **late)
    party = ids.new()
    made = reserve(old, party=party)
    await desk.decide(made)
    assert (await decided(desk, change(made, slot_id=new))).status == "confirmed"
    (again,) = await desk.decide(reserve(old, party=party))
    assert codes(again) == ["overlaps_own_reservation"]


async def test_each_change_of_seats_is_newer_than_the_one_before(desk: Desk):
    slot = await opened(desk, capacity=5)
    (made,) = await booked(desk, slot, 2)
    sequences = []
    for seats in (2, 3, 1, 1):
        await decided(desk, change(made, seats=seats))
        row = await engine.fetch_one("SELECT sequence FROM reservation WHERE id = $1", made.id)
        sequences.append(row["sequence"])
    # Where nothing changes, nothing is newer.
    assert sequences == [0, 1, 2, 2]


async def test_the_calendar_entry_of_a_swapped_reservation_rises_in_sequence(desk: Desk):
    old, new = await opened(desk), await opened(desk)
    (made,) = await booked(desk, old, 1)
    await engine.fetch("UPDATE slot SET sequence = 7, revision = 90 WHERE id = $1", old)
    await decided(desk, change(made, slot_id=new))
    row = await engine.fetch_one(
        """SELECT r.sequence + s.sequence AS sequence, s.revision FROM reservation r
           JOIN slot s ON s.id = r.slot_id WHERE r.id = $1""",
        made.id,
    )
    assert row is not None
    assert row["sequence"] > 7
    assert row["revision"] > 90


async def test_the_rules_of_size_hold_for_changes_too(desk: Desk):
    slot = await opened(desk, party={"min": 2, "max": 4, "chaperones_per": 2})
    made = reserve(slot, 2, adults=1)
    await desk.decide(made)
    assert codes(await decided(desk, change(made, seats=1))) == ["party_too_small"]
    assert codes(await decided(desk, change(made, seats=5, adults=3))) == ["party_too_large"]
    assert codes(await decided(desk, change(made, seats=4))) == ["chaperones_missing"]
    assert (await decided(desk, change(made, seats=4, adults=2))).status == "confirmed"


async def test_what_closes_booking_closes_growing_and_what_closes_cancelling_shrinking(desk: Desk):
    slot = await opened(
        desk,
        starts_at=SATURDAY,
        ends_at=SATURDAY + HOUR,
        closes_at=SATURDAY - 48 * HOUR,
        cancel_until_hours=24,
    )
    (made,) = await booked(desk, slot, 3)
    late = SATURDAY - 30 * HOUR
    assert codes(await decided(desk, change(made, seats=4), at=late)) == ["booking_closed"]
    assert (await decided(desk, change(made, seats=2), at=late)).status == "confirmed"
    later = SATURDAY - 10 * HOUR
    assert codes(await decided(desk, change(made, seats=1), at=later)) == ["cancellation_closed"]


@pytest.mark.parametrize("whose", ["ended", "foreign"])
async def test_only_ones_own_living_reservation_can_be_changed(desk: Desk, whose: str):
    slot = await opened(desk)
    (made,) = await booked(desk, slot, 1)
    command = change(made, seats=2)
    if whose == "ended":
        await desk.decide(cancel(made))
        assert codes(await decided(desk, command)) == ["reservation_ended"]
    else:
        foreign = Change(
            id=ids.new(),
            reservation_id=made.id,
            account_id=ids.new(),
            holder_id=ids.new(),
            audiences=("family",),
            seats=2,
        )
        assert (await decided(desk, foreign)).status == "failed"
    row = await engine.fetch_one("SELECT seats FROM reservation WHERE id = $1", made.id)
    assert row is not None
    assert row["seats"] == 1


async def test_reserve_change_and_cancel_of_one_batch_see_each_other(desk: Desk):
    slot = await opened(desk, capacity=5)
    made = reserve(slot, 2)
    outcomes = await desk.decide(made, change(made, seats=4), change(made, seats=4), cancel(made))
    assert [one.status for one in outcomes] == ["confirmed"] * 3 + ["cancelled"]
    assert await seats_of(slot) == (0, 0)


async def test_no_named_child_is_left_without_a_seat(desk: Desk):
    slot = await opened(desk)
    children = (ids.new(), ids.new())
    made = reserve(slot, 3, parties=children)
    await desk.decide(made)
    assert codes(await decided(desk, change(made, seats=1))) == ["seats_below_children"]
    assert (await decided(desk, change(made, seats=2))).status == "confirmed"


async def test_a_swap_obeys_the_new_slots_rules_and_the_old_ones_deadline(desk: Desk):
    old = await opened(
        desk, starts_at=SATURDAY, ends_at=SATURDAY + HOUR, cancel_until_hours=24, space="court-1"
    )
    schools = await opened(desk, audiences=["school"])
    later = await opened(desk)
    (made,) = await booked(desk, old, 1)
    assert codes(await decided(desk, change(made, slot_id=schools))) == ["audience_not_allowed"]
    late = await decided(desk, change(made, slot_id=later), at=SATURDAY - HOUR)
    assert codes(late) == ["cancellation_closed"]
    unknown = await decided(desk, change(made, slot_id=ids.new()))
    assert unknown.status == "failed"


async def test_a_swap_goes_neither_where_one_is_nor_where_one_is_busy(desk: Desk):
    old = await opened(desk, space="court-1")
    one = await opened(desk, space="court-1", starts_at=SATURDAY, ends_at=SATURDAY + HOUR)
    busy = await opened(desk, space="court-2", starts_at=SATURDAY, ends_at=SATURDAY + HOUR)
    party = ids.new()
    made = reserve(old, party=party)
    await desk.decide(made, reserve(one, party=party))
    assert codes(await decided(desk, change(made, slot_id=one))) == ["already_reserved"]
    assert codes(await decided(desk, change(made, slot_id=busy))) == ["overlaps_own_reservation"]


async def test_a_waiting_party_may_swap_to_a_seat(desk: Desk):
    full, other = await opened(desk, capacity=1), await opened(desk, capacity=1)
    _, waiting = await booked(desk, full, 1, 1)
    outcome = await decided(desk, change(waiting, slot_id=other))
    assert (outcome.status, outcome.position) == ("confirmed", 1)
    assert await seats_of(full) == await seats_of(other) == (1, 0)


async def test_nobody_grows_beyond_the_whole_slot(desk: Desk):
    slot = await opened(desk, capacity=2)
    _, waiting = await booked(desk, slot, 2, 1)
    assert codes(await decided(desk, change(waiting, seats=3))) == ["insufficient_capacity"]


async def test_another_venues_slot_is_no_swap(desk: Desk):
    slot, elsewhere = await opened(desk), await opened(desk)
    (made,) = await booked(desk, slot, 1)
    other = ids.new()
    await engine.run_script(
        f"""INSERT INTO organisation (id, key, name, kind, district_key)
            VALUES ('{other}', 'v{other.hex[-12:]}', '馆', 'venue', 'chengzhong');
            UPDATE slot SET venue_id = '{other}' WHERE id = '{elsewhere}';"""  # noqa: S608
    )
    outcome = await decided(desk, change(made, slot_id=elsewhere))
    assert codes(outcome) == ["another_venue"]
