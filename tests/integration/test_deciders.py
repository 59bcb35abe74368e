"""A decider on a real line: what was there before, what is broken, a line made anew."""

import asyncio
import contextlib
import uuid

import msgspec
import pytest

from openyard_events import bus, commands, subjects
from openyard_events.commands import CommandBatch, OfferSlot, Outcome, Reserve
from openyard_events.contracts import SlotOffered
from openyard_platform import ids
from openyard_platform.settings import BadSetting, Settings
from openyard_platform.store import engine, partitions
from openyard_workers import deciders
from tests.integration.slots_stage import at
from tests.integration.test_deciding import NOW, reserve

PARTITIONS = 1


class Place:
    """A venue, the line to its decider, and the answers."""

    def __init__(self, settings: Settings, nc, venue_id: uuid.UUID) -> None:
        self.settings = settings
        self.nc = nc
        self.js = nc.jetstream()
        self.venue_id = venue_id
        self.outcomes: dict[uuid.UUID, Outcome] = {}

    async def ask(self, *asked) -> None:
        batch = CommandBatch(reply_to="tester", commands=list(asked))
        await self.js.publish(subjects.command(0), commands.encode(batch))

    async def heard(self, message) -> None:
        for outcome in commands.decode_replies(message.data).outcomes:
            self.outcomes[outcome.id] = outcome

    async def outcome(self, asked) -> Outcome:
        for _ in range(1000):
            if asked.id in self.outcomes:
                return self.outcomes[asked.id]
            await asyncio.sleep(0.01)
        raise AssertionError("No outcome within ten seconds.")

    async def slot(self, capacity: int = 10) -> uuid.UUID:
        starts_at = at(3)
        offer = OfferSlot(
            id=ids.new(),
            venue_id=self.venue_id,
            venue_key="alpha",
            receipt_id=f"ce-{ids.new()}",
            slot=msgspec.convert(
                {
                    "external_id": "s",
                    "version": 1,
                    "space": "hall",
                    "starts_at": starts_at,
                    "ends_at": starts_at.replace(hour=13),
                    "capacity": capacity,
                    "title": "周末开放",
                },
                SlotOffered,
            ),
        )
        await self.ask(offer)
        made = (await self.outcome(offer)).slot_id
        assert made is not None
        return made

    @contextlib.asynccontextmanager
    async def deciding(self):
        stop = asyncio.Event()
        task = asyncio.create_task(deciders.run(self.settings, stop))
        try:
            yield
        finally:
            stop.set()
            await task


@pytest.fixture
async def place(postgres, nats, valkey):
    url = postgres.fresh("deciders")
    settings = Settings(
        database_url=url,
        nats_url=nats.url,
        redis_url=valkey.url,
        secret_key="x" * 40,
        partitions=PARTITIONS,
        lease_seconds=1.0,
    )
    await engine.connect(url, size=4)
    venue_id = ids.new()
    await engine.run_script(
        f"""
        INSERT INTO district VALUES ('chengzhong', '城中区', 1);
        INSERT INTO organisation (id, key, name, kind, district_key)
        VALUES ('{venue_id}', 'alpha', '市图书馆', 'venue', 'chengzhong');
        INSERT INTO space (id, organisation_id, key, name)
        VALUES ('{ids.new()}', '{venue_id}', 'hall', '大厅');
        """  # noqa: S608
    )
    nc = await bus.connect(nats.url, name="test")
    js = nc.jetstream()
    await bus.ensure_streams(js, PARTITIONS)
    await js.purge_stream(subjects.command_stream(0))
    await js.purge_stream(subjects.DLQ_STREAM)
    made = Place(settings, nc, venue_id)
    await nc.subscribe(subjects.reply("tester"), cb=made.heard)
    yield made
    for name in (subjects.command_stream(0), subjects.DLQ_STREAM):
        await js.delete_stream(name)
    await nc.close()
    await engine.disconnect()


async def test_what_was_accepted_before_the_decider_came_is_decided_in_order(place):
    async with place.deciding():
        slot = await place.slot(capacity=3)
    asked = [reserve(slot) for _ in range(5)]
    for one in asked:
        await place.ask(one)
    async with place.deciding():
        outcomes = [await place.outcome(one) for one in asked]
    assert [one.status for one in outcomes] == ["confirmed"] * 3 + ["waitlisted"] * 2
    assert [one.position for one in outcomes] == [1, 2, 3, 4, 5]


async def test_a_message_nobody_understands_is_put_aside_and_the_line_goes_on(place):
    async with place.deciding():
        slot = await place.slot()
        before, after = reserve(slot), reserve(slot)
        await place.ask(before)
        await place.js.publish(subjects.command(0), b"not msgpack")
        await place.ask(after)
        assert (await place.outcome(before)).position == 1
        assert (await place.outcome(after)).position == 2
    letter = await place.js.get_msg(subjects.DLQ_STREAM, 1)
    assert letter.data == b"not msgpack"
    assert letter.subject == "dlq.command-0"


