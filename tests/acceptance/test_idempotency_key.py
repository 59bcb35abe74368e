"""A request sent again, as phones do it when the line goes dead: one reservation, one answer."""

import asyncio
import uuid
from typing import Any

import pytest

from tests.acceptance.house import Person, effects, person, rows
from tests.races.rush import fresh_slot
from tests.stack import Stack

PATH = "/api/v1/reservations"


@pytest.fixture
def family(stack: Stack) -> Person:
    return person(stack, "family", 365)


async def ask(who: Person, key: str, wish: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    return await who.ask("POST", PATH, wish, Idempotency_Key=key)


async def reservations(stack: Stack, slot: str) -> int:
    found = await rows(stack, "SELECT 1 FROM reservation WHERE slot_id = $1::text::uuid", slot)
    return len(found)


async def test_the_same_request_again_has_the_same_reservation(stack: Stack, family: Person):
    slot, key = await fresh_slot(stack, capacity=5), uuid.uuid4().hex
    first = await ask(family, key, {"slot_id": slot, "seats": 2, "adults": 1})
    before = await effects(stack)

    # The same wish, though its JSON stands in another order and says what goes without saying.
    again = await ask(family, key, {"adults": 1, "waitlist": True, "seats": 2, "slot_id": slot})

    assert (first[0], again[0]) == (201, 201)
    told = ("id", "status", "position", "seats", "adults", "slot_id")
    assert [again[1][name] for name in told] == [first[1][name] for name in told]
    assert await effects(stack) == before
    await family.cancel(first[1]["id"])


async def test_many_at_once_have_one_reservation(stack: Stack, family: Person):
    slot, key = await fresh_slot(stack, capacity=50), uuid.uuid4().hex
    wish = {"slot_id": slot, "seats": 1}
    answers = await asyncio.gather(*(ask(family, key, wish) for _ in range(20)))
    assert {status for status, _ in answers} == {201}
    (reservation,) = {answer["id"] for _, answer in answers}
    assert await reservations(stack, slot) == 1
    await family.cancel(reservation)


async def test_another_wish_under_the_same_key_is_refused(stack: Stack, family: Person):
    slot, key = await fresh_slot(stack, capacity=5), uuid.uuid4().hex
    _, first = await ask(family, key, {"slot_id": slot, "seats": 2})
    before = await effects(stack)
    other = await fresh_slot(stack, capacity=5, venue=3)
    after_slot = await effects(stack)

    for wish in (
        {"slot_id": slot, "seats": 3},
        {"slot_id": slot, "seats": 2, "waitlist": False},
        {"slot_id": slot, "seats": 2, "note": "靠窗"},
        # Of a venue in whose line another decider may stand.
        {"slot_id": other, "seats": 2},
    ):
        status, problem = await ask(family, key, wish)
        assert (status, problem["code"]) == (422, "idempotency_key_reused")

    assert await effects(stack) == after_slot
    assert before["reservation"] == after_slot["reservation"]
    await family.cancel(first["id"])


async def test_of_two_wishes_at_once_under_one_key_one_is_granted(stack: Stack, family: Person):
    # Venues of several partitions: nobody stands in line behind the other.
    slots = [await fresh_slot(stack, capacity=5, venue=number) for number in range(6)]
    for _ in range(5):
        key = uuid.uuid4().hex
        answers = await asyncio.gather(
            *(ask(family, key, {"slot_id": slot, "seats": 1}) for slot in slots)
        )
        granted = [answer["id"] for status, answer in answers if status == 201]
        refused = [answer["code"] for status, answer in answers if status == 422]
        assert (len(granted), refused) == (1, ["idempotency_key_reused"] * (len(slots) - 1))
        await family.cancel(granted[0])


async def test_a_refusal_is_repeated_too(stack: Stack, family: Person):
    slot, key = await fresh_slot(stack, capacity=1), uuid.uuid4().hex
    wish = {"slot_id": slot, "seats": 2, "waitlist": False}
    status, first = await ask(family, key, wish)
    before = await effects(stack)
    again = await ask(family, key, wish)
    assert (status, first["refusals"][0]["code"]) == (409, "insufficient_capacity")
    assert again[0] == 409
    assert [again[1][name] for name in ("reservation", "position", "refusals")] == [
        first[name] for name in ("reservation", "position", "refusals")
    ]
    assert await effects(stack) == before


async def test_the_same_key_of_two_accounts_is_two_keys(stack: Stack, family: Person):
    slot, key = await fresh_slot(stack, capacity=5), uuid.uuid4().hex
    neighbour = person(stack, "family", 366)
    wish = {"slot_id": slot, "seats": 1}
    (status, mine), (other_status, theirs) = await asyncio.gather(
        ask(family, key, wish), ask(neighbour, key, wish)
    )
    assert (status, other_status) == (201, 201)
    assert mine["id"] != theirs["id"]
    assert await reservations(stack, slot) == 2
    await family.cancel(mine["id"])
    await neighbour.cancel(theirs["id"])


async def test_without_a_key_a_second_request_is_told_of_the_first(stack: Stack, family: Person):
    slot = await fresh_slot(stack, capacity=5)
    kept = await family.reserve(slot)
    status, problem = await family.ask("POST", PATH, {"slot_id": slot, "seats": 1})
    assert (status, problem["refusals"][0]["code"]) == (409, "already_reserved")
    assert problem["refusals"][0]["reservation"] == kept["id"]
    await family.cancel(kept["id"])
