"""A private feed is rendered once somebody has fetched it, and then as if it had always been."""

import contextlib
import datetime as dt
from pathlib import Path
from uuid import UUID

import pytest
from nats.js.errors import NotFoundError

from openyard_events import subjects
from openyard_platform import clock
from openyard_platform.actions import feed_links, feeds
from openyard_platform.settings import Settings
from openyard_platform.store import engine, subscribed_feeds
from openyard_platform.store import feeds as records
from openyard_workers.consumers.feeds import Feeds
from tests.integration.nats_server import NatsServer
from tests.integration.projection_stage import drop_positions, fragments, stage

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
    with contextlib.suppress(NotFoundError):  # the first test finds none
        await nc.jetstream().delete_stream(subjects.FACT_STREAM)
    async with stage(postgres.fresh("subscribed"), nc) as made:
        yield made


@pytest.fixture
def projector() -> Feeds:
    settings = Settings(
        database_url="", nats_url="", redis_url="", secret_key="s" * 64, base_url=BASE_URL
    )
    return Feeds(settings, seats_every=0)


async def _fetched(family) -> None:
    """As its calendar program fetches a feed for the first time."""
    await feeds.catch_up(family.family_id, BASE_URL, clock.now())


async def _offers(on_stage, names: str, **changes) -> list[UUID]:
    """One after the other, so that a family can go to all of them."""
    first = clock.now() + dt.timedelta(days=3)
    return [
        await on_stage.offer(
            name,
            starts_at=first + dt.timedelta(hours=2 * number),
            ends_at=first + dt.timedelta(hours=2 * number + 1),
            **changes,
        )
        for number, name in enumerate(names)
    ]


async def test_nothing_is_rendered_for_who_has_no_calendar(on_stage, projector):
    here, there = await on_stage.family(), await on_stage.family(subscribed=False)
    slot = await on_stage.offer("a")
    await on_stage.decide(here.reserve(slot), there.reserve(slot))
    await on_stage.project(projector)
    assert len(await fragments(here.family_id)) == 1
    assert await fragments(there.family_id) == []
    assert await feeds.refresh(BASE_URL, clock.now()) == 0


async def test_the_first_look_finds_what_was_booked_before_and_later_looks_what_comes(
    on_stage, projector
):
    family = await on_stage.family(subscribed=False)
    first, second = await on_stage.offer("a"), await on_stage.offer("b", title="天文夜")
    await on_stage.decide(family.reserve(first))
    await on_stage.project(projector)
    await _fetched(family)
    assert len(await fragments(family.family_id)) == 1
    other = await on_stage.family()
    await on_stage.decide(other.reserve(second))
    await on_stage.offer("a", 2, title="改了名字")
    await on_stage.project(projector)
    (body,) = await fragments(family.family_id)
    assert "改了名字" in body.decode()


async def test_what_a_late_feed_shows_is_what_an_early_one_shows(on_stage, projector):
    """Confirmed, cancelled after it was confirmed, and cancelled while it only waited."""
    early, late = await on_stage.family(), await on_stage.family(subscribed=False)
    *slots, full = await _offers(on_stage, "abcd", capacity=2)
    await on_stage.decide((await on_stage.family()).reserve(full, 2))
    for family in (early, late):
        asked = [family.reserve(slot) for slot in (*slots, full)]
        await on_stage.decide(*asked)
        await on_stage.project(projector)
        await on_stage.decide(family.cancel(asked[1].id), family.cancel(asked[3].id))
        await on_stage.project(projector)
    await _fetched(late)
    shown = {}
    for family in (early, late):
        bodies = [body.decode() for body in await fragments(family.family_id)]
        shown[family] = sorted(
            (line.removeprefix("SUMMARY:"), "STATUS:CANCELLED" in body, "SEQUENCE:0" in body)
            for body in bodies
            for line in body.splitlines()
            if line.startswith("SUMMARY:")
        )
    assert shown[late] == shown[early]
    assert len(shown[late]) == 3
    assert [cancelled for _, cancelled, _ in shown[late]].count(True) == 1


