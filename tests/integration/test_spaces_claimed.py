"""Spaces claimed by the first booking, with buffers around, or shared up to their room."""

import asyncio
import datetime as dt
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from openyard_events.commands import Reserve
from openyard_platform import ids
from openyard_platform.store import engine, slots
from tests.integration.test_allotments import ring, statuses
from tests.integration.test_changes import change
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
from tests.integration.test_offers_held import accept

__all__ = ["desk"]

AT = SATURDAY + dt.timedelta(days=40)
TIMES = {"starts_at": AT, "ends_at": AT + HOUR}
ON_BOOKING = {"claim": "on_booking", **TIMES}


async def claims(slot: UUID) -> int:
    row = await engine.fetch_one(
        """SELECT (SELECT count(*) FROM slot_occupancy WHERE slot_id = $1)
                + (SELECT count(*) FROM space_share WHERE slot_id = $1) AS n""",
        slot,
    )
    assert row is not None
    return row["n"]


async def hall_and_courts(desk: Desk, **more) -> list[UUID]:
    return [
        await opened(desk, space=space, **ON_BOOKING, **more)
        for space in ("hall", "court-1", "court-2")
    ]


async def reading_room(desk: Desk, room: int = 10) -> None:
    await engine.fetch(
        """INSERT INTO space (id, organisation_id, key, name, shareable, capacity)
           VALUES ($1, $2, 'reading-room', '阅览室', true, $3)""",
        ids.new(),
        desk.venue_id,
        room,
    )


async def test_the_first_booking_takes_hall_or_court_and_the_loser_hears_why(desk):
    hall, one, two = await hall_and_courts(desk)
    assert [await claims(each) for each in (hall, one, two)] == [0, 0, 0]
    first, against, beside = await desk.decide(reserve(one), reserve(hall), reserve(two))
    assert (first.status, beside.status) == ("confirmed", "confirmed")
    assert codes(against) == ["venue_capacity_conflict"]
    assert [await claims(each) for each in (hall, one, two)] == [0, 1, 1]


async def test_the_space_is_free_again_with_the_last_one_who_leaves(desk):
    hall, one, _ = await hall_and_courts(desk)
    first, second = reserve(one), reserve(one)
    await desk.decide(first, second)
    await desk.decide(cancel(first))
    (still,) = await desk.decide(reserve(hall))
    assert codes(still) == ["venue_capacity_conflict"]
    await desk.decide(cancel(second))
    assert await claims(one) == 0
    (now,) = await desk.decide(reserve(hall))
    assert now.status == "confirmed"
    assert await claims(hall) == 2


async def test_who_waits_for_the_court_is_offered_it_when_the_hall_is_given_back(desk):
    hall, one, _ = await hall_and_courts(desk, capacity=1)
    first, waiting = reserve(one), reserve(one)
    await desk.decide(first, waiting)
    swapped = change(first, slot_id=hall)
    await desk.decide(swapped)
    # The hall has the court now, so the party that waits for the court cannot have it.
    assert await statuses(one) == ["waitlisted"]
    await desk.decide(cancel(first))
    await desk.decide(ring(one))
    assert await statuses(one) == ["offered"]
    (taken,) = await desk.decide(accept(waiting))
    assert taken.status == "confirmed"


async def one_waits_for_the_court(desk: Desk, *, court=None, **hall) -> tuple[UUID, Reserve]:
    """Somebody swaps the court for the hall of an hour later, whose buffer then has the court.

    The court, where another party waits, and who has the hall.
    """
    later = {"starts_at": AT + HOUR, "ends_at": AT + 2 * HOUR, "capacity": 5}
    before = {"claim": "on_booking", "buffer_before_minutes": 30}
    large = await opened(desk, space="hall", external_id="hall", **later, **before | hall)
    stated = {"space": "court-1", "external_id": "court", **ON_BOOKING, "capacity": 1}
    small = await opened(desk, **stated, **court or {})
    swaps, waiting = reserve(small), reserve(small)
    await desk.decide(swaps, waiting)
    (swapped,) = await desk.decide(change(swaps, slot_id=large))
    assert swapped.status == "confirmed"
    await desk.decide(ring(small))
    assert await statuses(small) == ["waitlisted"]
    return small, swaps


@pytest.mark.parametrize(
    ("stated", "helps"),
    [
        ({"buffer_before_minutes": 0}, True),
        ({"kind": "shift"}, True),
        ({"buffer_before_minutes": 15}, False),
        ({"capacity": 6, "title": "新"}, False),
    ],
    ids=["no buffer", "a shift needs no space", "half a buffer still has it", "as before"],
)
async def test_who_waits_is_offered_the_court_when_the_hall_needs_less_of_it(desk, stated, helps):
    court, _ = await one_waits_for_the_court(desk)
    await desk.decide(desk.offer(**restated(2) | stated))
    await desk.decide(ring(court))
    assert await statuses(court) == ["offered" if helps else "waitlisted"]


