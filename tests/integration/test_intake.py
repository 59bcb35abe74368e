"""From a venue's message to its receipt: real NATS, real PostgreSQL, the real deciders."""

import asyncio
import contextlib
import datetime as dt
import json
import uuid
from collections.abc import AsyncIterator

import msgspec
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from openyard_events import bus
from openyard_events.contracts import Receipt, SlotOffered, SlotWithdrawn
from openyard_events.publisher import SlotPublisher
from openyard_platform.settings import Settings
from openyard_platform.store import engine, partitions, receipts
from openyard_workers.deciders import Decider
from openyard_workers.intake import Intake
from tests.integration.nats_server import NatsServer

USERS = """
authorization { users: [
  { user: openyard, password: platform }
  { user: mute, password: platform, permissions: { publish: { deny: "reply.>" } } }
] }
"""
SATURDAY = dt.datetime(2027, 3, 6, 1, tzinfo=dt.UTC)
VENUES = {"museum": uuid.uuid4(), "library": uuid.uuid4()}
BODY = {
    "external_id": "a",
    "version": 1,
    "space": "hall",
    "starts_at": "2027-03-06T09:00:00+08:00",
    "ends_at": "2027-03-06T10:00:00+08:00",
    "capacity": 40,
    "title": "周末开放",
}


def slot(hour: int = 0, **changes) -> SlotOffered:
    starts_at = SATURDAY + dt.timedelta(hours=hour)
    return msgspec.structs.replace(
        SlotOffered(
            external_id=uuid.uuid4().hex,
            version=1,
            space="hall",
            starts_at=starts_at,
            ends_at=starts_at + dt.timedelta(hours=1),
            capacity=40,
            title="周末开放",
        ),
        **changes,
    )


class Platform:
    """A server of its own, a database, intake and deciders that can be stopped and started."""

    def __init__(self, server: NatsServer, nc: Client, mute: Client, settings: Settings) -> None:
        self.server = server
        self.nc = nc
        self.mute = mute  # may not answer anybody
        self.js = nc.jetstream()
        self.settings = settings
        self.venues = SlotPublisher(nc, patience=20)
        self.told: list[tuple[str, Receipt]] = []
        self._stops: dict[str, tuple[asyncio.Event, list[asyncio.Task]]] = {}
        self.hours = iter(range(10_000))

    async def hear(self, message: Msg) -> None:
        self.told.append((message.subject, msgspec.json.decode(message.data, type=Receipt)))

    def start(self, name: str) -> None:
        stop = asyncio.Event()
        if name == "intake":
            works = [Intake(self.settings, self.nc)]
        else:
            nc = self.mute if name == "mute decider" else self.nc
            works = [
                Decider(self.settings, nc, number, at_home=True)
                for number in range(self.settings.partitions)
            ]
        self._stops[name] = stop, [asyncio.create_task(work.serve(stop)) for work in works]

    async def stop(self, name: str) -> None:
        stop, tasks = self._stops.pop(name)
        stop.set()
        await asyncio.gather(*tasks)

    async def kill(self, name: str) -> None:
        """As a process that dies: nothing is finished, nothing is said."""
        _, tasks = self._stops.pop(name)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def stop_all(self) -> None:
        for name in list(self._stops):
            await self.stop(name)

    async def say(self, data: bytes | dict, key: str = "museum", verb: str = "offered", **headers):
        """A raw message; its sequence in the stream."""
        raw = data if isinstance(data, bytes) else json.dumps(data).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        ack = await self.js.publish(f"venue.{key}.slot.{verb}", raw, headers=named or None)
        return ack.seq

    async def receipt(self, subject: str, seconds: float = 10, skip: int = 0) -> Receipt:
        async with asyncio.timeout(seconds):
            while True:
                found = [receipt for told, receipt in self.told if told == subject][skip:]
                if found:
                    return found[0]
                await asyncio.sleep(0.01)

    async def position(self) -> int:
        row = await engine.fetch_one("SELECT sequence FROM reader WHERE name = 'intake'")
        return row["sequence"]

    async def settled(self, seconds: float = 10) -> None:
        """Until the intake's position stands at the stream's end."""
        last = (await self.js.stream_info("VENUE")).state.last_seq
        async with asyncio.timeout(seconds):
            while await self.position() < last:  # noqa: ASYNC110
                await asyncio.sleep(0.02)


