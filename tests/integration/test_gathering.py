"""Commands gathered, accepted and answered over a real NATS server."""

import asyncio
import contextlib
import uuid

import pytest
from nats.js.api import DiscardPolicy, StreamConfig

from openyard_events import bus, commands, gathering, subjects
from openyard_events.commands import Cancel, Outcome, Replies, Reserve
from openyard_events.gathering import Gatherer, NotConnected, StreamRefused


def command() -> Cancel:
    known = uuid.uuid4()
    return Cancel(id=known, reservation_id=known, account_id=known, holder_id=known)


@pytest.fixture
async def line(nats):
    """A connection, and partition 0's stream, empty."""
    nc = await bus.connect(nats.url, name="test")
    js = nc.jetstream()
    with contextlib.suppress(Exception):
        await js.delete_stream(subjects.command_stream(0))
    await js.add_stream(
        StreamConfig(
            name=subjects.command_stream(0),
            subjects=[subjects.command(0)],
            discard=DiscardPolicy.NEW,
            max_msgs=5,
        )
    )
    yield nc, js
    await js.delete_stream(subjects.command_stream(0))
    await nc.close()


@pytest.fixture
async def gatherer(line):
    nc, js = line
    made = Gatherer(nc, js, f"test-{uuid.uuid4().hex[:8]}", 1)
    await made.start()
    yield made
    await made.stop()


async def batches(js) -> list[commands.CommandBatch]:
    info = await js.stream_info(subjects.command_stream(0))
    if not info.state.messages:
        return []
    return [
        commands.decode_batch((await js.get_msg(subjects.command_stream(0), number)).data)
        for number in range(info.state.first_seq, info.state.last_seq + 1)
    ]


async def stored(js, count: int) -> list[commands.CommandBatch]:
    for _ in range(200):
        found = await batches(js)
        if sum(len(batch.commands) for batch in found) >= count:
            return found
        await asyncio.sleep(0.01)
    raise AssertionError(f"Not {count} commands in the stream.")


async def test_commands_of_one_tick_travel_as_one_message(line, gatherer):
    asked = [command() for _ in range(20)]
    for one in asked:
        gatherer.submit(0, one)
    found = await stored(line[1], 20)
    assert len(found) == 1
    assert found[0].commands == asked


async def test_more_than_a_message_holds_goes_into_several_in_order(line, gatherer):
    asked = [command() for _ in range(300)]
    for one in asked:
        gatherer.submit(0, one)
    found = await stored(line[1], 300)
    assert all(len(batch.commands) <= commands.MAX_COMMANDS for batch in found)
    assert [one for batch in found for one in batch.commands] == asked


async def test_an_answer_finds_the_one_who_asked(line, gatherer):
    one, other = command(), command()
    futures = [gatherer.submit(0, one), gatherer.submit(0, other)]
    (batch,) = await stored(line[1], 2)
    answers = [Outcome(id=other.id, status="cancelled"), Outcome(id=one.id, status="refused")]
    replies = Replies(partition=0, sequence=1, outcomes=answers)
    await line[0].publish(subjects.reply(batch.reply_to), commands.encode(replies))
    assert [(await future).status for future in futures] == ["refused", "cancelled"]
    assert gatherer.undecided == 0


async def test_a_command_sent_again_while_undecided_has_the_same_answer(line, gatherer):
    one = command()
    futures = [gatherer.submit(0, one), gatherer.submit(0, one)]
    (batch,) = await stored(line[1], 2)
    replies = Replies(partition=0, sequence=1, outcomes=[Outcome(id=one.id, status="refused")])
    await line[0].publish(subjects.reply(batch.reply_to), commands.encode(replies))
    assert {(await future).status for future in futures} == {"refused"}
    assert gatherer.undecided == 0


async def test_a_command_that_was_accepted_once_is_not_said_to_be_refused(line, gatherer):
    _, js = line
    one = command()
    future = gatherer.submit(0, one)
    await stored(js, 1)
    for _ in range(4):
        await js.publish(subjects.command(0), b"x")
    gatherer.submit(0, one)
    with pytest.raises(StreamRefused):
        await gatherer.submit(0, command())
    assert not future.done()


async def test_a_full_stream_refuses_and_says_so(line, gatherer):
    nc, js = line
    for _ in range(5):
        await js.publish(subjects.command(0), b"x")
    with pytest.raises(StreamRefused):
        await gatherer.submit(0, command())
    assert nc.is_connected


async def test_without_a_connection_nothing_is_sent(nats, line):
    nc = await bus.connect(nats.url, name="gone")
    gatherer = Gatherer(nc, nc.jetstream(), "gone", 1)
    await nc.close()
    with pytest.raises(NotConnected):
        gatherer.submit(0, command())
    assert await batches(line[1]) == []


async def test_a_message_never_grows_beyond_its_bytes(line, gatherer):
    asked = [command() for _ in range(3)]
    wordy = [
        Reserve(
            id=uuid.uuid4(),
            slot_id=asked[0].id,
            account_id=asked[0].id,
            holder_id=asked[0].id,
            parties=(asked[0].id,),
            audiences=("family",),
            seats=1,
            note="长" * 9000,
        )
        for _ in range(8)
    ]
    for one in wordy:
        gatherer.submit(0, one)
    found = await stored(line[1], 8)
    assert len(found) > 1
    assert all(len(commands.encode(batch)) <= commands.MAX_BYTES for batch in found)
    assert [one for batch in found for one in batch.commands] == wordy


