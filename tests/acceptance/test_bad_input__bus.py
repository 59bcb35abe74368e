"""Bad messages on the bus: each a refused receipt with code and path, and nothing changes."""

import asyncio
import datetime as dt
import json
import uuid

import pytest
from msgspec import Struct

from openyard_events.contracts import Receipt, SlotOffered
from openyard_events.publisher import PublishRefused
from tests.acceptance.bad_messages import BODIES, ENVELOPES, HEADERS, ROOM, SOME_DAY, body, raw
from tests.acceptance.house import count, effects, last_of_venue, publisher, rows, with_space
from tests.acceptance.wire import Wire
from tests.stack import Stack


@pytest.fixture(scope="module")
def key(stack: Stack) -> str:
    return with_space(stack, ROOM)[0]


@pytest.fixture(scope="module")
def other(stack: Stack) -> str:
    return with_space(stack, ROOM)[1]


class Told(Struct, frozen=True, kw_only=True):
    """The receipts of every bad message, and whether anything else became of them."""

    bodies: dict[str, Receipt]
    headers: list[Receipt]
    envelopes: dict[str, Receipt]
    before: dict[str, str]
    after: dict[str, str]
    sequences: tuple[int, int]


@pytest.fixture(scope="module")
async def told(stack: Stack, key: str) -> Told:
    """All of it at once, over one raw connection."""
    before, mark = await effects(stack), uuid.uuid4().hex[:8]
    begun = await last_of_venue(stack)
    async with Wire(stack, key) as wire:
        ids = {name: f"{mark}-{number}" for number, name in enumerate([*BODIES, *ENVELOPES])}
        for name, (data, verb, _, _) in BODIES.items():
            await wire.publish(f"venue.{key}.slot.{verb}", data, {"ce-id": ids[name]})
        for name, (headers, _, _) in ENVELOPES.items():
            named = {"ce-id": ids[name], **headers}
            await wire.publish(f"venue.{key}.slot.offered", raw(), named)
        found = {name: (await wire.receipts(identity))[0] for name, identity in ids.items()}
        # All of those are stored, so these come right behind them.
        first = await last_of_venue(stack) + 1
        for headers, _ in HEADERS.values():
            await wire.publish(f"venue.{key}.slot.offered", raw(), headers)
        nameless = [
            (await wire.receipts(f"seq-{first + number}"))[0] for number in range(len(HEADERS))
        ]
        assert wire.complaints == []
    return Told(
        bodies={name: found[name] for name in BODIES},
        envelopes={name: found[name] for name in ENVELOPES},
        headers=nameless,
        before=before,
        after=await effects(stack),
        sequences=(begun, await last_of_venue(stack)),
    )


@pytest.mark.parametrize("name", BODIES)
def test_a_bad_body_is_refused_with_its_reason(told: Told, name: str):
    _, _, code, path = BODIES[name]
    receipt = told.bodies[name]
    assert (receipt.status, receipt.slot_id) == ("refused", None)
    assert (receipt.errors[0].code, receipt.errors[0].path) == (code, path)
    assert all(error.message for error in receipt.errors)


@pytest.mark.parametrize("name", ENVELOPES)
def test_a_bad_envelope_is_refused_with_its_reason(told: Told, name: str):
    _, code, path = ENVELOPES[name]
    receipt = told.envelopes[name]
    assert receipt.status == "refused"
    assert [(error.code, error.path) for error in receipt.errors] == [(code, path)]


@pytest.mark.parametrize("name", HEADERS)
def test_without_an_id_to_answer_under_the_sequence_stands_for_it(told: Told, name: str):
    receipt = told.headers[list(HEADERS).index(name)]
    assert receipt.status == "refused"
    assert [(error.code, error.path) for error in receipt.errors] == [(HEADERS[name][1], "ce-id")]


async def test_none_of_them_has_changed_anything(stack: Stack, told: Told, key: str):
    assert told.after == told.before
    # All of them stand in the stream: they were refused by us, and each is answered.
    first, last = told.sequences
    assert last - first == len(BODIES) + len(ENVELOPES) + len(HEADERS)
    receipts = [*told.bodies.values(), *told.envelopes.values(), *told.headers]
    (row,) = await rows(
        stack,
        """SELECT count(*) AS n FROM receipt r JOIN organisation o ON o.id = r.venue_id
           WHERE o.key = $1 AND r.id = ANY($2::text[]) AND r.status = 'refused'""",
        key,
        [receipt.id for receipt in receipts],
    )
    assert row["n"] == last - first


