"""The venue's client against a real server, with a small platform of the test's own behind it."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator

import msgspec
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error

from openyard_events import bus, envelope, subjects
from openyard_events.contracts import Receipt, SlotOffered, SlotWithdrawn
from openyard_events.publisher import NoReceipt, PublishRefused, SlotPublisher, VenuePublisher
from openyard_events.subjects import BadToken
from tests.integration.nats_server import NatsServer

USERS = """
authorization { users: [
  { user: openyard, password: platform }
  { user: museum, password: secret, permissions: {
      publish: ["venue.museum.>"], subscribe: ["receipt.museum.>", "_INBOX_museum.>"] } }
  { user: reader, password: secret, permissions: {
      publish: ["nothing"], subscribe: ["receipt.museum.>", "_INBOX_museum.>"] } }
] }
"""
NINE = dt.datetime(2026, 12, 5, 1, tzinfo=dt.UTC)
SLOT = SlotOffered(
    external_id="座位 1",
    version=1,
    space="hall",
    starts_at=NINE,
    ends_at=NINE + dt.timedelta(hours=1),
    capacity=10,
    title="开放",
)


class Answering:
    """Answers every venue's message with ``accepted``; ``deaf``: to so many of them not at all."""

    def __init__(self, nc: Client, *, deaf: int = 0) -> None:
        self.nc = nc
        self.heard: list[Msg] = []
        self.deaf = deaf

    async def answer(self, message: Msg) -> None:
        self.heard.append(message)
        if self.deaf:
            self.deaf -= 1
            return
        key = message.subject.split(".")[1]
        around = envelope.read(message.headers)
        receipt = Receipt(id=around.id, status="accepted", version=1)
        await self.nc.publish(subjects.receipt(key, around.id), msgspec.json.encode(receipt))


@pytest.fixture(scope="module")
async def server(tmp_path_factory) -> AsyncIterator[NatsServer]:
    async with NatsServer(tmp_path_factory.mktemp("nats"), extra=USERS) as server:
        yield server


@pytest.fixture
async def nc(server) -> AsyncIterator[Client]:
    nc = await bus.connect(server.url, name="test", login=("openyard", "platform"))
    await bus.ensure_streams(nc.jetstream(), 1)
    yield nc
    await nc.close()


async def answering(nc: Client, **options: int) -> Answering:
    platform = Answering(nc, **options)
    await nc.subscribe("venue.*.slot.*", cb=platform.answer)
    await nc.flush()
    return platform


def museum(server: NatsServer, key: str = "museum", patience: float = 10) -> VenuePublisher:
    return VenuePublisher(server.url, key, user="museum", password="secret", patience=patience)


async def test_a_venue_publishes_with_its_own_credentials_and_gets_its_receipt(server, nc):
    platform = await answering(nc)

    async with museum(server) as venue:
        receipt = await venue.offer(SLOT, ce_id="first")

    assert receipt == Receipt(id="first", status="accepted", version=1)
    [message] = platform.heard
    assert message.subject == "venue.museum.slot.offered"
    assert msgspec.json.decode(message.data, type=SlotOffered) == SLOT
    around = envelope.read(message.headers)
    assert (around.type, around.source) == ("openyard.slot.offered.v1", "/venues/museum")
    assert around.subject == "座位 1"
    assert around.time is not None
    assert "Nats-Msg-Id" not in message.headers


async def test_changes_and_withdrawals_have_their_own_subjects(server, nc):
    platform = await answering(nc)

    async with museum(server) as venue:
        await venue.change(SLOT)
        await venue.withdraw(SlotWithdrawn(external_id="a", version=2))

    assert [message.subject for message in platform.heard] == [
        "venue.museum.slot.changed",
        "venue.museum.slot.withdrawn",
    ]


async def test_many_are_published_in_order(server, nc):
    platform = await answering(nc)
    slots = [msgspec.structs.replace(SLOT, external_id=str(number)) for number in range(200)]
    done: list[int] = []

    async with museum(server) as venue:
        receipts = await venue.publish_many(slots, 16, done=lambda index, _: done.append(index))

    told = [msgspec.json.decode(message.data)["external_id"] for message in platform.heard]
    assert told == [str(number) for number in range(200)]
    assert len({receipt.id for receipt in receipts}) == 200
    assert sorted(done) == list(range(200))