async def _populate() -> None:
    await engine.fetch("INSERT INTO district (key, name, ordinal) VALUES ('yufeng', '鱼峰区', 1)")
    for key, venue_id in VENUES.items():
        await engine.fetch(
            "INSERT INTO organisation (id, key, name, kind, district_key)"
            " VALUES ($1, $2, $2, 'venue', 'yufeng')",
            venue_id,
            key,
        )
        await engine.fetch(
            "INSERT INTO space (id, organisation_id, key, name) VALUES ($1, $2, 'hall', 'Hall')",
            uuid.uuid4(),
            venue_id,
        )


@pytest.fixture(scope="module")
async def platform(tmp_path_factory, database_url) -> AsyncIterator[Platform]:
    async with NatsServer(tmp_path_factory.mktemp("nats"), extra=USERS) as server:
        settings = Settings(
            database_url=database_url,
            nats_url=server.url,
            redis_url="redis://unused",
            secret_key="x" * 32,
            partitions=2,
            lease_seconds=1,
        )
        await engine.connect(database_url)
        await _populate()
        nc = await bus.connect(server.url, name="test", login=("openyard", "platform"))
        mute = await bus.connect(server.url, name="mute", login=("mute", "platform"))
        await bus.ensure_streams(nc.jetstream(), settings.partitions)
        await partitions.ensure(settings.partitions)
        platform = Platform(server, nc, mute, settings)
        await nc.subscribe("receipt.>", cb=platform.hear)
        platform.start("decider")
        platform.start("intake")
        yield platform
        await platform.stop_all()
        await mute.close()
        await nc.close()
        await engine.disconnect()


async def slots(external_id: str) -> list:
    return await engine.fetch("SELECT * FROM slot WHERE external_id = $1", external_id)


async def test_an_offered_slot_is_decided_and_answered(platform):
    offered = slot(next(platform.hours))

    receipt = await platform.venues.publish("museum", offered, ce_id="hello")

    [row] = await slots(offered.external_id)
    assert receipt == Receipt(id="hello", status="accepted", slot_id=row["id"], version=1)
    assert (row["status"], row["capacity"]) == ("open", 40)
    assert await receipts.stored([(VENUES["museum"], "hello")]) == {
        (VENUES["museum"], "hello"): receipt
    }


async def test_versions_decide_what_is_a_change_and_what_a_duplicate(platform):
    offered = slot(next(platform.hours))
    first = await platform.venues.publish("museum", offered)
    again = await platform.venues.publish("museum", offered)
    higher = msgspec.structs.replace(offered, version=3, capacity=50)
    changed = await platform.venues.publish("museum", higher, changed=True)
    lower = await platform.venues.publish("museum", msgspec.structs.replace(offered, version=2))
    withdrawn = await platform.venues.publish(
        "museum", SlotWithdrawn(external_id=offered.external_id, version=4)
    )

    states = [(one.status, one.version) for one in (first, again, changed, lower, withdrawn)]
    assert states == [
        ("accepted", 1),
        ("duplicate", 1),
        ("accepted", 3),
        ("duplicate", 3),
        ("accepted", 4),
    ]
    [row] = await slots(offered.external_id)
    assert (row["status"], row["capacity"], row["version"]) == ("withdrawn", 50, 4)


async def test_a_repeated_id_has_the_first_answer_and_no_second_effect(platform):
    hour = next(platform.hours)
    offered = slot(hour)
    first = await platform.venues.publish("museum", offered, ce_id="once")
    other = msgspec.structs.replace(offered, version=9, capacity=1)

    assert await platform.venues.publish("museum", other, ce_id="once") == first

    [row] = await slots(offered.external_id)
    assert (row["version"], row["capacity"]) == (1, 40)


async def test_two_venues_may_use_the_same_id(platform):
    hour = next(platform.hours)
    both = await asyncio.gather(
        platform.venues.publish("museum", slot(hour), ce_id="same"),
        platform.venues.publish("library", slot(hour), ce_id="same"),
    )

    assert [receipt.status for receipt in both] == ["accepted", "accepted"]
    assert both[0].slot_id != both[1].slot_id


async def test_the_same_event_twice_in_one_breath_is_decided_once_and_answered_twice(platform):
    offered = slot(next(platform.hours))
    body = msgspec.json.encode(offered)
    await asyncio.gather(*(platform.say(body, ce_id="breath") for _ in range(5)))

    for number in range(5):
        receipt = await platform.receipt("receipt.museum.breath", skip=number)
        assert receipt.status == "accepted"
    assert len(await slots(offered.external_id)) == 1