async def test_ten_megabytes_are_cut_off_before_they_are_stored(stack: Stack, key: str):
    before = (await effects(stack), await count(stack, "receipt"), await last_of_venue(stack))
    async with Wire(stack, key) as wire:
        await wire.publish(f"venue.{key}.slot.offered", b"x" * 10_000_000, {"ce-id": "huge"})
        await wire.settled()
        assert wire.complaints == ["'Maximum Payload Violation'"]
    slot = SlotOffered(
        **{name: value for name, value in body().items() if not name.endswith("_at")},
        starts_at=SOME_DAY,
        ends_at=SOME_DAY + dt.timedelta(hours=1),
        description="x" * 10_000_000,
    )
    async with publisher(stack, sorted(stack.venues).index(key)) as venue:
        with pytest.raises(PublishRefused, match="Payload"):
            await venue.offer(slot)
    after = (await effects(stack), await count(stack, "receipt"), await last_of_venue(stack))
    assert after == before


@pytest.mark.parametrize("rest", ["slot", "slot.offered.twice", "offered", "hall.offered"])
async def test_what_the_stream_does_not_listen_to_is_nowhere(stack: Stack, key: str, rest: str):
    before = await last_of_venue(stack)
    async with Wire(stack, key) as wire:
        await wire.publish(f"venue.{key}.{rest}", raw(), {"ce-id": uuid.uuid4().hex})
        await wire.publish(f"venue.{key}.slot.offered", b"", {"ce-id": (last := uuid.uuid4().hex)})
        await wire.receipts(last)
        assert len(wire.heard) == 1
    assert await last_of_venue(stack) == before + 1


async def test_a_message_delivered_twice_has_one_effect_and_one_answer(stack: Stack, key: str):
    data, identity = raw(), uuid.uuid4().hex
    async with Wire(stack, key) as wire:
        await wire.publish(f"venue.{key}.slot.offered", data, {"ce-id": identity})
        (first,) = await wire.receipts(identity)
        after_first = await effects(stack)
        # The stream itself would swallow an immediate repeat only by a Nats-Msg-Id.
        for _ in range(3):
            await wire.publish(f"venue.{key}.slot.offered", data, {"ce-id": identity})
        answers = await wire.receipts(identity, 4)
    assert first.status == "accepted"
    assert answers == [first] * 4
    assert await effects(stack) == after_first


async def test_an_id_is_answered_for_good_by_the_first_message_that_had_it(stack: Stack, key: str):
    identity = uuid.uuid4().hex
    before = await effects(stack)
    async with Wire(stack, key) as wire:
        await wire.publish(f"venue.{key}.slot.offered", raw(capacity=-1), {"ce-id": identity})
        (first,) = await wire.receipts(identity)
        await wire.publish(f"venue.{key}.slot.offered", raw(), {"ce-id": identity})
        answers = await wire.receipts(identity, 2)
    assert first.status == "refused"
    assert answers == [first, first]
    assert await effects(stack) == before


async def test_a_lower_version_changes_nothing(stack: Stack, key: str):
    good = body(version=5)
    async with Wire(stack, key) as wire:
        statuses = []
        before: dict[str, str] = {}
        for number, (verb, version, title) in enumerate(
            [("offered", 5, "新"), ("changed", 4, "旧"), ("offered", 5, "旧"), ("withdrawn", 5, "")]
        ):
            stated = {**good, "version": version, "title": title}
            if verb == "withdrawn":
                stated = {"external_id": good["external_id"], "version": version}
            identity = uuid.uuid4().hex
            data = json.dumps(stated).encode()
            await wire.publish(f"venue.{key}.slot.{verb}", data, {"ce-id": identity})
            (receipt,) = await wire.receipts(identity)
            statuses.append((receipt.status, receipt.version))
            if number == 0:
                before = await effects(stack)
    assert statuses == [("accepted", 5), *[("duplicate", 5)] * 3]
    assert await effects(stack) == before


async def test_two_venues_may_use_the_same_id_at_the_same_time(stack: Stack, key: str, other: str):
    identity, external_id = uuid.uuid4().hex, uuid.uuid4().hex
    data = raw(external_id=external_id)
    async with Wire(stack, key) as mine, Wire(stack, other) as theirs:
        await asyncio.gather(
            *(
                wire.publish(f"venue.{wire.key}.slot.offered", data, {"ce-id": identity})
                for wire in (mine, theirs)
            )
        )
        (here,), (there,) = await mine.receipts(identity), await theirs.receipts(identity)
    assert (here.status, there.status) == ("accepted", "accepted")
    assert here.slot_id != there.slot_id
    kept = await rows(
        stack,
        """SELECT o.key, s.id FROM slot s JOIN organisation o ON o.id = s.venue_id
           WHERE s.external_id = $1 ORDER BY o.key""",
        external_id,
    )
    assert [(row["key"], row["id"]) for row in kept] == sorted(
        [(key, here.slot_id), (other, there.slot_id)]
    )
