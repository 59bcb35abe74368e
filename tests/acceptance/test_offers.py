"""Seats come free: who waits is told, says yes or no, or is too slow, and schools come first."""

import asyncio
import datetime as dt
from typing import Any

from openyard_platform import clock
from tests.acceptance.house import Person, person
from tests.races.rush import fresh_slot
from tests.stack import Stack


async def becomes(family: Person, reservation: str, status: str, seconds: float = 15) -> Any:
    """The reservation, as soon as it has come so far."""
    known: dict[str, Any] = {}
    async with asyncio.timeout(seconds):
        while known.get("status") != status:
            await asyncio.sleep(0.1)
            known = await family.reservation(reservation)
    return known


async def answer(family: Person, reservation: str, verb: str) -> tuple[int, Any]:
    return await family.ask("POST", f"/api/v1/reservations/{reservation}/{verb}")


async def test_who_waits_is_offered_the_seat_and_takes_it(stack: Stack):
    slot = await fresh_slot(stack, capacity=1)
    first, second = person(stack, "family", 350), person(stack, "family", 351)
    kept, waits = await first.reserve(slot), await second.reserve(slot)
    assert (waits["status"], waits["waitlist_place"]) == ("waitlisted", 1)
    assert (await answer(second, waits["id"], "accept"))[0] == 409

    await first.cancel(kept["id"])

    offered = await becomes(second, waits["id"], "offered")
    held = dt.datetime.fromisoformat(offered["offer_expires_at"]) - clock.now()
    assert dt.timedelta(hours=1, minutes=58) < held <= dt.timedelta(hours=2)
    assert (await answer(first, waits["id"], "accept"))[0] == 404
    status, taken = await answer(second, waits["id"], "accept")
    assert (status, taken["status"]) == (200, "confirmed")
    event = await second.event(waits["id"], lambda event: event["STATUS"] == "CONFIRMED")
    assert event["UID"]
    subjects = [str(letter["Subject"]) for letter in await second.letters(waits["id"], 3)]
    assert "轮到您了" in subjects[1]


async def test_who_lets_it_go_makes_room_for_the_next(stack: Stack):
    slot = await fresh_slot(stack, capacity=1)
    first, second, third = (person(stack, "family", number) for number in (352, 353, 354))
    kept, waits, last = [await one.reserve(slot) for one in (first, second, third)]
    await first.cancel(kept["id"])
    await becomes(second, waits["id"], "offered")

    status, gone = await answer(second, waits["id"], "decline")

    assert (status, gone["status"]) == (200, "declined")
    await becomes(third, last["id"], "offered")


async def test_who_does_not_answer_loses_the_seat_though_nobody_asks(stack: Stack):
    closes_at = clock.now() + dt.timedelta(seconds=4)
    slot = await fresh_slot(stack, capacity=1, closes_at=closes_at)
    first, second = person(stack, "family", 355), person(stack, "family", 356)
    kept, waits = await first.reserve(slot), await second.reserve(slot)
    await first.cancel(kept["id"])
    await becomes(second, waits["id"], "offered")

    await becomes(second, waits["id"], "offer_expired")

    status, problem = await answer(second, waits["id"], "accept")
    assert (status, [one["code"] for one in problem["refusals"]]) == (409, ["offer_expired"])
    assert clock.now() >= closes_at


async def test_seats_kept_for_schools_are_offered_to_families_when_their_time_is_over(stack: Stack):
    # Whole hours before a start that is whole minutes away: released at the next full minute, which
    # must be far enough for what comes before.
    soon = clock.now() + dt.timedelta(seconds=10)
    starts_at = (soon + dt.timedelta(hours=72)).replace(second=0, microsecond=0)
    starts_at += dt.timedelta(minutes=1)
    slot = await fresh_slot(
        stack,
        capacity=30,
        starts_at=starts_at,
        ends_at=starts_at + dt.timedelta(hours=1),
        kind="outreach",
        audiences=["school", "family"],
        allotments=[{"audience": "school", "seats": 30, "release_hours": 72}],
    )
    family, school = person(stack, "family", 357), person(stack, "school", 0)
    waits = await family.reserve(slot, 2)
    assert waits["status"] == "waitlisted"
    other = person(stack, "family", 358)
    status, refused = await other.ask(
        "POST", "/api/v1/reservations", {"slot_id": slot, "seats": 2, "waitlist": False}
    )
    codes = [one["code"] for one in refused["refusals"]]
    assert (status, codes) == (409, ["slot_full", "allotment_reserved"])
    assert "学校" in refused["detail"]
    booked = await school.reserve(slot, 20)
    assert booked["status"] == "confirmed"

    offered = await becomes(family, waits["id"], "offered", seconds=85)

    assert offered["seats"] == 2
