"""Seats kept for schools until a time, a cap for each school, and what the clock does then."""

import datetime as dt
from uuid import UUID

import pytest

from openyard_events.commands import ReleaseDue
from openyard_platform import ids
from openyard_platform.store import engine, slots, venues
from tests.integration.test_changes import change
from tests.integration.test_deciding import (
    SATURDAY,
    Desk,
    cancel,
    codes,
    desk,
    opened,
    reserve,
)

__all__ = ["desk"]

FAMILY = {"audiences": ("family", "resident")}
SCHOOL = {"audiences": ("school",)}


async def offered(desk: Desk, *, capacity: int = 10, kept: int = 6, **allotment) -> UUID:
    known = {"audience": "school", "seats": kept, "release_hours": 72} | allotment
    return await opened(desk, capacity=capacity, allotments=[known])


async def released_at(slot: UUID) -> dt.datetime:
    row = await engine.fetch_one("SELECT releases_at FROM slot_allotment WHERE slot_id = $1", slot)
    assert row is not None
    return row["releases_at"]


async def counts(slot: UUID) -> tuple[int, int, int, int]:
    """Taken, waiting; used and waiting of the allotment."""
    row = await engine.fetch_one(
        """SELECT s.taken, s.waiting, a.used, a.waiting FROM slot s
           JOIN slot_allotment a ON a.slot_id = s.id WHERE s.id = $1""",
        slot,
    )
    assert row is not None
    return tuple(row)


async def statuses(slot: UUID) -> list[str]:
    rows = await engine.fetch(
        "SELECT status FROM reservation WHERE slot_id = $1 ORDER BY position", slot
    )
    return [row["status"] for row in rows]


def ring(*known: UUID) -> ReleaseDue:
    return ReleaseDue(id=ids.new(), slot_ids=known)


async def test_families_have_what_is_not_kept_and_hear_until_when_the_rest_is(desk):
    slot = await offered(desk)
    some, more = await desk.decide(
        reserve(slot, 4, **FAMILY), reserve(slot, 1, waitlist=False, **FAMILY)
    )
    assert some.status == "confirmed"
    assert more.refusals == [
        {
            "code": "allotment_reserved",
            "audience": "school",
            "releases_at": SATURDAY + dt.timedelta(hours=2 * desk.counter - 72),
        }
    ]


async def test_a_smaller_party_is_told_beside_what_is_kept(desk):
    slot = await offered(desk)
    (outcome,) = await desk.decide(reserve(slot, 6, waitlist=False, **FAMILY))
    assert codes(outcome) == ["insufficient_capacity", "allotment_reserved"]
    assert outcome.refusals[0]["remaining"] == 4


async def test_a_class_takes_kept_seats_first_and_open_ones_for_the_rest(desk):
    slot = await offered(desk)
    await desk.decide(reserve(slot, 8, **SCHOOL))
    assert await counts(slot) == (8, 0, 6, 0)
    (family,) = await desk.decide(reserve(slot, 2, **FAMILY))
    assert family.status == "confirmed"


async def test_a_class_does_not_wait_behind_families_for_what_is_kept_for_schools(desk):
    slot = await offered(desk)
    family, waiting, school = await desk.decide(
        reserve(slot, 4, **FAMILY), reserve(slot, 2, **FAMILY), reserve(slot, 6, **SCHOOL)
    )
    assert [family.status, waiting.status, school.status] == [
        "confirmed",
        "waitlisted",
        "confirmed",
    ]


async def test_a_class_that_needs_open_seats_too_waits_its_turn(desk):
    slot = await offered(desk)
    outcomes = await desk.decide(
        reserve(slot, 3, **FAMILY), reserve(slot, 2, **FAMILY), reserve(slot, 7, **SCHOOL)
    )
    assert [one.status for one in outcomes] == ["confirmed", "waitlisted", "waitlisted"]
    assert await counts(slot) == (3, 2, 0, 1)


async def test_no_school_has_more_than_its_cap_until_the_release(desk):
    slot = await offered(desk, per_school=4)
    school = ids.new()
    mine = {"holder_id": school, "account_id": school, **SCHOOL}
    first, second, other = await desk.decide(
        reserve(slot, 3, **mine), reserve(slot, 2, **mine), reserve(slot, 4, **SCHOOL)
    )
    assert [first.status, other.status] == ["confirmed", "confirmed"]
    assert second.refusals == [
        {
            "code": "quota_reached",
            "limit": 4,
            "period": "slot",
            "resets_at": await released_at(slot),
        }
    ]
    (later,) = await desk.decide(reserve(slot, 2, **mine), at=await released_at(slot))
    assert later.status == "confirmed"