async def test_a_late_feed_that_is_lost_is_made_anew_byte_by_byte(on_stage, projector):
    family = await on_stage.family(subscribed=False)
    asked = [family.reserve(slot) for slot in await _offers(on_stage, "ab")]
    await on_stage.decide(*asked)
    await on_stage.decide(family.cancel(asked[0].id))
    await on_stage.project(projector)
    await _fetched(family)
    before = await fragments(family.family_id)
    assert len(before) == 2
    await engine.run_script("DELETE FROM feed_fragment; DELETE FROM feed_state;")
    await drop_positions()
    await on_stage.project(projector)
    assert await fragments(family.family_id) == before


async def test_whoever_subscribes_again_finds_what_happened_in_between(on_stage, projector):
    family = await on_stage.family()
    slot = await on_stage.offer("a")
    asked = family.reserve(slot)
    await on_stage.decide(asked)
    await on_stage.project(projector)
    await subscribed_feeds.end(family.family_id)
    await on_stage.decide(family.cancel(asked.id))
    await on_stage.project(projector)
    (stale,) = await fragments(family.family_id)
    assert b"STATUS:CANCELLED" not in stale
    await _fetched(family)
    (body,) = await fragments(family.family_id)
    assert b"STATUS:CANCELLED" in body


async def test_a_feed_is_subscribed_until_its_last_link_is_revoked(on_stage):
    """Both parents have a link to the family's feed."""
    mother, father = await on_stage.families(2, subscribed=False)
    family = mother.family_id
    await engine.fetch("UPDATE account SET family_id = $2 WHERE id = $1", father.account_id, family)
    for parent in (mother, father):
        await feed_links.address(
            *(parent.account_id, family),
            secret_key="s" * 64,
            base_url=BASE_URL,
            now=clock.now(),
        )
    await _fetched(mother)
    left = []
    for parent in (mother, father):
        await feed_links.revoke(parent.account_id, family, clock.now())
        left.append(
            len(await engine.fetch("SELECT FROM subscribed_feed WHERE feed_id = $1", family))
        )
    assert left == [1, 0]


async def test_a_feed_that_was_subscribed_and_not_caught_up_is_caught_up_by_the_next(
    on_stage, projector
):
    family = await on_stage.family(subscribed=False)
    await on_stage.decide(family.reserve(await on_stage.offer("a")))
    await on_stage.project(projector)
    await subscribed_feeds.subscribe(family.family_id)  # and then it was killed
    await _fetched(family)
    assert len(await fragments(family.family_id)) == 1


@pytest.mark.parametrize("guarded", [True, False], ids=["guarded", "without the guard"])
async def test_what_is_decided_while_it_catches_up_is_not_lost(
    on_stage, projector, monkeypatch, guarded
):
    """The projector works on it between the steps; reading first and subscribing then loses it."""
    family = await on_stage.family(subscribed=False)
    slot = await on_stage.offer("a")
    await on_stage.project(projector)
    look, subscribe = records.earlier_reservations, subscribed_feeds.subscribe

    async def decided_meanwhile() -> None:
        await on_stage.decide(family.reserve(slot))
        await on_stage.project(projector)

    async def later(_: UUID) -> None:
        return None

    async def looked(feed_id, since: dt.datetime):
        if guarded:
            await decided_meanwhile()
            return await look(feed_id, since)
        found = await look(feed_id, since)
        await decided_meanwhile()
        await subscribe(feed_id)
        return found

    monkeypatch.setattr(records, "earlier_reservations", looked)
    if not guarded:
        monkeypatch.setattr(subscribed_feeds, "subscribe", later)
    await _fetched(family)
    assert len(await fragments(family.family_id)) == (1 if guarded else 0)