async def test_a_lost_acknowledgement_is_asked_for_again_and_nothing_is_stored_twice(line):
    nc, js = line

    class Lossy:
        """The stream's context, whose first acknowledgement gets lost on the way."""

        lost = 0

        async def publish(self, *args, **kwargs):
            ack = await js.publish(*args, **kwargs)
            if not self.lost:
                self.lost += 1
                raise TimeoutError
            return ack

    gatherer = Gatherer(nc, Lossy(), f"lossy-{uuid.uuid4().hex[:8]}", 1)
    await gatherer.start()
    asked = command()
    future = gatherer.submit(0, asked)
    await asyncio.sleep(0.4)
    assert not future.done()
    assert [batch.commands for batch in await batches(js)] == [[asked]]
    await gatherer.stop()
    assert future.cancelled()


async def test_it_stops_though_a_cancellation_meets_an_answer_and_is_lost(line, monkeypatch):
    class Deaf:
        """The stream's context, whose waiting swallows a cancellation, as ``wait_for`` may."""

        asked = lost = 0

        async def publish(self, *_args, **_kwargs):
            self.asked += 1
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                if self.lost:
                    raise
                self.lost += 1
                raise TimeoutError from None

    monkeypatch.setattr(gathering, "_FAREWELL", 0.2)
    deaf = Deaf()
    gatherer = Gatherer(line[0], deaf, f"deaf-{uuid.uuid4().hex[:8]}", 1)
    await gatherer.start()
    before = asyncio.all_tasks()
    future = gatherer.submit(0, command())
    await asyncio.wait_for(gatherer.stop(), 5)
    assert future.cancelled()
    assert deaf.lost == 1
    assert asyncio.all_tasks() <= before


async def test_what_was_gathered_still_leaves_when_it_stops_and_nothing_after_that(line):
    gatherer = Gatherer(*line, f"leaves-{uuid.uuid4().hex[:8]}", 1)
    await gatherer.start()
    asked = command()
    future = gatherer.submit(0, asked)
    await gatherer.stop()
    assert future.cancelled()
    assert [batch.commands for batch in await batches(line[1])] == [[asked]]
    with pytest.raises(NotConnected):
        gatherer.submit(0, command())


async def test_the_length_of_the_line_is_told(line, gatherer):
    asked = [command() for _ in range(6)]
    for one in asked:
        gatherer.submit(0, one)
    (batch,) = await stored(line[1], 6)
    last = command()
    gatherer.submit(0, last)
    await stored(line[1], 7)
    await asyncio.sleep(0.05)
    assert gatherer.queue_ahead(last.id) >= 1
    replies = Replies(partition=0, sequence=1, outcomes=[])
    await line[0].publish(subjects.reply(batch.reply_to), commands.encode(replies))
    await asyncio.sleep(0.05)
    assert gatherer.queue_ahead(last.id) == 0
    assert gatherer.queue_ahead(uuid.uuid4()) == 0


async def test_an_answer_that_was_lost_is_forgotten_and_not_waited_for_for_ever(line, monkeypatch):
    monkeypatch.setattr(gathering, "_FORGET_AFTER", 0.2)
    monkeypatch.setattr(gathering, "_SWEEP_EVERY", 0.05)
    gatherer = Gatherer(*line, f"forgets-{uuid.uuid4().hex[:8]}", 1)
    await gatherer.start()
    try:
        gatherer.submit(0, command())
        await stored(line[1], 1)
        assert gatherer.undecided == 1
        await asyncio.sleep(0.4)
        assert gatherer.undecided == 0
    finally:
        await gatherer.stop()


async def answer(line, gatherer, after: float) -> None:
    """Ask once more; the answer comes so many seconds later."""
    one = command()
    future = gatherer.submit(0, one)
    await asyncio.sleep(after)
    replies = Replies(partition=0, sequence=1, outcomes=[Outcome(id=one.id, status="refused")])
    await line[0].publish(subjects.reply(gatherer.instance), commands.encode(replies))
    await future


async def test_while_decisions_take_long_commands_wait_longer_for_each_other(line, gatherer):
    quiet = gatherer.tick
    for _ in range(3):
        await answer(line, gatherer, after=0.1)
    # An eighth of what they took of late: at least half of 100 ms after three of them.
    assert gatherer.tick > max(quiet, 0.05 / 8 * 0.9)
    for _ in range(2):
        await answer(line, gatherer, after=1.0)
    assert gatherer.tick == gathering.LONGEST_TICK


async def test_when_decisions_come_quickly_again_so_do_messages(line, gatherer):
    quiet = gatherer.tick
    await answer(line, gatherer, after=0.2)
    assert gatherer.tick > quiet
    for _ in range(40):
        await answer(line, gatherer, after=0)
    assert gatherer.tick == quiet