async def test_at_the_release_those_who_wait_come_before_who_asks_first_then(desk):
    slot = await offered(desk, capacity=6)
    waiting = reserve(slot, 5, **FAMILY)
    await desk.decide(waiting)
    at = await released_at(slot)
    (newcomer,) = await desk.decide(reserve(slot, 2, **FAMILY), at=at)
    assert newcomer.status == "waitlisted"
    assert await statuses(slot) == ["offered", "waitlisted"]
    rows = await engine.fetch("SELECT type FROM outbox WHERE type LIKE '%slot.released%'")
    assert rows


async def test_the_clock_finds_a_slot_that_is_due_and_once_rung_it_is_quiet(desk):
    slot = await offered(desk, capacity=6)
    await desk.decide(reserve(slot, 5, **FAMILY))
    at = await released_at(slot)
    assert slot not in {one for one, _ in await slots.due(at - dt.timedelta(seconds=1), 999)}
    assert slot in {one for one, _ in await slots.due(at, 999)}
    await desk.decide(ring(slot), at=at)
    assert await statuses(slot) == ["offered"]
    assert slot not in {one for one, _ in await slots.due(at, 999)}
    # The offer that was made is what is due next.
    assert slot in {one for one, _ in await slots.due(at + dt.timedelta(hours=2), 999)}


async def test_ringing_too_early_or_twice_changes_nothing(desk):
    slot = await offered(desk, capacity=6)
    await desk.decide(reserve(slot, 5, **FAMILY))
    await desk.decide(ring(slot))
    assert await statuses(slot) == ["waitlisted"]
    at = await released_at(slot)
    await desk.decide(ring(slot, slot), ring(slot), at=at)
    assert await statuses(slot) == ["offered"]


async def test_what_is_given_back_before_the_release_is_kept_again(desk):
    slot = await offered(desk, capacity=6)
    made = reserve(slot, 6, **SCHOOL)
    await desk.decide(made, reserve(slot, 1, **FAMILY))
    await desk.decide(cancel(made))
    assert await statuses(slot) == ["cancelled", "waitlisted"]
    assert await counts(slot) == (0, 1, 0, 0)


async def test_a_class_grows_into_what_is_kept_for_it_and_no_further(desk):
    slot = await offered(desk, capacity=8)
    made = reserve(slot, 4, **SCHOOL)
    await desk.decide(made, reserve(slot, 2, **FAMILY), reserve(slot, 1, **FAMILY))
    (grown,) = await desk.decide(change(made, seats=6))
    assert grown.status == "confirmed"
    (further,) = await desk.decide(change(made, seats=7))
    assert codes(further) == ["insufficient_capacity"]
    assert await counts(slot) == (8, 1, 6, 0)


async def test_a_venue_that_keeps_more_than_is_free_opens_nothing(desk):
    slot = await opened(desk, external_id="a", capacity=10)
    await desk.decide(reserve(slot, 4, **FAMILY))
    kept = [{"audience": "school", "seats": 10, "release_hours": 72}]
    (changed,) = await desk.decide(desk.offer(2, external_id="a", capacity=10, allotments=kept))
    assert changed.status == "accepted"
    family, school = await desk.decide(
        reserve(slot, 1, waitlist=False, **FAMILY), reserve(slot, 6, **SCHOOL)
    )
    assert codes(family) == ["allotment_reserved"]
    assert school.status == "confirmed"


async def test_the_database_alone_lets_no_allotment_be_oversold(desk):
    slot = await offered(desk)
    with pytest.raises(Exception, match="allotment_not_oversold"):
        await engine.fetch("UPDATE slot_allotment SET used = 7 WHERE slot_id = $1", slot)


async def test_what_a_venue_stated_is_read_back_as_it_was(desk):
    stated = desk.offer(
        external_id="whole",
        capacity=10,
        allotments=[{"audience": "school", "seats": 4, "release_hours": 72, "per_school": 2}],
        ages={"min": 6, "max": 12},
        grades={"max": 6},
        notice_hours=2,
        buffer_before_minutes=15,
        buffer_after_minutes=30,
        offer_minutes=45,
        claim="on_booking",
        overbooked="latest_wait",
    )
    await desk.decide(stated)
    found = await venues.stated(desk.venue_id, "whole")
    assert found is not None
    assert found.slot == stated.slot
