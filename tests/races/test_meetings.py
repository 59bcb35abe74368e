"""People meet at one moment: over one room, one child, one offer, one change of the venue's.

Each race is run against the whole product, and again with one of its guards taken out: then the
same look at the database must fail.
"""

import asyncio
import datetime as dt
import itertools
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from openyard_events import subjects
from openyard_events.contracts import SlotOffered
from openyard_events.publisher import VenuePublisher
from openyard_platform import clock
from tests.acceptance.house import Person, person, rows
from tests.races import unguarded as guards
from tests.races.rush import fresh_slot
from tests.stack import Stack

# Past the hours of the rushes, and each race in days of its own.
_DAYS = itertools.count(200)
_HOUR = dt.timedelta(hours=1)


@pytest.fixture(scope="module")
def bare() -> Iterator[Stack]:
    """Without the rules about seats, spaces and parties.

    What is due is never worked off, and who leaves is not taken out of its hour.
    """
    patches = (guards.SEATS, guards.SPACES, guards.PARTIES, guards.EXPIRY, guards.CLAIMS)
    with guards.unguarded(*patches) as running:
        yield running


def _times() -> dict[str, dt.datetime]:
    day = clock.now().replace(hour=2, minute=0, second=0, microsecond=0)
    starts_at = day + dt.timedelta(days=next(_DAYS))
    return {"starts_at": starts_at, "ends_at": starts_at + _HOUR}


def _families(stack: Stack, first: int, count: int) -> list[Person]:
    return [person(stack, "family", number) for number in range(first, first + count)]


async def _ask(family: Person, slot: str, **wish: Any) -> tuple[int, dict[str, Any]]:
    body = {"slot_id": slot, "seats": 1, "waitlist": False, **wish}
    status, answer = await family.ask("POST", "/api/v1/reservations", body)
    assert status in {201, 409}, answer
    return status, answer


async def _is_what_was_answered(stack: Stack, answers: list[tuple[int, dict[str, Any]]]) -> None:
    told = {
        answer["id"] if status == 201 else answer["reservation"]: (
            answer["status"] if status == 201 else "refused"
        )
        for status, answer in answers
    }
    stored = await rows(
        stack, "SELECT id::text, status FROM reservation WHERE id = ANY($1::uuid[])", list(told)
    )
    assert {row["id"]: row["status"] for row in stored} == told


# Same room ----------------------------------------------------------------------------------


async def _same_room(stack: Stack) -> None:
    """Two of a venue's systems state slots for the same room and hour."""
    key, known = sorted(stack.venues.items())[5]
    times = _times()

    async def offer(number: int) -> str:
        slot = SlotOffered(
            external_id=f"same-room-{uuid.uuid4().hex}",
            version=1,
            space=known["spaces"][0],
            capacity=10,
            title=f"第 {number} 套系统",
            **times,
        )
        async with VenuePublisher(
            stack.nats_address, key, user=known["nats_user"], password=known["nats_password"]
        ) as publisher:
            return (await publisher.offer(slot)).status

    statuses = await asyncio.gather(*(offer(number) for number in range(6)))
    assert sorted(statuses) == ["accepted"] + ["refused"] * 5
    there = await rows(
        stack,
        """SELECT count(*) AS n FROM slot s JOIN organisation o ON o.id = s.venue_id
           WHERE o.key = $1 AND s.starts_at = $2 AND s.status = 'open'""",
        key,
        times["starts_at"],
    )
    assert there[0]["n"] == 1


async def test_of_two_systems_one_gets_the_room(stack: Stack):
    for _ in range(3):
        await _same_room(stack)


async def test_without_its_guard_both_get_the_room(bare: Stack):
    await guards.without(bare, "ALTER TABLE slot_occupancy DROP CONSTRAINT slot_occupancy_free")
    with pytest.raises(AssertionError):
        await _same_room(bare)


# Hall against court ---------------------------------------------------------------------------