async def test_who_waits_is_offered_the_court_when_the_hall_claims_it_no_longer_at_once(desk):
    court, swapped = await one_waits_for_the_court(desk)
    await desk.decide(desk.offer(**restated(2) | {"claim": "on_offer"}))
    # It keeps the space though nobody is there.
    await desk.decide(cancel(swapped))
    await desk.decide(ring(court))
    assert await statuses(court) == ["waitlisted"]
    await desk.decide(desk.offer(**restated(3)))
    await desk.decide(ring(court))
    assert await statuses(court) == ["offered"]


async def test_who_waits_is_offered_the_court_when_it_needs_less_time_itself(desk):
    court, _ = await one_waits_for_the_court(
        desk, buffer_before_minutes=0, court={"buffer_after_minutes": 30}
    )
    stated = {"space": "court-1", "external_id": "court", **ON_BOOKING, "capacity": 1}
    await desk.decide(desk.offer(2, **stated))
    assert await statuses(court) == ["offered"]


async def test_who_waits_in_a_shared_room_is_offered_what_another_slot_needs_no_longer(desk):
    await reading_room(desk)
    room = {"space": "reading-room", **TIMES}
    lecture = {**room, "external_id": "lecture"}
    await opened(desk, **lecture, capacity=3)
    one, other = [await opened(desk, **room, claim="on_booking", capacity=4) for _ in "ab"]
    swaps, waiting = reserve(one, 4), reserve(one, 3)
    await desk.decide(swaps, waiting)
    await desk.decide(desk.offer(2, **lecture, capacity=6))
    await desk.decide(change(swaps, slot_id=other))
    await desk.decide(ring(one))
    assert await statuses(one) == ["waitlisted"]
    await desk.decide(desk.offer(3, **lecture, capacity=3))
    await desk.decide(ring(one))
    assert await statuses(one) == ["offered"]


def restated(version: int) -> dict[str, Any]:
    """The hall as ``one_waits_for_the_court`` has it, in a further version."""
    return {
        "version": version,
        "space": "hall",
        "external_id": "hall",
        "starts_at": AT + HOUR,
        "ends_at": AT + 2 * HOUR,
        "capacity": 5,
        "claim": "on_booking",
        "buffer_before_minutes": 30,
    }


async def test_a_slot_offered_at_once_keeps_the_others_from_being_booked(desk):
    hall, one, _ = await hall_and_courts(desk)
    (taken,) = await desk.decide(
        desk.offer(space="court-1", **TIMES, external_id="training", capacity=5)
    )
    assert taken.status == "accepted"
    against, blocked = await desk.decide(reserve(hall), reserve(one))
    assert codes(against) == codes(blocked) == ["venue_capacity_conflict"]


async def test_a_booked_court_keeps_a_slot_from_being_offered_there(desk):
    _, one, _ = await hall_and_courts(desk)
    await desk.decide(reserve(one))
    (refused,) = await desk.decide(desk.offer(space="hall", **TIMES))
    assert [error.code for error in refused.errors] == ["space_occupied"]


async def test_buffers_keep_the_space_before_and_after(desk):
    buffers = {"buffer_before_minutes": 15, "buffer_after_minutes": 30}
    await opened(desk, space="court-1", **TIMES, **buffers)
    close = {"starts_at": AT + HOUR + dt.timedelta(minutes=29), "ends_at": AT + 2 * HOUR}
    far = {"starts_at": AT + HOUR + dt.timedelta(minutes=30), "ends_at": AT + 2 * HOUR}
    before = {"starts_at": AT - HOUR, "ends_at": AT - dt.timedelta(minutes=14)}
    outcomes = await desk.decide(
        desk.offer(space="court-1", **close),
        desk.offer(space="court-1", **before),
        desk.offer(space="court-1", **far),
    )
    assert [one.status for one in outcomes] == ["refused", "refused", "accepted"]


async def test_slots_share_a_reading_room_up_to_its_room(desk):
    await reading_room(desk)
    room = {"space": "reading-room", **TIMES}
    first, second, third, large = await desk.decide(
        desk.offer(**room, capacity=6),
        desk.offer(**room, capacity=4),
        desk.offer(**room, capacity=1),
        desk.offer(**{**room, "starts_at": AT + HOUR, "ends_at": AT + 2 * HOUR}, capacity=11),
    )
    assert [first.status, second.status] == ["accepted", "accepted"]
    assert [error.code for error in third.errors] == ["space_occupied"]
    assert [error.code for error in large.errors] == ["space_too_small"]


