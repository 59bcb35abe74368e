"""From the outbox to the FACT stream: in order, nothing lost, nothing twice."""

import asyncio
import datetime as dt
import uuid
from collections.abc import AsyncIterator

import asyncpg
import msgspec
import pytest
from nats.aio.client import Client

from openyard_events import bus, envelope, subjects
from openyard_platform.settings import Settings
from openyard_platform.store import engine, outbox
from openyard_workers.relay import Relay
from tests.integration.nats_server import NatsServer

AT = dt.datetime(2026, 12, 1, tzinfo=dt.UTC)
WRITE = """
INSERT INTO outbox (event_id, subject, type, body, at)
SELECT gen_random_uuid(), 'fact.yufeng.slot.opened', 'openyard.slot.opened.v1',
       number::text, $2
FROM unnest($1::int[]) AS number
"""


@pytest.fixture(scope="module")
async def server(tmp_path_factory) -> AsyncIterator[NatsServer]:
    async with NatsServer(tmp_path_factory.mktemp("nats")) as server:
        yield server


@pytest.fixture
async def nc(server) -> AsyncIterator[Client]:
    nc = await server.connect()
    await bus.ensure_streams(nc.jetstream(), 1)
    await nc.jetstream().purge_stream("FACT")
    yield nc
    await nc.close()


@pytest.fixture
async def settings(server, database_url) -> AsyncIterator[Settings]:
    await engine.connect(database_url)
    await engine.fetch("DELETE FROM outbox")
    yield Settings(
        database_url=database_url,
        nats_url=server.url,
        redis_url="redis://unused",
        secret_key="x" * 32,
        base_url="https://openyard.example",
    )
    await engine.disconnect()


class Working:
    """A relay at work for the length of a ``with``."""

    def __init__(self, settings: Settings, nc: Client) -> None:
        self._relay = Relay(settings, nc)
        self._stop = asyncio.Event()

    async def __aenter__(self) -> None:
        self._task = asyncio.create_task(self._relay.serve(self._stop))

    async def __aexit__(self, *_: object) -> None:
        self._stop.set()
        await self._task


async def write(*numbers: int) -> None:
    async with engine.transaction() as connection:
        await connection.execute(WRITE, list(numbers), AT)


async def facts(nc: Client) -> list[int]:
    js = nc.jetstream()
    state = (await js.stream_info("FACT")).state
    sequences = range(state.first_seq, state.last_seq + 1)
    return [int((await js.get_msg("FACT", sequence)).data) for sequence in sequences]