async def _hall_or_courts(stack: Stack, first: int) -> None:
    """A hall and a court in it stand side by side; families ask for either at one moment."""
    found = await rows(
        stack,
        """SELECT o.key, h.key AS hall, c.key AS court FROM space c
           JOIN space h ON h.id = c.parent_id JOIN organisation o ON o.id = h.organisation_id
           WHERE o.key = ANY($1::text[]) ORDER BY 1, 2, 3 LIMIT 1""",
        list(stack.venues),
    )
    venue = sorted(stack.venues).index(found[0]["key"])
    times = _times()
    hall, court = [
        await fresh_slot(stack, capacity=50, venue=venue, space=space, claim="on_booking", **times)
        for space in (found[0]["hall"], found[0]["court"])
    ]
    families = _families(stack, first, 24)
    answers = await asyncio.gather(
        *(_ask(one, (hall, court)[number % 2]) for number, one in enumerate(families))
    )
    taken = await rows(
        stack, "SELECT id::text, taken FROM slot WHERE id = ANY($1::uuid[])", [hall, court]
    )
    won = {row["id"]: row["taken"] for row in taken}
    assert sorted(won.values()) == [0, 12]
    losers = [answer for status, answer in answers if status == 409]
    assert [[one["code"] for one in each["refusals"]] for each in losers] == [
        ["venue_capacity_conflict"]
    ] * 12
    await _is_what_was_answered(stack, list(answers))


async def test_the_first_booking_takes_the_hall_or_the_court(stack: Stack):
    for _ in range(3):
        await _hall_or_courts(stack, 300)


async def test_without_its_guard_hall_and_court_are_booked_at_once(bare: Stack):
    await guards.without(
        bare, "ALTER TABLE slot_occupancy DROP CONSTRAINT IF EXISTS slot_occupancy_free"
    )
    with pytest.raises(AssertionError):
        await _hall_or_courts(bare, 300)


# Same child -----------------------------------------------------------------------------------


async def _same_child(stack: Stack, first: int) -> None:
    """Twenty families ask two venues for the same hour; the venues lie in different partitions."""
    keys, partitions = sorted(stack.venues), stack.ready["partitions"]
    one = 0
    other = next(
        number
        for number, key in enumerate(keys)
        if subjects.partition_of(key, partitions) != subjects.partition_of(keys[one], partitions)
    )
    times = _times()
    slots = [await fresh_slot(stack, capacity=99, venue=number, **times) for number in (one, other)]
    families = _families(stack, first, 20)
    children = []
    for family in families:
        status, child = await family.ask(
            "POST",
            "/api/v1/children",
            {"display_name": "小朋友", "birth_year": 2016, "consent": True},
        )
        assert status == 201, child
        children.append(child["id"])
    answers = await asyncio.gather(
        *(
            _ask(family, slot, children=[child])
            for family, child in zip(families, children, strict=True)
            for slot in slots
        )
    )
    for here, there in zip(answers[::2], answers[1::2], strict=True):
        assert sorted([here[0], there[0]]) == [201, 409]
    codes = {code["code"] for status, each in answers if status == 409 for code in each["refusals"]}
    assert codes == {"overlaps_own_reservation"}
    await _is_what_was_answered(stack, list(answers))


async def test_a_child_is_in_one_place_though_two_partitions_are_asked(stack: Stack):
    await _same_child(stack, 260)


async def test_without_its_guard_a_child_is_in_two_places(bare: Stack):
    await guards.without(bare, "ALTER TABLE party_occupancy DISABLE TRIGGER USER")
    with pytest.raises(AssertionError):
        await _same_child(bare, 260)


# An offer accepted while it expires --------------------------------------------------------------


async def _accept_at_the_last_moment(stack: Stack, first: int) -> None:
    """Two wait for one seat; booking closes in a moment, and both tap all the time."""
    closes_at = clock.now() + dt.timedelta(seconds=3)
    slot = await fresh_slot(stack, capacity=1, closes_at=closes_at)
    holder, waiting, last = _families(stack, first, 3)
    kept = await holder.reserve(slot)
    lines = [await one.reserve(slot) for one in (waiting, last)]
    await holder.cancel(kept["id"])
    answers: list[tuple[int, dict[str, Any]]] = []

    async def tap(family: Person, reservation: str, delay: float) -> None:
        await asyncio.sleep(delay)
        path = f"/api/v1/reservations/{reservation}/accept"
        answers.append(await family.ask("POST", path))

    left = (closes_at - clock.now()).total_seconds()
    moments = [left + (number - 12) * 0.05 for number in range(25)]
    # The one who was offered the seat is late by a hair, the other has none to accept.
    await asyncio.gather(
        *(tap(waiting, lines[0]["id"], max(0.0, moment)) for moment in moments[12:]),
        *(tap(last, lines[1]["id"], max(0.0, moment)) for moment in moments),
    )
    stored = await rows(
        stack,
        "SELECT status, updated_at FROM reservation WHERE slot_id = $1::uuid ORDER BY position",
        slot,
    )
    statuses = [row["status"] for row in stored]
    assert statuses[1] in {"confirmed", "offer_expired"}
    assert statuses[2] == "waitlisted"
    if statuses[1] == "confirmed":
        assert stored[1]["updated_at"] < closes_at
    accepted = [answer for status, answer in answers if status == 200]
    assert all(one["status"] == "confirmed" for one in accepted)
    assert (statuses[1] == "confirmed") == bool(accepted)
    seats = await rows(stack, "SELECT taken FROM slot WHERE id = $1::uuid", slot)
    assert seats[0]["taken"] == (1 if statuses[1] == "confirmed" else 0)