async def test_a_shared_room_may_be_offered_more_often_than_it_is_booked(desk):
    await reading_room(desk)
    room = {"space": "reading-room", "claim": "on_booking", **TIMES, "capacity": 8}
    one, other = await opened(desk, **room), await opened(desk, **room)
    made = reserve(one, 6)
    first, too_many, fits = await desk.decide(made, reserve(other, 5), reserve(other, 4))
    assert (first.status, fits.status) == ("confirmed", "confirmed")
    assert codes(too_many) == ["venue_capacity_conflict"]
    (fewer,) = await desk.decide(change(made, seats=2))
    assert fewer.status == "confirmed"
    (now,) = await desk.decide(reserve(other, 4))
    assert now.status == "confirmed"
    rows = await engine.fetch(
        "SELECT seats FROM space_share WHERE slot_id = ANY($1) ORDER BY seats", [one, other]
    )
    assert [row["seats"] for row in rows] == [2, 8]


async def test_the_database_alone_keeps_a_shared_room_from_overflowing(desk, database_url):
    await reading_room(desk)
    slot, other = [
        await opened(desk, space="reading-room", claim="on_booking", **TIMES) for _ in "ab"
    ]
    no = await engine.fetch_one(
        "SELECT no FROM space WHERE organisation_id = $1 AND shareable", desk.venue_id
    )
    assert no is not None
    share = "INSERT INTO space_share VALUES ($1, $2, int4range($3, $4), $5)"
    connections = [await asyncpg.connect(database_url) for _ in "ab"]
    try:
        first, second = connections
        begun = first.transaction()
        await begun.start()
        await first.execute(share, slot, no["no"], 0, 60, 6)
        # The second waits for the lock of the space, and then sees the first one's share.
        later = asyncio.ensure_future(second.execute(share, other, no["no"], 30, 90, 6))
        await asyncio.sleep(0.2)
        assert not later.done()
        await begun.commit()
        with pytest.raises(asyncpg.ExclusionViolationError):
            await later
        await second.execute(share, other, no["no"], 30, 90, 4)
        await second.execute("ALTER TABLE space_share DISABLE TRIGGER USER")
        await second.execute("UPDATE space_share SET seats = 9 WHERE slot_id = $1", other)
    finally:
        await connections[1].execute("ALTER TABLE space_share ENABLE TRIGGER USER")
        for connection in connections:
            await connection.close()


async def test_who_swaps_from_court_to_hall_does_not_stand_in_its_own_way(desk):
    hall, one, _ = await hall_and_courts(desk)
    made = reserve(one)
    await desk.decide(made)
    (swapped,) = await desk.decide(change(made, slot_id=hall))
    assert (swapped.status, swapped.slot_id) == ("confirmed", hall)
    assert [await claims(each) for each in (hall, one)] == [2, 0]


# As it is looked for -------------------------------------------------------------------------


async def free_now(desk: Desk) -> list[UUID]:
    """Slots of that hour that a search for one seat finds."""
    row = await engine.fetch_one("SELECT key FROM organisation WHERE id = $1", desk.venue_id)
    assert row is not None
    wanted = slots.Search(since=AT, until=AT + HOUR, venue=row["key"], seats=1, at=NOW)
    return [slot.id for slot in (await slots.search(wanted)).slots]


async def taken_by_others(*wanted: UUID) -> list[UUID]:
    found = await slots.find_many(wanted)
    return [known for known in wanted if found[known].space_taken]


async def test_a_search_finds_no_slot_whose_space_another_has(desk):
    hall, one, two = await hall_and_courts(desk)
    assert set(await free_now(desk)) == {hall, one, two}
    held = reserve(one)
    await desk.decide(held)
    assert set(await free_now(desk)) == {one, two}
    assert await taken_by_others(hall, one, two) == [hall]
    await desk.decide(cancel(held))
    assert set(await free_now(desk)) == {hall, one, two}
    await desk.decide(reserve(hall))
    assert await free_now(desk) == [hall]
    assert await taken_by_others(hall, one, two) == [one, two]


async def test_a_search_minds_the_buffers(desk):
    early = {"starts_at": AT - HOUR, "ends_at": AT, "claim": "on_booking"}
    before = await opened(desk, space="court-1", buffer_after_minutes=10, **early)
    after = await opened(desk, space="court-1", **ON_BOOKING)
    await desk.decide(reserve(before))
    assert await taken_by_others(before, after) == [after]
    assert await free_now(desk) == []


@pytest.mark.parametrize(
    ("seats", "changes", "taken"),
    [(9, {}, False), (10, {}, True), (1, {"exclusive": True}, True)],
)
async def test_a_search_minds_the_room_of_a_shared_space(desk, seats, changes, taken):
    await reading_room(desk)
    room = {"space": "reading-room", "capacity": 10, **ON_BOOKING}
    first, second = await opened(desk, **room), await opened(desk, **room, **changes)
    await desk.decide(reserve(first, seats=seats))
    assert (second in await taken_by_others(first, second)) is taken
    refused = await desk.decide(reserve(second))
    assert (codes(refused[0]) == ["venue_capacity_conflict"]) is taken
