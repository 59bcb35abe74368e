"""Facts become calendars and messages, once, whatever happens to positions and processes."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from openyard_events import bus, subjects
from openyard_platform import clock, ids
from openyard_platform.settings import Settings
from openyard_platform.store import engine, readers
from openyard_platform.store import feeds as records
from openyard_workers.consumers.feeds import Feeds
from openyard_workers.consumers.notifier import Notifier
from openyard_workers.jobs import queue
from tests.integration.nats_server import NatsServer
from tests.integration.projection_stage import (
    Stage,
    drop_positions,
    fragments,
    projecting,
    reached,
    stage,
)

BASE_URL = "https://openyard.example"


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
    for stream in (subjects.FACT_STREAM, subjects.DLQ_STREAM):
        try:
            await nc.jetstream().delete_stream(stream)
        except Exception as error:  # noqa: BLE001 - the first test finds none
            assert "not found" in str(error)  # noqa: PT017
    async with stage(postgres.fresh("projector"), nc) as made:
        yield made


@pytest.fixture(scope="module")
def settings(valkey) -> Settings:
    return Settings(
        database_url="unused",
        nats_url="unused",
        redis_url=valkey.url,
        secret_key="s" * 64,
        base_url=BASE_URL,
    )


@pytest.fixture
def feeds(settings) -> Feeds:
    return Feeds(settings, seats_every=0)


@pytest.fixture
async def notifier(settings):
    connection = queue.connect(settings.redis_url)
    yield Notifier(settings, connection)
    await queue.close(connection)


async def messages() -> list[tuple[str, str]]:
    rows = await engine.fetch("SELECT kind, dedupe FROM notification ORDER BY created_at, id")
    return [(row["kind"], row["dedupe"]) for row in rows]


async def dead_letters(on_stage: Stage, consumer: str) -> list[tuple[bytes, str]]:
    info = await on_stage.js.stream_info(subjects.DLQ_STREAM)
    found = []
    for sequence in range(1, info.state.last_seq + 1):
        message = await on_stage.js.get_msg(subjects.DLQ_STREAM, sequence)
        if message.subject == subjects.dead_letter(f"fact-{consumer}"):
            found.append((message.data, message.headers["Openyard-Reason"]))
    return found


async def test_an_open_slot_stands_in_its_venues_feed_with_the_seats_left(on_stage, feeds):
    slot = await on_stage.offer("a", capacity=40)
    family = await on_stage.family()
    await on_stage.decide(family.reserve(slot, 3))
    await on_stage.project(feeds)
    (body,) = await fragments(on_stage.venue_id)
    text = body.replace(b"\r\n ", b"").decode()
    assert "SUMMARY:周末篮球开放" in text
    assert "余位 37 / 40" in text
    assert "LOCATION:市图书馆 大厅（文昌路 1 号）" in text
    assert "TRANSP:TRANSPARENT" in text


async def test_a_calendar_that_everybody_reads_counts_no_seats_that_are_kept(on_stage, feeds):
    kept = [{"audience": "school", "seats": 30, "release_hours": 72}]
    await on_stage.offer("a", capacity=40, allotments=kept)
    await on_stage.project(feeds)
    (body,) = await fragments(on_stage.venue_id)
    assert "余位 10 / 40，另为学校保留 30" in body.replace(b"\r\n ", b"").decode()


async def seats_left(on_stage: Stage) -> str:
    (body,) = await fragments(on_stage.venue_id)
    return body.replace(b"\r\n ", b"").decode().partition("余位 ")[2].partition(" ")[0]


async def test_seats_that_change_often_are_written_now_and_then(on_stage, settings):
    slot = await on_stage.offer("a", capacity=40)
    first, second = await on_stage.families(2)
    feeds = Feeds(settings, seats_every=1.5)
    await on_stage.decide(first.reserve(slot, 3))
    await on_stage.project(feeds)
    assert await seats_left(on_stage) == "37"

    await on_stage.decide(second.reserve(slot, 2))
    last = await on_stage.relay()
    async with projecting(on_stage.nc, [feeds]):
        await reached(feeds.name, last)
        # One's own is there at once.
        assert len(await fragments(second.family_id)) == 1
        assert await seats_left(on_stage) == "37"
        # Though no further fact comes.
        async with asyncio.timeout(10):
            while await seats_left(on_stage) != "35":  # noqa: ASYNC110 - another task writes it
                await asyncio.sleep(0.05)


async def test_what_a_venue_states_does_not_wait(on_stage, settings):
    slot = await on_stage.offer("a", capacity=40)
    family = await on_stage.family()
    feeds = Feeds(settings, seats_every=3600)
    await on_stage.decide(family.reserve(slot, 3))
    await on_stage.project(feeds)
    await on_stage.offer("a", 2, capacity=50)
    await on_stage.project(feeds)
    assert await seats_left(on_stage) == "47"


async def test_a_confirmed_reservation_stands_in_its_holders_feed_and_a_waiting_one_does_not(
    on_stage, feeds
):
    slot = await on_stage.offer("a", capacity=2)
    sure, waiting = await on_stage.families(2)
    made = sure.reserve(slot, 2)
    await on_stage.decide(made, waiting.reserve(slot, 1))
    await on_stage.project(feeds)
    (body,) = await fragments(sure.family_id)
    assert f"UID:reservation-{made.id}@openyard".encode() in body.replace(b"\r\n ", b"")
    assert b"CLASS:PRIVATE" in body
    assert await fragments(waiting.family_id) == []


async def test_who_accepts_an_offer_finds_the_event_in_its_calendar(on_stage, feeds):
    slot = await on_stage.offer("a", capacity=2)
    first, second = await on_stage.families(2)
    made, waiting = first.reserve(slot, 2), second.reserve(slot, 2)
    await on_stage.decide(made, waiting)
    await on_stage.project(feeds)
    await on_stage.decide(first.cancel(made.id))
    await on_stage.project(feeds)
    assert await fragments(second.family_id) == []
    await on_stage.decide(second.accept(waiting.id))
    await on_stage.project(feeds)
    (body,) = await fragments(second.family_id)
    assert b"STATUS:CONFIRMED" in body


async def test_who_has_to_give_way_finds_the_event_cancelled_and_later_there_again(on_stage, feeds):
    slot = await on_stage.offer("a", capacity=2)
    first, last = await on_stage.families(2)
    stays, goes = first.reserve(slot, 1), last.reserve(slot, 1)
    await on_stage.decide(stays, goes)
    await on_stage.project(feeds)
    await on_stage.offer("a", 2, capacity=1, overbooked="latest_wait")
    await on_stage.project(feeds)
    (body,) = await fragments(last.family_id)
    assert b"STATUS:CANCELLED" in body
    (kept,) = await fragments(first.family_id)
    assert b"STATUS:CONFIRMED" in kept
    await on_stage.offer("a", 3, capacity=2)
    await on_stage.decide(last.accept(goes.id))
    await on_stage.project(feeds)
    (again,) = await fragments(last.family_id)
    assert b"STATUS:CONFIRMED" in again
    assert _sequence(again) > _sequence(body) > _sequence(kept)


def _sequence(body: bytes) -> int:
    return int(body.partition(b"SEQUENCE:")[2].partition(b"\r\n")[0])


async def test_a_cancelled_reservation_says_so_with_a_higher_sequence(on_stage, feeds):
    slot = await on_stage.offer("a")
    family = await on_stage.family()
    made = family.reserve(slot, 1)
    await on_stage.decide(made)
    await on_stage.project(feeds)
    (before,) = await fragments(family.family_id)
    await on_stage.decide(family.cancel(made.id))
    await on_stage.project(feeds)
    (after,) = await fragments(family.family_id)
    assert b"STATUS:CANCELLED" in after
    assert "SUMMARY:【已取消】周末篮球开放".encode() in after
    assert sequence_of(after) > sequence_of(before)


async def test_a_withdrawn_slot_is_shown_cancelled_to_the_public_and_to_its_holders(
    on_stage, feeds
):
    slot = await on_stage.offer("a")
    family = await on_stage.family()
    await on_stage.decide(family.reserve(slot, 1))
    await on_stage.withdraw("a", 2)
    await on_stage.project(feeds)
    for owner in (on_stage.venue_id, family.family_id):
        (body,) = await fragments(owner)
        assert b"STATUS:CANCELLED" in body


async def test_who_only_waited_and_gave_up_never_finds_it_in_the_calendar(on_stage, feeds):
    slot = await on_stage.offer("a", capacity=1)
    first, second = await on_stage.families(2)
    waiting = second.reserve(slot, 1)
    await on_stage.decide(first.reserve(slot, 1), waiting)
    await on_stage.decide(second.cancel(waiting.id))
    await on_stage.project(feeds)
    assert await fragments(second.family_id) == []


async def test_a_changed_title_reaches_all_who_are_booked(on_stage, feeds):
    slot = await on_stage.offer("a")
    families = await on_stage.families(3)
    await on_stage.decide(*(family.reserve(slot, 1) for family in families))
    await on_stage.project(feeds)
    await on_stage.offer("a", 2, title="周末羽毛球", description="请穿运动鞋")
    await on_stage.project(feeds)
    for family in families:
        (body,) = await fragments(family.family_id)
        assert "周末羽毛球".encode() in body
        assert "请穿运动鞋".encode() in body


async def test_a_strangers_booking_leaves_a_familys_feed_as_it_was(on_stage, feeds):
    slot = await on_stage.offer("a")
    family, stranger = await on_stage.families(2)
    await on_stage.decide(family.reserve(slot, 1))
    await on_stage.project(feeds)
    before = await state_of(family.family_id)
    await on_stage.decide(stranger.reserve(slot, 1))
    await on_stage.project(feeds)
    assert await state_of(family.family_id) == before


async def test_three_hundred_facts_of_one_slot_change_its_public_feed_once(on_stage, feeds):
    slot = await on_stage.offer("a", capacity=40)
    await on_stage.project(feeds)
    (revision, _) = await state_of(on_stage.venue_id)
    families = await on_stage.families(300)
    await on_stage.decide(*(family.reserve(slot, 1) for family in families))
    await on_stage.project(feeds)
    after, _ = await state_of(on_stage.venue_id)
    # The facts may come in as two batches; then the second finds the fragment up to date.
    assert after == revision + 1


async def test_dropping_the_positions_changes_no_feed_and_sends_no_second_message(
    on_stage, feeds, notifier
):
    slot = await on_stage.offer("a", capacity=2)
    other = await on_stage.offer("b")
    families = await on_stage.families(4)
    asked = [family.reserve(slot, 1) for family in families]
    await on_stage.decide(*asked)
    await on_stage.decide(families[0].cancel(asked[0].id), families[3].cancel(asked[3].id))
    await on_stage.decide(families[3].reserve(other, 2))
    await on_stage.offer("a", 2, title="改名")
    await on_stage.withdraw("b", 2)
    await on_stage.project(feeds, notifier)
    owners = [on_stage.venue_id, *(family.family_id for family in families)]
    before = [(await fragments(owner), await state_of(owner)) for owner in owners]
    told = await messages()
    await drop_positions()
    await on_stage.project(feeds, notifier)
    assert [(await fragments(owner), await state_of(owner)) for owner in owners] == before
    assert await messages() == told


async def test_feeds_built_anew_from_nothing_are_the_same_bytes(on_stage, feeds):
    slot = await on_stage.offer("a", capacity=2)
    families = await on_stage.families(3)
    asked = [family.reserve(slot, 1) for family in families]
    await on_stage.decide(*asked)
    await on_stage.project(feeds)
    await on_stage.decide(families[0].cancel(asked[0].id))
    await on_stage.project(feeds)
    owners = [on_stage.venue_id, *(family.family_id for family in families)]
    before = [await fragments(owner) for owner in owners]
    old_revision, _ = await state_of(on_stage.venue_id)
    await engine.run_script("DELETE FROM feed_fragment; DELETE FROM feed_state;")
    await drop_positions()
    await on_stage.project(feeds)
    assert [await fragments(owner) for owner in owners] == before
    # But never under a revision that somebody may still hold with other contents.
    assert (await state_of(on_stage.venue_id))[0] > old_revision


async def test_a_running_projector_notices_that_its_position_was_dropped(on_stage, feeds):
    await on_stage.offer("a")
    last = await on_stage.relay()
    async with projecting(on_stage.nc, [feeds]):
        await reached("feeds", last)
        await engine.run_script("DELETE FROM feed_fragment; DELETE FROM reader;")
        await reached("feeds", last)
        assert len(await fragments(on_stage.venue_id)) == 1


async def test_a_fact_stream_made_anew_is_read_from_its_first_message(on_stage, feeds):
    await on_stage.offer("a")
    await on_stage.offer("b")
    await on_stage.project(feeds)
    await on_stage.js.delete_stream(subjects.FACT_STREAM)
    await bus.ensure_streams(on_stage.js, 1)
    await on_stage.offer("c")
    await on_stage.project(feeds)
    assert len(await fragments(on_stage.venue_id)) == 3
    assert (await readers.load("feeds")).sequence == 1


async def applied_by_two(on_stage, settings) -> list[str]:
    """The facts that two projectors at once have committed, of 121."""
    slot = await on_stage.offer("a", capacity=40)
    families = await on_stage.families(120)
    twins = [Counting(settings), Counting(settings)]
    async with projecting(on_stage.nc, twins):
        for start in range(0, 120, 10):
            await on_stage.decide(
                *(family.reserve(slot, 1) for family in families[start : start + 10])
            )
            last = await on_stage.relay()
            await asyncio.sleep(0.05)
        await reached("feeds", last)
        await asyncio.sleep(0.2)
    return [fact for twin in twins for fact in twin.committed]


async def test_two_projectors_at_once_apply_each_fact_once(on_stage, settings):
    committed = await applied_by_two(on_stage, settings)
    assert len(committed) == len(set(committed)) == 121


async def test_without_the_fence_two_projectors_would_apply_facts_twice(
    on_stage, settings, monkeypatch
):
    async def unfenced(position, sequence):
        await engine.fetch(
            "UPDATE reader SET sequence = greatest(sequence, $2) WHERE name = $1",
            position.name,
            sequence,
        )
        return msgspec.structs.replace(position, sequence=sequence)

    monkeypatch.setattr(readers, "advance", unfenced)
    committed = await applied_by_two(on_stage, settings)
    assert len(committed) > len(set(committed))


async def test_a_poison_fact_goes_to_the_dead_letters_and_its_neighbours_go_on(
    on_stage, feeds, notifier
):
    family = await on_stage.family()
    slot = await on_stage.offer("a")
    await on_stage.relay()
    for poison in (b"{broken", b'{"type": "openyard.unheard.of.v1"}', b"\xff\xfe"):
        await on_stage.js.publish("fact.chengzhong.slot.opened", poison)
    await on_stage.decide(family.reserve(slot, 1))
    await on_stage.project(feeds, notifier)
    assert len(await fragments(family.family_id)) == 1
    assert [kind for kind, _ in await messages()] == ["confirmed"]
    for consumer in ("feeds", "notifier"):
        letters = await dead_letters(on_stage, consumer)
        assert [data for data, _ in letters] == [
            b"{broken",
            b'{"type": "openyard.unheard.of.v1"}',
            b"\xff\xfe",
        ]
        assert all("fact.chengzhong.slot.opened" in reason for _, reason in letters)


async def test_a_fact_that_cannot_be_applied_is_put_aside_alone(on_stage, settings):
    consumer = Choking(settings)
    await on_stage.offer("a")
    bad = await on_stage.offer("bad")
    await on_stage.offer("c")
    consumer.chokes_on = bad
    await on_stage.project(consumer)
    assert len(await fragments(on_stage.venue_id)) == 2
    ((data, reason),) = await dead_letters(on_stage, "feeds")
    assert str(bad).encode() in data
    assert "too hot" in reason


async def test_everybody_concerned_is_told_once_and_who_was_refused_is_not(on_stage, notifier):
    slot = await on_stage.offer("a", capacity=1)
    first, second, third = await on_stage.families(3)
    made, waiting = first.reserve(slot, 1), second.reserve(slot, 1)
    await on_stage.decide(made, waiting, third.reserve(slot, 1, waitlist=False))
    await on_stage.decide(first.cancel(made.id))
    await on_stage.decide(second.accept(waiting.id))
    await on_stage.offer("a", 2, title="改名", capacity=1)
    await on_stage.withdraw("a", 3)
    await on_stage.project(notifier)
    assert [kind for kind, _ in await messages()] == [
        "confirmed",
        "waitlisted",
        "cancelled",
        "offered",
        "promoted",
        "slot_changed",
        "slot_withdrawn",
    ]


async def test_a_message_for_an_account_that_is_gone_holds_nobody_up(on_stage, notifier):
    slot = await on_stage.offer("a")
    family, gone = await on_stage.families(2)
    await on_stage.decide(gone.reserve(slot, 1, account_id=ids.new()), family.reserve(slot, 1))
    await on_stage.project(notifier)
    assert len(await messages()) == 1


class Counting(Feeds):
    """Counts what its transactions have committed."""

    def __init__(self, settings) -> None:
        super().__init__(settings)
        self.committed: list[str] = []
        self._pending: list[str] = []

    async def apply(self, facts) -> None:
        await super().apply(facts)
        self._pending = [f"{fact.slot_id}:{fact.slot_revision}" for fact in facts]

    async def settled(self) -> None:
        self.committed += self._pending
        self._pending = []


class Choking(Feeds):
    """Cannot stomach one slot."""

    chokes_on = None

    async def apply(self, facts) -> None:
        await super().apply(facts)
        if any(fact.slot_id == self.chokes_on for fact in facts):
            raise ValueError("too hot")


async def state_of(owner_id) -> tuple[int, object]:
    row = await engine.fetch_one(
        "SELECT revision, updated_at FROM feed_state WHERE owner_id = $1", owner_id
    )
    return (0, None) if row is None else (row["revision"], row["updated_at"])


def sequence_of(body: bytes) -> int:
    (line,) = [line for line in body.split(b"\r\n") if line.startswith(b"SEQUENCE:")]
    return int(line.removeprefix(b"SEQUENCE:"))


async def test_busy_time_stands_in_no_calendar(on_stage, settings):
    busy = await on_stage.offer("meeting", kind="busy")

    await on_stage.project(Feeds(settings, seats_every=0))
    behind = await records.behind(clock.now())

    assert await fragments(on_stage.venue_id) == []
    assert busy not in behind