async def test_a_command_that_cannot_be_written_fails_alone(place):
    async with place.deciding():
        slot = await place.slot()
        good, bad, later = reserve(slot), reserve(slot, seats=0), reserve(slot)
        await place.ask(good, bad, later)
        assert (await place.outcome(good)).status == "confirmed"
        assert (await place.outcome(bad)).status == "failed"
        assert (await place.outcome(later)).position == 2
    letter = await place.js.get_msg(subjects.DLQ_STREAM, 1)
    assert msgspec.msgpack.decode(letter.data, type=Reserve).id == bad.id
    assert "seats" in letter.headers["Openyard-Reason"]
    row = await engine.fetch_one("SELECT taken, decided FROM slot WHERE id = $1", slot)
    assert tuple(row) == (2, 2)


async def test_what_is_decided_wakes_the_relay(place):
    rings = await place.nc.subscribe(subjects.RELAY_BELL)
    async with place.deciding():
        slot = await place.slot()
        await rings.next_msg(5)
        await place.ask(reserve(slot))
        await rings.next_msg(5)
    await rings.unsubscribe()


@pytest.mark.usefixtures("place")
async def test_new_partitions_and_given_up_ones_wait_for_the_deciders_whose_home_they_are():
    await partitions.ensure(1)
    assert await partitions.take(0, "elsewhere", seconds=60, grace=60) is None
    taken = await partitions.take(0, "home", seconds=60, grace=0)
    assert taken is not None
    await partitions.release(taken[0])
    assert await partitions.take(0, "elsewhere", seconds=60, grace=60) is None
    assert await partitions.take(0, "home again", seconds=60, grace=0) is not None


async def test_fewer_partitions_than_there_were_are_refused(place):
    await partitions.ensure(2)
    with pytest.raises(BadSetting, match="OPENYARD_PARTITIONS is 1, but there are 2 already"):
        await deciders.run(place.settings, asyncio.Event())


async def test_a_line_that_was_lost_and_made_anew_is_read_from_its_beginning(place):
    async with place.deciding():
        slot = await place.slot()
        first = reserve(slot)
        await place.ask(first)
        await place.outcome(first)
    await place.js.delete_stream(subjects.command_stream(0))
    await bus.ensure_streams(place.js, PARTITIONS)
    second = reserve(slot)
    await place.ask(second)
    async with place.deciding():
        assert (await place.outcome(second)).position == 2


async def test_a_line_that_is_made_anew_under_way_is_read_on(place):
    async with place.deciding():
        slot = await place.slot()
        await place.js.delete_stream(subjects.command_stream(0))
        await bus.ensure_streams(place.js, PARTITIONS)
        asked = reserve(slot)
        await place.ask(asked)
        assert (await place.outcome(asked)).status == "confirmed"


async def test_the_time_of_a_decision_is_the_time_of_its_acceptance(place):
    async with place.deciding():
        slot = await place.slot()
    asked = reserve(slot)
    await place.ask(asked)
    accepted = (await place.js.get_last_msg(subjects.command_stream(0), subjects.command(0))).time
    await asyncio.sleep(0.2)
    async with place.deciding():
        outcome = await place.outcome(asked)
    assert accepted is not None
    assert outcome.decided_at is not None
    assert abs((outcome.decided_at - accepted).total_seconds()) < 0.001
    assert outcome.decided_at > NOW


async def test_decided_commands_leave_the_stream(place, monkeypatch):
    monkeypatch.setattr(deciders, "_PURGE_EVERY", 0.0)
    async with place.deciding():
        slot = await place.slot()
        asked = reserve(slot)
        await place.ask(asked)
        await place.outcome(asked)
        for _ in range(200):
            info = await place.js.stream_info(subjects.command_stream(0))
            if info.state.messages == 0:
                break
            await asyncio.sleep(0.01)
        assert info.state.messages == 0
        later = reserve(slot)
        await place.ask(later)
        assert (await place.outcome(later)).position == 2


async def test_a_line_that_lost_its_end_is_read_on_from_where_it_ends_now(place):
    async with place.deciding():
        slot = await place.slot()
    # As after a restore from a backup: the position is further than the stream.
    await engine.fetch("UPDATE partition SET sequence = 1000 WHERE no = 0")
    asked = reserve(slot)
    async with place.deciding():
        await asyncio.sleep(0.5)
        await place.ask(asked)
        assert (await place.outcome(asked)).status == "confirmed"
