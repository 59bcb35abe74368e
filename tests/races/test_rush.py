"""300 parties, 40 seats: exactly the first 40 in line get one. Who may die: test_crash_matrix."""

from collections.abc import Iterator

import pytest

from openyard_events import bus
from tests.races import unguarded as guards
from tests.races.rush import Line, check, fresh_slot, request, rush
from tests.stack import Stack

PARTIES, SEATS = 300, 40


async def test_the_first_in_line_get_the_seats(stack: Stack):
    slot = await fresh_slot(stack, capacity=SEATS)
    line = Line(slot)
    nc = await bus.connect(stack.nats_url, name="test")
    await nc.subscribe("command.*", cb=line.heard)
    await nc.flush()
    answers = await rush(stack, slot, PARTIES)
    await nc.flush()
    await nc.close()
    await check(stack, slot, answers, seats=SEATS)
    by_id = {one.id: one for one in answers}
    assert [by_id[known].position for known in line.order] == list(range(1, PARTIES + 1))


async def test_who_comes_too_late_waits_in_line(stack: Stack):
    slot = await fresh_slot(stack, capacity=SEATS)
    answers = await rush(stack, slot, PARTIES, waitlist=True)
    waiting = sorted(
        (one for one in answers if one.status == "waitlisted"), key=lambda one: one.position or 0
    )
    assert len(waiting) == PARTIES - SEATS
    assert [one.waitlist_place for one in waiting] == list(range(1, PARTIES - SEATS + 1))


@pytest.fixture(scope="module")
def unguarded() -> Iterator[Stack]:
    """The same product with the rule and the constraint about seats taken out."""
    with guards.unguarded(guards.SEATS) as running:
        yield running


async def test_the_constraint_alone_lets_nobody_oversell(unguarded: Stack):
    slot = await fresh_slot(unguarded, capacity=2)
    token = unguarded.accounts("family")[0]["token"]
    wish = {"slot_id": slot, "seats": 3}
    status, _, body = await request(unguarded.url, "POST", "/api/v1/reservations", token, wish)
    assert (status, body["code"]) == (409, "failed")


async def test_without_the_guards_the_same_check_fails(unguarded: Stack):
    await guards.without(unguarded, "ALTER TABLE slot DROP CONSTRAINT slot_not_oversold")
    slot = await fresh_slot(unguarded, capacity=SEATS)
    answers = await rush(unguarded, slot, PARTIES)
    with pytest.raises(AssertionError):
        await check(unguarded, slot, answers, seats=SEATS)
    assert sum(one.status == "confirmed" for one in answers) > SEATS