async def test_what_is_not_answered_is_said_again_with_the_same_id(server, nc):
    platform = await answering(nc, deaf=1)

    async with museum(server) as venue:
        receipt = await venue.offer(SLOT, ce_id="again")

    assert receipt.id == "again"
    assert [message.headers["ce-id"] for message in platform.heard] == ["again", "again"]


async def test_no_answer_is_an_error_in_the_end(server, nc):
    await answering(nc, deaf=100)

    async with museum(server, patience=0.5) as venue:
        with pytest.raises(NoReceipt, match="no receipt for lost"):
            await venue.offer(SLOT, ce_id="lost")


async def test_the_same_id_published_twice_at_once_travels_once(server, nc):
    platform = await answering(nc)

    async with museum(server) as venue:
        both = await asyncio.gather(venue.offer(SLOT, ce_id="t"), venue.offer(SLOT, ce_id="t"))

    assert both[0] == both[1]
    assert len(platform.heard) == 1


async def test_another_venues_key_is_refused_when_connecting(server):
    with pytest.raises(PublishRefused, match=r"(?i)permissions violation"):
        async with museum(server, key="library"):
            pass


async def test_a_publish_that_is_forbidden_is_said_by_the_connections_callback(server):
    publishers: list[SlotPublisher] = []

    async def hear(error: Exception) -> None:
        await publishers[0].denied(error)

    museum = await bus.connect(
        server.url,
        name="museum",
        inbox="_INBOX_museum",
        login=("reader", "secret"),
        error_cb=hear,
    )
    publishers.append(SlotPublisher(museum, patience=5))

    async with asyncio.timeout(3):
        with pytest.raises(PublishRefused, match=r"(?i)permissions violation"):
            await publishers[0].publish("museum", SLOT)
    await museum.close()


async def test_without_a_stream_nothing_is_taken(tmp_path):
    async with (
        NatsServer(tmp_path) as server,
        VenuePublisher(server.url, "museum", patience=1) as venue,
    ):
        with pytest.raises(PublishRefused, match="NoStreamResponse"):
            await venue.offer(SLOT)


async def test_wrong_credentials_are_refused_when_connecting(server):
    with pytest.raises(Error, match=r"(?i)authorization"):
        async with VenuePublisher(server.url, "museum", user="museum", password="wrong"):
            pass


async def test_what_is_too_large_for_the_bus_is_refused(server):
    slot = msgspec.structs.replace(SLOT, description="x" * 2_000_000)

    async with museum(server) as venue:
        with pytest.raises(PublishRefused, match="MaxPayload"):
            await venue.offer(slot)


async def test_an_illegal_id_or_key_is_refused_before_anything_is_sent(server):
    with pytest.raises(BadToken):
        museum(server, key="mus*um")
    async with museum(server) as venue:
        with pytest.raises(BadToken):
            await venue.offer(SLOT, ce_id="a b")


async def test_a_publisher_outlives_a_killed_server(tmp_path):
    async with NatsServer(tmp_path) as server:
        nc = await server.connect()
        await bus.ensure_streams(nc.jetstream(), 1)
        await answering(nc)

        async with VenuePublisher(server.url, "museum") as venue:
            await venue.offer(SLOT)
            server.kill()
            offering = asyncio.create_task(venue.offer(SLOT))
            await asyncio.sleep(0.5)
            await server.start()
            assert (await offering).status == "accepted"
        await nc.close()


async def test_one_connection_speaks_for_every_venue_it_may(nc):
    platform = await answering(nc)
    publisher = SlotPublisher(nc, patience=5)

    receipts = await asyncio.gather(
        publisher.publish("museum", SLOT), publisher.publish("library", SLOT)
    )

    assert {receipt.status for receipt in receipts} == {"accepted"}
    assert sorted(message.subject.split(".")[1] for message in platform.heard) == [
        "library",
        "museum",
    ]