async def test_a_space_that_is_taken_or_unknown_is_refused(platform):
    hour = next(platform.hours)
    await platform.venues.publish("museum", slot(hour))

    taken = await platform.venues.publish("museum", slot(hour))
    unknown = await platform.venues.publish("museum", slot(hour, space="cellar"))

    assert (taken.status, [one.code for one in taken.errors]) == ("refused", ["space_occupied"])
    assert (unknown.status, [one.code for one in unknown.errors]) == ("refused", ["space_unknown"])


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"{", "malformed_json"),
        (BODY | {"seats": 4}, "unknown_field"),
        (BODY | {"capacity": -1}, "out_of_range"),
        (BODY | {"starts_at": "2027-03-06T09:00:00"}, "zone_missing"),
        (BODY | {"ends_at": "2027-03-06T08:00:00+08:00"}, "ends_before_start"),
        (BODY | {"title": "\0"}, "illegal_character"),
        (BODY | {"\0": 1}, "unknown_field"),
        (b"x" * 70_000, "too_large"),
    ],
)
async def test_a_bad_message_is_refused_and_changes_nothing(platform, data, code):
    identity = uuid.uuid4().hex
    before = await engine.fetch_one("SELECT count(*) FROM slot")

    await platform.say(data, ce_id=identity)
    receipt = await platform.receipt(f"receipt.museum.{identity}")

    assert receipt.status == "refused"
    assert [error.code for error in receipt.errors] == [code]
    assert await engine.fetch_one("SELECT count(*) FROM slot") == before
    stored = await receipts.stored([(VENUES["museum"], identity)])
    assert list(stored.values()) == [receipt]


@pytest.mark.parametrize("headers", [{}, {"ce_id": "a b"}, {"ce_id": "*"}])
async def test_without_a_legal_id_the_receipt_is_named_by_the_sequence(platform, headers):
    sequence = await platform.say(BODY, **headers)

    receipt = await platform.receipt(f"receipt.museum.seq-{sequence}")

    assert receipt.status == "refused"
    assert receipt.errors[0].path == "ce-id"


async def test_a_right_message_with_the_id_of_a_refused_one_is_refused_too(platform):
    await platform.say(b"{", ce_id="burnt")
    refused = await platform.receipt("receipt.museum.burnt")

    again = await platform.venues.publish("museum", slot(next(platform.hours)), ce_id="burnt")

    assert again == refused


async def test_of_a_right_and_a_wrong_message_with_one_id_the_first_counts(platform):
    body = msgspec.json.encode(slot(next(platform.hours)))
    await platform.stop("intake")
    await platform.say(body, ce_id="both")
    await platform.say(b"{", ce_id="both")
    platform.start("intake")

    for number in range(2):
        assert (await platform.receipt("receipt.museum.both", skip=number)).status == "accepted"


async def test_a_message_of_no_known_venue_goes_to_the_dead_letters(platform):
    before = (await platform.js.stream_info("DLQ")).state.messages
    await platform.say(BODY, key="nobody", ce_id="x")
    await platform.settled()

    info = await platform.js.stream_info("DLQ")
    assert info.state.messages == before + 1
    last = await platform.js.get_msg("DLQ", info.state.last_seq)
    assert last.subject == "dlq.intake"
    assert "venue.nobody.slot.offered" in last.headers["Openyard-Reason"]


async def test_a_venues_messages_keep_their_order(platform):
    hours = [next(platform.hours) for _ in range(150)]
    versions = [slot(hours[0], external_id="ordered", version=n) for n in range(1, 151)]

    for version in versions:
        await platform.nc.publish(
            "venue.museum.slot.offered",
            msgspec.json.encode(version),
            headers={"ce-id": f"ordered-{version.version}"},
        )
    await platform.nc.flush()
    last = await platform.receipt("receipt.museum.ordered-150")

    assert last.status == "accepted"
    told = [receipt for subject, receipt in platform.told if ".ordered-" in subject]
    assert [receipt.version for receipt in told] == list(range(1, 151))
    assert {receipt.status for receipt in told} == {"accepted"}


async def test_an_intake_that_dies_goes_on_where_it_was(platform):
    sent = []
    for number in range(60):
        offered = slot(next(platform.hours), external_id=f"death-{number}")
        sent.append(offered)
        await platform.say(msgspec.json.encode(offered), ce_id=f"death-{number}")
        if number in (10, 30, 50):
            await platform.kill("intake")
            platform.start("intake")

    for number in range(60):
        receipt = await platform.receipt(f"receipt.museum.death-{number}")
        assert receipt.status == "accepted"
    rows = await engine.fetch("SELECT version FROM slot WHERE external_id LIKE 'death-%'")
    assert len(rows) == 60
    await platform.settled()