async def test_an_offer_is_accepted_or_over_and_never_both(stack: Stack):
    await asyncio.gather(*(_accept_at_the_last_moment(stack, 200 + 3 * n) for n in range(8)))


async def test_without_the_clock_an_offer_is_accepted_after_its_end(bare: Stack):
    # The rule about seats is out as well, so nobody would wait: the line is made by hand.
    slot = await fresh_slot(bare, capacity=1)
    (late,) = _families(bare, 200, 1)
    made = await late.reserve(slot)
    await rows(
        bare,
        """UPDATE reservation SET status = 'offered', offer_expires_at = now() - interval '1 hour'
           WHERE id = $1::uuid""",
        made["id"],
    )
    status, answer = await late.ask("POST", f"/api/v1/reservations/{made['id']}/accept")
    assert (status, answer["status"]) == (200, "confirmed")


# A release while people reserve ------------------------------------------------------------------


async def _release_in_the_rush(stack: Stack, first: int) -> None:
    """Ten wait for seats kept for schools; twenty more ask while these are released."""
    starts_at = (clock.now() + dt.timedelta(hours=48)).replace(second=0, microsecond=0)
    starts_at += dt.timedelta(minutes=1)
    slot = await fresh_slot(
        stack,
        capacity=12,
        starts_at=starts_at,
        ends_at=starts_at + _HOUR,
        kind="outreach",
        audiences=["school", "family"],
        allotments=[{"audience": "school", "seats": 12, "release_hours": 48}],
    )
    families = _families(stack, first, 30)
    early = [await one.reserve(slot) for one in families[:10]]
    assert {one["status"] for one in early} == {"waitlisted"}
    released_at = starts_at - dt.timedelta(hours=48)
    wait = (released_at - clock.now()).total_seconds()

    async def ask(family: Person, delay: float) -> dict[str, Any]:
        await asyncio.sleep(max(0.0, delay))
        return await family.reserve(slot)

    await asyncio.gather(
        *(ask(one, wait + (number - 10) * 0.1) for number, one in enumerate(families[10:]))
    )
    async with asyncio.timeout(15):
        while True:
            held = await rows(stack, "SELECT taken FROM slot WHERE id = $1::uuid", slot)
            if held[0]["taken"] == 12:
                break
            await asyncio.sleep(0.1)
    stored = await rows(
        stack,
        """SELECT status, offered_at, created_at FROM reservation WHERE slot_id = $1::uuid
           ORDER BY position""",
        slot,
    )
    # Nobody had any of it before, and then they had it in the order in which they had come.
    assert [row["status"] for row in stored] == ["offered"] * 12 + ["waitlisted"] * 18
    assert all(row["offered_at"] >= released_at for row in stored[:12])


async def test_at_a_release_nobody_overtakes_who_waits(stack: Stack):
    await _release_in_the_rush(stack, 120)


async def test_without_its_guard_kept_seats_are_given_to_whoever_asks(bare: Stack):
    with pytest.raises(AssertionError, match="confirmed"):
        await _release_in_the_rush(bare, 120)


# A capacity lowered while people reserve ------------------------------------------------------


