"""The ordered reader against a real server that restarts, dies, purges and forgets."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from nats.aio.client import Client
from nats.errors import Error
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from openyard_events.reader import Delivered, OrderedReader, StreamReplaced
from tests.integration.nats_server import NatsServer


@pytest.fixture
async def server(tmp_path) -> AsyncIterator[NatsServer]:
    async with NatsServer(tmp_path) as server:
        yield server


@pytest.fixture
async def nc(server) -> AsyncIterator[Client]:
    nc = await server.connect()
    yield nc
    await nc.close()


@pytest.fixture
async def js(nc) -> JetStreamContext:
    js = nc.jetstream()
    await js.add_stream(name="LINE", subjects=["line"])
    return js


async def fill(js: JetStreamContext, first: int, last: int) -> None:
    for number in range(first, last + 1):
        await js.publish("line", str(number).encode())


async def read(reader: OrderedReader, count: int, seconds: float = 20) -> list[Delivered]:
    messages: list[Delivered] = []
    async with asyncio.timeout(seconds):
        while len(messages) < count:
            messages += await reader.take(100, 1)
    return messages


def numbers(messages: list[Delivered]) -> list[int]:
    return [int(message.data) for message in messages]


async def started(nc: Client, start: int = 1, batch: int = 256) -> OrderedReader:
    reader = OrderedReader(nc, "LINE", "line", start, batch=batch)
    await reader.start()
    return reader


async def test_messages_come_in_order_with_their_place_and_headers(nc, js):
    await js.publish("line", b"1", headers={"Ce-Id": "x"})
    reader = await started(nc)

    [message] = await read(reader, 1)

    info = await js.stream_info("LINE")
    assert (message.sequence, message.subject, message.data) == (1, "line", b"1")
    assert message.headers == {"Ce-Id": "x"}
    assert reader.created == info.created
    assert abs((message.timestamp - info.created).total_seconds()) < 30
    await reader.stop()


async def test_reading_goes_on_at_the_stored_position(nc, js):
    await fill(js, 1, 10)
    reader = await started(nc, start=8)

    assert numbers(await read(reader, 3)) == [8, 9, 10]
    assert await reader.take(10, 0.05) == []
    await reader.stop()


async def test_a_waiting_reader_gets_the_next_message_at_once(nc, js):
    reader = await started(nc)
    waiting = asyncio.create_task(reader.take(10, 5))
    await asyncio.sleep(0.05)

    await js.publish("line", b"1")

    async with asyncio.timeout(0.5):
        assert numbers(await waiting) == [1]
    await reader.stop()


async def test_no_more_is_taken_than_asked_for(nc, js):
    await fill(js, 1, 20)
    reader = await started(nc)
    await asyncio.sleep(0.2)

    assert numbers(await reader.take(7, 1)) == list(range(1, 8))
    assert numbers(await reader.take(100, 1)) == list(range(8, 21))
    await reader.stop()


async def test_a_small_window_still_reads_everything(nc, js):
    await fill(js, 1, 500)
    reader = await started(nc, batch=3)

    assert numbers(await read(reader, 500)) == list(range(1, 501))
    await reader.stop()


async def test_a_purge_at_the_front_is_no_loss(nc, js):
    await fill(js, 1, 10)
    reader = await started(nc)
    assert numbers(await read(reader, 10)) == list(range(1, 11))

    await js.purge_stream("LINE", seq=11)
    await fill(js, 11, 15)
    assert numbers(await read(reader, 5)) == list(range(11, 16))

    late = await started(nc, start=3)
    assert numbers(await read(late, 5)) == list(range(11, 16))
    await reader.stop()
    await late.stop()


async def test_a_vanished_consumer_is_made_anew(nc, js):
    await fill(js, 1, 5)
    reader = await started(nc)
    assert len(await read(reader, 5)) == 5

    for consumer in await js.consumers_info("LINE"):
        await js.delete_consumer("LINE", consumer.name)
    await fill(js, 6, 10)

    assert numbers(await read(reader, 5)) == list(range(6, 11))
    await reader.stop()


async def test_nothing_is_lost_or_twice_while_the_server_is_killed_again_and_again(server, nc, js):
    reader = await started(nc, batch=16)
    accepted: list[int] = []

    async def publish() -> None:
        number = 0
        while number < 600:
            number += 1
            try:
                await js.publish("line", str(number).encode(), timeout=1)
            except (Error, TimeoutError, OSError):
                continue
            accepted.append(number)
            await asyncio.sleep(0.002)

    async def trouble() -> None:
        for _ in range(3):
            await asyncio.sleep(0.3)
            server.kill()
            await server.start()

    publishing = asyncio.create_task(publish())
    await trouble()
    await publishing
    last = (await js.stream_info("LINE")).state.last_seq
    messages: list[Delivered] = []
    async with asyncio.timeout(30):
        while not messages or messages[-1].sequence < last:
            messages += await reader.take(100, 1)

    assert [message.sequence for message in messages] == list(range(1, last + 1))
    assert set(accepted) <= set(numbers(messages))
    assert numbers(messages) == sorted(numbers(messages))
    await reader.stop()


async def test_a_server_that_stood_still_is_read_on(server, nc, js):
    await fill(js, 1, 3)
    reader = await started(nc)
    assert len(await read(reader, 3)) == 3

    server.pause()
    assert await reader.take(10, 4) == []
    server.resume()
    await fill(js, 4, 6)

    assert numbers(await read(reader, 3)) == [4, 5, 6]
    await reader.stop()


async def test_a_stream_made_anew_is_reported_after_the_last_old_message(nc, js):
    await fill(js, 1, 3)
    reader = await started(nc)
    await asyncio.sleep(0.2)

    await js.delete_stream("LINE")
    await js.add_stream(name="LINE", subjects=["line"])

    assert numbers(await reader.take(10, 1)) == [1, 2, 3]
    with pytest.raises(StreamReplaced) as caught:
        await reader.take(10, 10)
    assert caught.value.created > reader.created
    assert caught.value.last_sequence == 0
    await reader.stop()


async def test_a_deleted_stream_is_waited_for(nc, js):
    reader = await started(nc)
    await js.delete_stream("LINE")

    assert await reader.take(10, 1) == []
    await js.add_stream(name="LINE", subjects=["line"])

    with pytest.raises(StreamReplaced):
        await reader.take(10, 10)
    await reader.stop()


async def test_a_position_past_the_end_is_refused(nc, js):
    await fill(js, 1, 3)
    reader = OrderedReader(nc, "LINE", "line", 9)

    with pytest.raises(StreamReplaced, match="last 3"):
        await reader.start()


async def test_a_missing_stream_is_said_at_the_start(nc):
    with pytest.raises(NotFoundError):
        await OrderedReader(nc, "NOTHING", "nothing", 1).start()


async def test_a_closed_connection_ends_the_waiting(nc, js):
    await fill(js, 1, 1)
    reader = await started(nc, start=2)
    await nc.close()

    with pytest.raises(Error, match="connection closed"):
        await reader.take(10, 5)
    await reader.stop()


async def test_a_reader_that_pauses_longer_than_its_heartbeats_loses_nothing(nc, js):
    reader = await started(nc, batch=4)
    await fill(js, 1, 40)
    await asyncio.sleep(4)

    assert numbers(await read(reader, 40)) == list(range(1, 41))
    await reader.stop()


async def test_a_stopped_reader_leaves_no_consumer(nc, js):
    reader = await started(nc)
    await reader.stop()

    assert await consumers(js) == []


async def test_a_reader_stops_though_its_cancellation_meets_what_it_waits_for(nc, js):
    """Before Python 3.12 ``asyncio.wait_for``, which the keeper sits in, swallows it then."""
    reader = await started(nc)
    await asyncio.sleep(0.1)
    reader._consumer.doubt = "a message is missing"  # noqa: SLF001 - in the very same moment
    reader._doubted.set()  # noqa: SLF001

    await asyncio.wait_for(reader.stop(), 5)
    assert await consumers(js) == []


async def consumers(js: JetStreamContext) -> list[str]:
    """Those that are still there; one that was left is forgotten a moment later."""
    for _ in range(20):
        names = [one.name for one in await js.consumers_info("LINE")]
        if not names:
            break
        await asyncio.sleep(0.05)
    return names