async def test_what_comes_while_the_deciders_are_away_is_answered_when_they_are_back(platform):
    await platform.kill("decider")
    offering = [
        asyncio.create_task(platform.venues.publish("museum", slot(next(platform.hours))))
        for _ in range(20)
    ]
    await asyncio.sleep(1)
    before = await platform.position()
    last = (await platform.js.stream_info("VENUE")).state.last_seq
    assert before < last

    platform.start("decider")

    assert {receipt.status for receipt in await asyncio.gather(*offering)} == {"accepted"}
    await platform.settled()


async def test_an_outcome_whose_answer_is_lost_is_found_in_the_database(platform):
    await platform.stop("decider")
    platform.start("mute decider")
    offered = slot(next(platform.hours))

    await platform.say(msgspec.json.encode(offered), ce_id="unheard")

    assert (await platform.receipt("receipt.museum.unheard")).status == "accepted"
    await platform.stop("mute decider")
    platform.start("decider")


async def test_a_killed_bus_loses_and_doubles_nothing(platform):
    offered = [slot(next(platform.hours), external_id=f"bus-{number}") for number in range(40)]

    async def publish() -> list[Receipt]:
        return [await platform.venues.publish("library", one) for one in offered]

    publishing = asyncio.create_task(publish())
    await asyncio.sleep(0.2)
    platform.server.kill()
    await asyncio.sleep(0.3)
    await platform.server.start()

    told = await publishing
    assert {receipt.status for receipt in told} <= {"accepted", "duplicate"}
    assert len({receipt.slot_id for receipt in told}) == 40
    rows = await engine.fetch("SELECT id FROM slot WHERE external_id LIKE 'bus-%'")
    assert len(rows) == 40
    await platform.settled()


async def test_a_full_command_stream_holds_back_and_then_goes_on_in_order(platform):
    await platform.kill("decider")
    configs = bus.stream_configs(2)
    for config in configs:
        if config.name.startswith("COMMAND"):
            await platform.js.update_stream(config.evolve(max_msgs=1))
    for number in range(3):
        offered = slot(5000, external_id="full", version=number)
        await platform.say(msgspec.json.encode(offered), ce_id=f"full-{number}")
        await asyncio.sleep(0.3)
    for config in configs:
        await platform.js.update_stream(config)
    platform.start("decider")

    for number in range(3):
        receipt = await platform.receipt(f"receipt.museum.full-{number}")
        assert (receipt.status, receipt.version) == ("accepted", number)


async def test_everything_read_anew_has_no_new_effect(platform):
    await platform.settled()
    before = await engine.fetch("SELECT id, version, revision, updated_at FROM slot ORDER BY id")
    facts = await engine.fetch_one("SELECT count(*) FROM outbox")
    platform.told.clear()

    await engine.fetch("DELETE FROM reader WHERE name = 'intake'")
    async with asyncio.timeout(20):
        while not platform.told:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    await platform.settled(20)

    after = await engine.fetch("SELECT id, version, revision, updated_at FROM slot ORDER BY id")
    assert after == before
    assert await engine.fetch_one("SELECT count(*) FROM outbox") == facts
    first = next(receipt for subject, receipt in platform.told if subject.endswith(".hello"))
    assert first.status == "accepted"


async def test_a_venue_stream_made_anew_is_read_from_its_start(platform):
    await platform.js.delete_stream("VENUE")
    await bus.ensure_streams(platform.js, 2)

    receipt = await platform.venues.publish("museum", slot(next(platform.hours)))

    assert receipt.status == "accepted"
    with contextlib.suppress(TimeoutError):
        await platform.settled(5)
    assert await platform.position() == 1


async def test_it_stops_though_a_cancellation_is_lost_where_it_meets_an_answer(
    platform, monkeypatch
):
    """As Python's own ``wait_for`` may lose one before 3.12."""
    settling, settle = asyncio.Event(), bus.settle

    async def deaf(nc: Client) -> None:
        settling.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(0.3)
        await settle(nc)

    await platform.stop("intake")
    monkeypatch.setattr(bus, "settle", deaf)
    platform.start("intake")
    await platform.venues.publish("museum", slot(next(platform.hours)))
    await asyncio.wait_for(settling.wait(), 10)
    try:
        await asyncio.wait_for(platform.stop("intake"), 10)
    finally:
        monkeypatch.undo()
        platform.start("intake")
    await platform.settled()