async def _lowered_in_the_rush(stack: Stack, first: int, overbooked: str) -> list[str]:
    """The venue states ten seats instead of thirty while thirty families ask."""
    external_id, times = f"lowered-{uuid.uuid4().hex}", _times()
    slot = await fresh_slot(stack, capacity=30, venue=2, external_id=external_id, **times)

    async def lower() -> str:
        await asyncio.sleep(0.05)
        key, known = sorted(stack.venues.items())[2]
        stated = SlotOffered(
            external_id=external_id,
            version=2,
            space=known["spaces"][0],
            capacity=10,
            title="周五八点",
            overbooked=overbooked,
            **times,
        )
        async with VenuePublisher(
            stack.nats_address, key, user=known["nats_user"], password=known["nats_password"]
        ) as publisher:
            return (await publisher.offer(stated)).status

    async def ask(number: int, family: Person) -> tuple[int, dict[str, Any]]:
        await asyncio.sleep(0.004 * number)
        return await _ask(family, slot)

    families = _families(stack, first, 30)
    receipt, *_ = await asyncio.gather(
        lower(), *(ask(number, family) for number, family in enumerate(families))
    )
    held = await rows(
        stack,
        """SELECT s.capacity, s.taken, (SELECT coalesce(sum(held), 0) FROM reservation r
               WHERE r.slot_id = s.id AND r.status IN ('confirmed', 'offered')) AS held
           FROM slot s WHERE s.id = $1::uuid""",
        slot,
    )
    capacity, taken, sum_held = held[0]["capacity"], held[0]["taken"], held[0]["held"]
    assert taken == sum_held <= capacity
    assert capacity == (10 if receipt == "accepted" else 30)
    stored = await rows(
        stack, "SELECT status FROM reservation WHERE slot_id = $1::uuid ORDER BY position", slot
    )
    statuses = [row["status"] for row in stored]
    # Whoever keeps a seat came before everybody who has none.
    kept = statuses.count("confirmed")
    assert statuses[:kept] == ["confirmed"] * kept
    assert kept == taken
    return statuses


async def test_who_came_last_leaves_when_seats_go_in_the_rush(stack: Stack):
    statuses = await _lowered_in_the_rush(stack, 60, "latest_leave")
    assert statuses.count("confirmed") == 10


async def test_who_has_a_seat_keeps_it_where_the_venue_names_nobody(stack: Stack):
    statuses = await _lowered_in_the_rush(stack, 60, "refuse")
    assert set(statuses) <= {"confirmed", "refused"}


async def test_without_its_guards_more_are_there_than_seats(bare: Stack):
    await guards.without(bare, "ALTER TABLE slot DROP CONSTRAINT IF EXISTS slot_not_oversold")
    with pytest.raises(AssertionError):
        await _lowered_in_the_rush(bare, 60, "latest_leave")


# A slot moved while people cancel -------------------------------------------------------------


async def _moved_while_cancelling(stack: Stack, first: int) -> None:
    """Twenty hold seats; ten give theirs back while the venue moves the slot by an hour."""
    external_id, times = f"moved-{uuid.uuid4().hex}", _times()
    slot = await fresh_slot(stack, capacity=20, venue=4, external_id=external_id, **times)
    families = _families(stack, first, 20)
    made = [await family.reserve(slot) for family in families]

    async def move() -> str:
        key, known = sorted(stack.venues.items())[4]
        stated = SlotOffered(
            external_id=external_id,
            version=2,
            space=known["spaces"][0],
            capacity=20,
            title="周五八点",
            starts_at=times["starts_at"] + _HOUR,
            ends_at=times["ends_at"] + _HOUR,
        )
        async with VenuePublisher(
            stack.nats_address, key, user=known["nats_user"], password=known["nats_password"]
        ) as publisher:
            return (await publisher.offer(stated)).status

    receipt, *_ = await asyncio.gather(
        move(),
        *(family.cancel(one["id"]) for family, one in zip(families[:10], made[:10], strict=True)),
    )
    assert receipt == "accepted"
    stored = await rows(
        stack,
        """SELECT r.status, r.needs_reconfirm, (SELECT count(*) FROM party_occupancy p
               WHERE p.reservation_id = r.id) AS claims, (SELECT count(*) FROM party_occupancy p
               WHERE p.reservation_id = r.id AND lower(p.during) = $2) AS there
           FROM reservation r WHERE r.slot_id = $1::uuid ORDER BY position""",
        slot,
        _minutes(times["starts_at"] + _HOUR),
    )
    assert [tuple(row) for row in stored[10:]] == [("confirmed", True, 1, 1)] * 10
    assert {(row["status"], row["claims"]) for row in stored[:10]} == {("cancelled", 0)}
    seats = await rows(stack, "SELECT taken FROM slot WHERE id = $1::uuid", slot)
    assert seats[0]["taken"] == 10


def _minutes(at: dt.datetime) -> int:
    return (at - dt.datetime(2000, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(minutes=1)


async def test_who_cancels_is_gone_and_who_stays_is_moved(stack: Stack):
    for _ in range(3):
        await _moved_while_cancelling(stack, 20)


async def test_without_its_guard_who_has_cancelled_is_still_there(bare: Stack):
    with pytest.raises(AssertionError):
        await _moved_while_cancelling(bare, 20)
