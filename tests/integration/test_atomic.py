from collections.abc import AsyncIterator

import pytest
from nats.aio.client import Client
from nats.errors import NoRespondersError
from nats.js import JetStreamContext
from nats.js.errors import APIError

from openyard_events import atomic
from openyard_events.atomic import Message
from tests.integration.nats_server import NatsServer


@pytest.fixture(scope="module")
async def nc(tmp_path_factory) -> AsyncIterator[Client]:
    async with NatsServer(tmp_path_factory.mktemp("nats")) as server:
        nc = await server.connect()
        yield nc
        await nc.close()


@pytest.fixture
async def js(nc) -> AsyncIterator[JetStreamContext]:
    js = nc.jetstream()
    await js.add_stream(name="BATCH", subjects=["batch.>"], allow_atomic=True)
    yield js
    await js.delete_stream("BATCH")


def message(number: int) -> Message:
    return Message(
        f"batch.{number % 3}", {"Nats-Msg-Id": f"m-{number}", "ce-id": "x"}, str(number).encode()
    )


async def stored(js: JetStreamContext) -> list[int]:
    info = await js.stream_info("BATCH")
    sequences = range(info.state.first_seq, info.state.last_seq + 1)
    return [int((await js.get_msg("BATCH", sequence)).data) for sequence in sequences]


@pytest.mark.parametrize("count", [0, 1, 2, 100, 1000])
async def test_a_batch_is_stored_whole_and_in_order(nc, js, count):
    await atomic.publish_batch(nc, "BATCH", [message(number) for number in range(count)])

    info = await js.stream_info("BATCH")
    assert info.state.messages == count
    if count <= 100:
        assert (await stored(js) if count else []) == list(range(count))


async def test_the_headers_of_the_event_travel_along(nc, js):
    await atomic.publish_batch(nc, "BATCH", [message(0), message(1)])

    headers = (await js.get_msg("BATCH", 2)).headers
    assert headers["ce-id"] == "x"
    assert headers["Nats-Msg-Id"] == "m-1"


async def test_a_batch_that_comes_again_adds_only_what_was_missing(nc, js):
    await atomic.publish_batch(nc, "BATCH", [message(0), message(1)])
    await atomic.publish_batch(nc, "BATCH", [message(number) for number in range(4)])
    await atomic.publish_batch(nc, "BATCH", [message(number) for number in range(4)])

    assert await stored(js) == [0, 1, 2, 3]


async def test_a_stream_without_batches_gets_them_one_by_one(nc, js):
    await js.update_stream(name="BATCH", subjects=["batch.>"], allow_atomic=False)

    await atomic.publish_batch(nc, "BATCH", [message(number) for number in range(5)])

    assert await stored(js) == [0, 1, 2, 3, 4]


async def test_a_full_stream_is_said(nc, js):
    await js.update_stream(
        name="BATCH", subjects=["batch.>"], allow_atomic=True, max_msgs=2, discard="new"
    )

    with pytest.raises(APIError, match="maximum messages"):
        await atomic.publish_batch(nc, "BATCH", [message(number) for number in range(5)])

    assert len(await stored(js)) <= 2


async def test_no_stream_is_said(nc):
    with pytest.raises(NoRespondersError):
        await atomic.publish_batch(nc, "NONE", [Message("nowhere", {"Nats-Msg-Id": "1"}, b"")])


async def test_more_than_the_server_takes_is_refused_at_once(nc):
    with pytest.raises(ValueError, match="At most 1000"):
        await atomic.publish_batch(nc, "BATCH", [message(number) for number in range(1001)])
