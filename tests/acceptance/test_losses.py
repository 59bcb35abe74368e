"""What dies or forgets while people are told: everybody hears of it, and once."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Awaitable, Callable

import msgspec
from redis.asyncio import Redis

from openyard_events import bus
from openyard_events.contracts import AnyFact, ReservationConfirmed
from openyard_events.reader import OrderedReader
from tests.acceptance.house import events, fetched, person, settled, text_of, until
from tests.races.rush import fresh_slot, rush
from tests.stack import Stack

PARTIES = 80


async def while_people_reserve(
    stack: Stack, disturb: Callable[[], Awaitable[None]], *, times: int = 3
) -> list[str]:
    """The ids of reservations that were made while this happened again and again."""
    slot = await fresh_slot(stack, capacity=PARTIES)
    asking = asyncio.create_task(rush(stack, slot, PARTIES, over=4.0))
    for _ in range(times):
        await asyncio.sleep(1.0)
        await disturb()
    answers = await asking
    assert {answer.status for answer in answers} == {"confirmed"}
    await settled(stack)
    return [answer.id for answer in answers]


def letters_about(stack: Stack, reservations: list[str]) -> dict[str, list[str]]:
    """The Message-IDs of the mails about each of these."""
    letters = [(text_of(one), str(one["Message-ID"])) for one in stack.mail.messages]
    return {each: [name for text, name in letters if each in text] for each in reservations}


async def test_flushing_valkey_in_the_middle_of_notifications_loses_none(stack: Stack):
    reservations = await while_people_reserve(stack, lambda: flush(stack), times=6)

    assert all(len(found) == 1 for found in letters_about(stack, reservations).values())


async def test_flushing_valkey_while_no_mail_can_leave_loses_none(stack: Stack):
    stack.mail.stop()
    try:
        slot = await fresh_slot(stack, capacity=PARTIES)
        answers = await rush(stack, slot, PARTIES)
        await flush(stack)
    finally:
        stack.mail.start()
    await settled(stack)

    found = letters_about(stack, [answer.id for answer in answers])
    assert all(len(letters) == 1 for letters in found.values())


async def flush(stack: Stack) -> None:
    valkey = Redis.from_url(stack.redis_url)
    try:
        await valkey.flushall()
    finally:
        await valkey.aclose()


async def test_a_killed_relay_and_projector_lose_no_fact_and_repeat_none(stack: Stack):
    reservations = await while_people_reserve(stack, lambda: kill(stack, "relay", "projector"))

    assert all(len(found) == 1 for found in letters_about(stack, reservations).values())
    assert await told_on_the_bus(stack, reservations) == dict.fromkeys(reservations, 1)
    family = person(stack, "family", 0)
    shown = [str(event["UID"]) for event in events(await fetched(await family.feed()))]
    assert sum(any(each in uid for each in reservations) for uid in shown) == 1


async def test_killed_jobs_leave_nobody_out_and_repeat_under_the_same_id(stack: Stack):
    reservations = await while_people_reserve(stack, lambda: kill(stack, "jobs"), times=2)

    found = letters_about(stack, reservations)
    assert all(len(set(letters)) == 1 for letters in found.values())


async def kill(stack: Stack, *roles: str) -> None:
    """SIGKILL to all processes of these roles, until others have taken their place."""
    before = {role: stack.pids()[role] for role in roles}
    for pids in before.values():
        for pid in pids:
            os.kill(pid, signal.SIGKILL)

    def are_back() -> bool:
        now = stack.pids()
        return all(now[role] and not set(now[role]) & set(before[role]) for role in roles)

    await until(are_back, f"{roles} are back")


async def told_on_the_bus(stack: Stack, reservations: list[str]) -> Counter[str]:
    """How often the FACT stream says of each that it is confirmed."""
    nc = await bus.connect(stack.nats_url, name="test")
    last = (await nc.jetstream().stream_info("FACT")).state.last_seq
    reader = OrderedReader(nc, "FACT", None, max(1, last - 2_000))
    await reader.start()
    counted: Counter[str] = Counter()
    sequence = 0
    while sequence < last:
        for message in await reader.take(500, 1.0):
            sequence = message.sequence
            fact = msgspec.json.decode(message.data, type=AnyFact)
            if isinstance(fact, ReservationConfirmed):
                counted[str(fact.reservation_id)] += 1
    await reader.stop()
    await nc.close()
    return Counter({each: counted[each] for each in reservations})
