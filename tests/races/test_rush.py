"""300 parties, 40 seats: exactly the first 40 in line get one, whatever dies in the middle."""

import asyncio
import os
import signal
from collections.abc import Iterator

import pytest

from openyard_events import bus
from tests.races import unguarded as guards
from tests.races.rush import Line, check, fresh_slot, request, rush
from tests.stack import Stack, wait_until

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


async def test_a_killed_decider_changes_nothing(stack: Stack):
    await _disturbed(stack, lambda: _signal(stack, "decider", signal.SIGKILL))


async def test_a_paused_decider_changes_nothing(stack: Stack):
    async def pause() -> None:
        paused = stack.pids()["decider"]
        for pid in paused[:1]:
            os.kill(pid, signal.SIGSTOP)
        await asyncio.sleep(10)
        for pid in paused[:1]:
            os.kill(pid, signal.SIGCONT)

    # Each decider is at home in some partitions: the venue of one, then of another.
    for venue in (0, 1):
        await _disturbed(stack, pause, venue=venue)


async def test_a_killed_bus_changes_nothing(stack: Stack):
    await _disturbed(stack, lambda: _signal(stack, "nats", signal.SIGKILL))


async def test_a_killed_web_process_changes_nothing(stack: Stack):
    await _disturbed(stack, lambda: _signal(stack, "web", signal.SIGKILL))


async def test_a_killed_database_changes_nothing(stack: Stack):
    await _disturbed(stack, lambda: _signal(stack, "postgres", signal.SIGKILL))


async def _disturbed(stack: Stack, disturb, *, venue: int = 0) -> None:
    slot = await fresh_slot(stack, capacity=SEATS, venue=venue)
    running = asyncio.create_task(rush(stack, slot, PARTIES, over=3.0))
    await asyncio.sleep(1.0)
    await disturb()
    await check(stack, slot, await running, seats=SEATS)


async def _signal(stack: Stack, role: str, number: signal.Signals) -> None:
    before = stack.pids()[role]
    for pid in before:
        os.kill(pid, number)

    def is_back() -> bool:
        now = stack.pids()[role]
        return len(now) == len(before) and not set(now) & set(before)

    await asyncio.to_thread(wait_until, is_back, 20, f"{role} is back")


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