async def drained(seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while await outbox.waiting():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_a_fact_travels_as_a_cloud_event(settings, nc):
    event_id = uuid.uuid4()
    await engine.fetch(
        "INSERT INTO outbox (event_id, subject, type, body, at) VALUES ($1, $2, $3, $4, $5)",
        event_id,
        "fact.yufeng.slot.opened",
        "openyard.slot.opened.v1",
        '{"title":"开放"}',
        AT,
    )

    assert await Relay(settings, nc).drain_some() == 1

    js = nc.jetstream()
    message = await js.get_msg("FACT", (await js.stream_info("FACT")).state.last_seq)
    assert message.subject == "fact.yufeng.slot.opened"
    assert message.data.decode() == '{"title":"开放"}'
    assert message.headers["Nats-Msg-Id"] == str(event_id)
    around = envelope.read(message.headers)
    assert (around.id, around.type) == (str(event_id), "openyard.slot.opened.v1")
    assert (around.source, around.time) == ("https://openyard.example", AT)
    assert await outbox.waiting() == 0


async def test_facts_are_published_in_the_order_of_their_transactions(settings, nc):
    for start in range(0, 1000, 50):
        await write(*range(start, start + 50))

    async with Working(settings, nc):
        await drained()

    assert await facts(nc) == list(range(1000))


async def test_the_bell_makes_it_quick(settings, nc):
    async with Working(settings, nc):
        await asyncio.sleep(1.5)
        started = asyncio.get_running_loop().time()
        await write(1)
        await nc.publish(subjects.RELAY_BELL)
        await drained(0.4)
        assert asyncio.get_running_loop().time() - started < 0.4


async def test_without_a_bell_it_comes_all_the_same(settings, nc):
    async with Working(settings, nc):
        await asyncio.sleep(1)
        await engine.fetch(WRITE, [1], AT)
        await drained(2)


async def test_a_row_that_commits_late_is_not_passed_over(settings, nc):
    slow = await asyncpg.connect(settings.database_url)
    transaction = slow.transaction()
    await transaction.start()
    await slow.execute(WRITE, [1], AT)

    async with Working(settings, nc):
        await write(2)
        await asyncio.sleep(0.7)
        assert await facts(nc) == []
        await transaction.commit()
        await drained()

    assert await facts(nc) == [1, 2]
    await slow.close()


@pytest.mark.usefixtures("settings")
async def test_what_was_sent_before_costs_the_next_look_nothing(monkeypatch):
    """Until the table is swept, the index still has all that was deleted."""
    await engine.fetch("ALTER TABLE outbox SET (autovacuum_enabled = off)")
    looks = []
    fetch = engine.fetch

    async def noted(sql, *arguments):
        looks.append((sql, arguments))
        return await fetch(sql, *arguments)

    for numbers in (range(3000), range(3000, 3010)):
        await write(*numbers)
        rows = await outbox.unsent(5000)
        await outbox.forget([row.id for row in rows])
    await write(1)
    monkeypatch.setattr(engine, "fetch", noted)
    assert len(await outbox.unsent(5000)) == len(await outbox.unsent(5000, rows[-1].xid)) == 1
    monkeypatch.undo()
    # In this order: whoever looks first marks in the index what is there no more.
    since, whole = [await _buffers(sql, arguments) for sql, arguments in reversed(looks)]
    assert since < 10 < whole


async def _buffers(sql: str, arguments: tuple[int, ...]) -> int:
    """How many pages a look reads, going by its index."""
    async with engine.transaction() as connection:
        await connection.execute("SET LOCAL enable_seqscan = off")
        await connection.execute("SET LOCAL enable_bitmapscan = off")
        plan = await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", *arguments)
    return int(msgspec.json.decode(plan)[0]["Plan"]["Shared Hit Blocks"])


async def test_nothing_of_a_transaction_rolled_back_is_told(settings, nc):
    connection = await asyncpg.connect(settings.database_url)
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute(WRITE, [1], AT)
    await transaction.rollback()
    await connection.close()
    await write(2)

    async with Working(settings, nc):
        await drained()

    assert await facts(nc) == [2]


async def test_who_dies_between_publishing_and_forgetting_publishes_nothing_twice(settings, nc):
    await write(*range(150))
    rows = await engine.fetch("SELECT * FROM outbox ORDER BY id")
    await Relay(settings, nc).drain_some()
    for row in rows[:120]:
        await engine.fetch(
            "INSERT INTO outbox (event_id, subject, type, body, at) VALUES ($1, $2, $3, $4, $5)",
            row["event_id"],
            row["subject"],
            row["type"],
            row["body"],
            row["at"],
        )

    async with Working(settings, nc):
        await drained()

    assert await facts(nc) == list(range(150))


async def test_a_killed_bus_loses_nothing_and_doubles_nothing(settings, nc, server):
    async with Working(settings, nc):
        for start in range(0, 600, 20):
            await write(*range(start, start + 20))
            if start == 200:
                server.kill()
            if start == 400:
                await server.start()
        await drained(20)

    assert await facts(nc) == list(range(600))


async def test_an_answer_that_a_killed_bus_took_along_is_not_waited_for(settings, nc, server):
    async with Working(settings, nc):
        await asyncio.sleep(0.2)
        server.pause()
        await write(1)
        await asyncio.sleep(0.3)
        server.kill()
        await server.start()
        await drained(4)

    assert await facts(nc) == [1]


async def test_a_lost_database_connection_is_made_anew(settings, nc):
    async with Working(settings, nc):
        await write(1)
        await drained()
        await engine.fetch(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND application_name LIKE 'openyard%'"
        )
        await write(2)
        await drained()

    assert await facts(nc) == [1, 2]
