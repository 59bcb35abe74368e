"""Two partitions decide at once about the same people: they wait for each other, in one order."""

import asyncio
import random
from collections.abc import AsyncIterator
from uuid import UUID

import asyncpg
import pytest

from openyard_events.commands import Outcome
from openyard_platform import ids
from openyard_platform.store import deciding, engine, partitions
from tests.integration.test_allotments import ring, statuses
from tests.integration.test_deciding import HOUR, SATURDAY, Desk, cancel, desk, opened, reserve

__all__ = ["desk"]

# Ten thousand times two partitions want one party, each in its own order.
PEOPLE = 200
ROUNDS = 50


@pytest.fixture
async def other(desk: Desk) -> AsyncIterator[Desk]:
    """Another venue, in another partition."""
    assert desk.lease.partition == 0
    await partitions.ensure(2)
    taken = await partitions.take(1, "other", seconds=600, grace=0)
    assert taken is not None
    venue_id = ids.new()
    await engine.run_script(
        f"""INSERT INTO organisation (id, key, name, kind, district_key)
            VALUES ('{venue_id}', 'v{venue_id.hex[-12:]}', '馆', 'venue', 'chengzhong');
            INSERT INTO space (id, organisation_id, key, name)
            VALUES ('{ids.new()}', '{venue_id}', 'hall', '馆');"""  # noqa: S608
    )
    yield Desk(venue_id, *taken)
    await engine.fetch("DELETE FROM partition WHERE no = 1")


async def at_once(desk: Desk, other: Desk, parties: list[UUID]) -> list[tuple[Outcome, Outcome]]:
    """Each party asks both venues for the same hour, in opposite order."""
    times = {"starts_at": SATURDAY, "ends_at": SATURDAY + HOUR, "capacity": PEOPLE}
    name = str(ids.new())
    here = await opened(desk, external_id=name, **times)
    there = await opened(other, external_id=name, **times)
    ours = [reserve(here, party=party) for party in parties]
    theirs = [reserve(there, party=party) for party in reversed(parties)]
    one, two = await asyncio.gather(desk.decide(*ours), other.decide(*theirs))
    # The next round wants the same spaces again.
    await desk.decide(desk.withdraw(name, 9))
    await other.decide(other.withdraw(name, 9))
    return list(zip(one, reversed(two), strict=True))


async def test_nobody_is_in_two_places_though_two_partitions_decide(desk: Desk, other: Desk):
    parties = [ids.new() for _ in range(PEOPLE)]
    for number in range(ROUNDS):
        random.Random(number).shuffle(parties)  # noqa: S311
        for here, there in await at_once(desk, other, parties):
            assert sorted([here.status, there.status]) == ["confirmed", "refused"]


async def test_a_party_that_leaves_one_partition_is_served_in_the_other(desk: Desk, other: Desk):
    times = {"starts_at": SATURDAY, "ends_at": SATURDAY + HOUR, "capacity": 1}
    here, there = await opened(desk, **times), await opened(other, **times)
    holder, waiting = reserve(here), reserve(here)
    elsewhere = reserve(there, party=waiting.account_id)
    await desk.decide(holder, waiting)
    await other.decide(elsewhere)
    await desk.decide(cancel(holder))
    assert await statuses(here) == ["cancelled", "waitlisted"]
    await other.decide(cancel(elsewhere))
    await desk.decide(ring(here))
    assert await statuses(here) == ["cancelled", "offered"]


async def test_what_is_decided_stands_though_the_other_partition_cannot_be_told(
    desk: Desk, other: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    times = {"starts_at": SATURDAY + 2 * HOUR, "ends_at": SATURDAY + 3 * HOUR, "capacity": 1}
    here, there = await opened(desk, **times), await opened(other, **times)
    holder, waiting = reserve(here), reserve(here)
    elsewhere = reserve(there, party=waiting.account_id)
    await desk.decide(holder, waiting)
    await other.decide(elsewhere)

    async def gone(*_: object) -> None:
        raise OSError("gone")

    monkeypatch.setattr(engine, "fetch", gone)
    (outcome,) = await other.decide(cancel(elsewhere))
    monkeypatch.undo()
    assert outcome.status == "cancelled"
    assert "wait for its next turn" in caplog.text
    assert await statuses(there) == ["cancelled"]


async def test_locked_in_any_order_they_would_wait_for_each_other_for_ever(
    desk: Desk, other: Desk, monkeypatch: pytest.MonkeyPatch
):
    ordered = deciding._lock_parties  # noqa: SLF001

    parties = [ids.new() for _ in range(20)]
    await engine.fetch("INSERT INTO party (ref) SELECT unnest($1::uuid[])", parties)
    turn = iter([False, True])

    async def in_opposite_order(connection, state, refs, nos) -> None:
        backwards = next(turn, False)
        for ref in sorted(refs, reverse=backwards):
            await connection.execute("SELECT 1 FROM party WHERE ref = $1 FOR NO KEY UPDATE", ref)
            await asyncio.sleep(0.005)
        await ordered(connection, state, refs, nos)

    times = {"starts_at": SATURDAY, "ends_at": SATURDAY + HOUR, "capacity": PEOPLE}
    here, there = await opened(desk, **times), await opened(other, **times)
    monkeypatch.setattr(deciding, "_lock_parties", in_opposite_order)
    outcomes = await asyncio.gather(
        desk.decide(*(reserve(here, party=party) for party in parties)),
        other.decide(*(reserve(there, party=party) for party in parties)),
        return_exceptions=True,
    )
    assert any(isinstance(one, asyncpg.DeadlockDetectedError) for one in outcomes)
