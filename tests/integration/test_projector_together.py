"""Consumers that read FACT together, go apart when they differ, and find each other again."""

import asyncio
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from openyard_events import subjects
from openyard_platform.store import engine, readers
from openyard_workers.projection import MOST_AT_ONCE
from openyard_workers.projector import Projector
from tests.integration.nats_server import NatsServer
from tests.integration.projection_stage import Stage, reached, stage


class Noting:
    """Remembers the facts of every transaction that was committed."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.batches: list[list[int]] = []
        self.fails = False
        self._pending: list[int] = []

    @property
    def noted(self) -> list[int]:
        return [number for batch in self.batches for number in batch]

    async def apply(self, facts) -> None:
        if self.fails:
            raise RuntimeError("out of order")
        self._pending = [fact.slot_revision for fact in facts]

    async def idle(self) -> None:
        pass

    async def settled(self) -> None:
        if self._pending:
            self.batches.append(self._pending)
        self._pending = []


@pytest.fixture(scope="module")
async def nc(tmp_path_factory):
    directory: Path = tmp_path_factory.mktemp("nats")
    server = NatsServer(directory)
    await server.start()
    client = await server.connect()
    yield client
    await client.close()
    server.stop()


@pytest.fixture
async def on_stage(postgres, nc):
    async with stage(postgres.fresh("together"), nc) as made:
        yield made
    for stream in (subjects.FACT_STREAM, subjects.DLQ_STREAM):
        await nc.jetstream().delete_stream(stream)


@pytest.fixture
def both() -> list[Noting]:
    return [Noting("feeds"), Noting("notifier")]


@asynccontextmanager
async def projecting(on_stage: Stage, both: list[Noting], apart: float = 0.3):
    stop = asyncio.Event()
    task = asyncio.create_task(Projector(on_stage.nc, both, apart=apart).serve(stop))
    try:
        yield
    finally:
        stop.set()
        await task


async def tell(on_stage: Stage, *numbers: int) -> readers.Position:
    """Publish a fact for each number; returns where a reader of all of them stands."""
    for number in numbers:
        body = (
            b'{"type":"openyard.slot.opened.v1","venue_key":"v","capacity":1,"taken":0,"waiting":0,'
            b'"slot_id":"018f0000-0000-7000-8000-000000000000","slot_revision":%d}' % number
        )
        ack = await on_stage.js.publish("fact.chengzhong.slot.opened", body)
    info = await on_stage.js.stream_info(subjects.FACT_STREAM)
    return readers.Position(name="all", stream_created=info.created, sequence=ack.seq)


async def stands(on_stage: Stage, name: str, sequence: int) -> None:
    info = await on_stage.js.stream_info(subjects.FACT_STREAM)
    await engine.fetch(
        "INSERT INTO reader (name, stream_created, sequence) VALUES ($1, $2, $3)",
        name,
        info.created,
        sequence,
    )


async def consumers(on_stage: Stage) -> int:
    return (await on_stage.js.stream_info(subjects.FACT_STREAM)).state.consumer_count


async def test_all_read_each_fact_once_from_one_reading(on_stage, both):
    last = await tell(on_stage, *range(50))
    async with projecting(on_stage, both):
        for one in both:
            await reached(one.name, last)
        assert await consumers(on_stage) == 1
    assert both[0].noted == both[1].noted == list(range(50))
    # In the same transactions.
    assert both[0].batches == both[1].batches


async def test_who_stands_further_on_takes_only_what_is_new_to_it(on_stage, both):
    last = await tell(on_stage, *range(10))
    await stands(on_stage, "feeds", 7)
    async with projecting(on_stage, both):
        for one in both:
            await reached(one.name, last)
    assert both[0].noted == [7, 8, 9]
    assert both[1].noted == list(range(10))


async def test_who_is_far_behind_does_not_hold_up_the_other(on_stage, both):
    await tell(on_stage, *range(MOST_AT_ONCE + 2))
    await stands(on_stage, "notifier", MOST_AT_ONCE + 1)
    async with projecting(on_stage, both):
        last = await tell(on_stage, 5000)
        await reached("notifier", last)
        await reached("feeds", last)
    assert both[0].noted == [*range(MOST_AT_ONCE + 2), 5000]
    assert both[1].noted == [MOST_AT_ONCE + 1, 5000]


async def test_who_fails_does_not_hold_up_the_other_and_misses_nothing(on_stage, both):
    both[0].fails = True
    async with projecting(on_stage, both):
        last = await tell(on_stage, 1, 2, 3)
        await reached("notifier", last)
        assert both[0].noted == []
        both[0].fails = False
        await reached("feeds", last)
        last = await tell(on_stage, 4)
        for one in both:
            await reached(one.name, last)
    assert both[0].noted == both[1].noted == [1, 2, 3, 4]


async def test_who_has_recovered_reads_together_again(on_stage, both):
    async with projecting(on_stage, both, apart=2.0):
        await tell(on_stage, 1)
        await on_stage.js.publish("fact.chengzhong.slot.opened", b"{broken")
        await readers_are(on_stage, 2)
        await readers_are(on_stage, 1)
        last = await tell(on_stage, 2)
        for one in both:
            await reached(one.name, last)
    assert both[0].noted == both[1].noted == [1, 2]
    assert both[0].batches[-1] == both[1].batches[-1]


async def readers_are(on_stage, wanted: int) -> None:
    """Wait for so many: one is replaced by two, and two by one, a moment after."""
    async with asyncio.timeout(20):
        while await consumers(on_stage) != wanted:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_what_is_no_fact_is_buried_once_for_each(on_stage, both):
    async with projecting(on_stage, both):
        await tell(on_stage, 1)
        await on_stage.js.publish("fact.chengzhong.slot.opened", b"{broken")
        last = await tell(on_stage, 2)
        for one in both:
            await reached(one.name, last)
    assert both[0].noted == both[1].noted == [1, 2]
    info = await on_stage.js.stream_info(subjects.DLQ_STREAM)
    letters = [
        (await on_stage.js.get_msg(subjects.DLQ_STREAM, number)).subject
        for number in range(1, info.state.last_seq + 1)
    ]
    assert sorted(letters) == ["dlq.fact-feeds", "dlq.fact-notifier"]


async def test_a_dropped_position_is_noticed(on_stage, both):
    async with projecting(on_stage, both):
        last = await tell(on_stage, 1, 2)
        for one in both:
            await reached(one.name, last)
        await engine.fetch("DELETE FROM reader WHERE name = 'feeds'")
        await reached("feeds", last)
    assert both[0].noted == [1, 2, 1, 2]
    assert both[1].noted == [1, 2]
