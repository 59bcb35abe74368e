"""What a web process remembers of what it asked, while nobody decides."""

import asyncio
import uuid

import pytest
from msgspec.structs import replace

from openyard_events import bus, commands, subjects
from openyard_events.commands import Outcome, Replies, Reserve
from openyard_events.gathering import Gatherer
from openyard_platform.actions.reservations import Desk
from openyard_platform.domain.errors import NotFound
from openyard_platform.settings import Settings
from openyard_platform.store import reservations as records


@pytest.fixture
async def nc(nats):
    connection = await bus.connect(nats.url, name="desk")
    await bus.ensure_streams(connection.jetstream(), 1)
    yield connection
    await connection.close()


@pytest.fixture
async def desk(nc):
    settings = Settings(
        database_url="unused",
        nats_url="unused",
        redis_url="unused",
        secret_key="s" * 64,
        partitions=1,
        decision_wait=0.05,
    )
    gatherer = Gatherer(nc, nc.jetstream(), f"desk-{uuid.uuid4().hex[:8]}", 1)
    await gatherer.start()
    yield Desk(settings, gatherer)
    await gatherer.stop()


def wish(key: str | None) -> Reserve:
    account = uuid.uuid4()
    return Reserve(
        id=uuid.uuid4(),
        slot_id=uuid.uuid4(),
        account_id=account,
        holder_id=account,
        parties=(account,),
        audiences=("family",),
        seats=1,
        key=key,
        fingerprint=b"a",
    )


async def test_the_same_key_asked_again_before_it_is_decided_has_the_same_id(desk):
    first = wish("k")
    again = replace(first, id=uuid.uuid4())
    assert await desk.ask_once(0, first) == (first.id, None)
    assert await desk.ask_once(0, again) == (first.id, None)


async def test_another_wish_account_or_no_key_has_an_id_of_its_own(desk):
    first = wish("k")
    other = replace(first, id=uuid.uuid4(), fingerprint=b"b")
    neighbour = replace(first, id=uuid.uuid4(), account_id=uuid.uuid4())
    without = replace(first, id=uuid.uuid4(), key=None)
    for asked in (first, other, neighbour, without):
        assert await desk.ask_once(0, asked) == (asked.id, None)


async def test_once_it_is_decided_the_database_knows_the_key(desk, nc):
    first = wish("k")
    answer = Outcome(id=first.id, status="confirmed", reservation_id=first.id)

    async def decide(message):
        batch = commands.decode_batch(message.data)
        replies = Replies(partition=0, sequence=1, outcomes=[answer])
        await nc.publish(subjects.reply(batch.reply_to), commands.encode(replies))

    deciding = await nc.subscribe(subjects.command(0), cb=decide)
    desk.settings = replace(desk.settings, decision_wait=5.0)
    assert await desk.ask_once(0, first) == (first.id, answer)
    await deciding.unsubscribe()
    desk.settings = replace(desk.settings, decision_wait=0.05)
    again = replace(first, id=uuid.uuid4())
    assert await desk.ask_once(0, again) == (again.id, None)


async def test_slots_asked_for_together_are_looked_up_by_one_query(desk, monkeypatch):
    queries = []

    async def venues(slot_ids):
        queries.append(slot_ids)
        return dict.fromkeys(slot_ids, "library")

    known = [uuid.uuid4() for _ in range(100)]
    monkeypatch.setattr(records, "venue_of_slots", venues)
    desk = Desk(desk.settings, desk.gatherer)
    assert await asyncio.gather(*map(desk.partition_of, known)) == [0] * 100
    assert await asyncio.gather(*map(desk.partition_of, known)) == [0] * 100
    assert len(queries) == 1


async def test_a_slot_that_does_not_exist_is_not_found(desk, monkeypatch):
    async def nothing(_):
        return {}

    monkeypatch.setattr(records, "venue_of_slots", nothing)
    with pytest.raises(NotFound):
        await Desk(desk.settings, desk.gatherer).partition_of(uuid.uuid4())
