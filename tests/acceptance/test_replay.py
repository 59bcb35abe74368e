"""What is read again from its first message: the same calendars, no second mail, no new effect."""

import asyncio
from typing import Any

import pytest
from msgspec import Struct
from msgspec.structs import replace

from openyard_events import bus
from openyard_events.contracts import SlotKind
from openyard_events.reader import Delivered, OrderedReader
from tests.acceptance.house import (
    Person,
    count,
    effects,
    fetched,
    last_of_venue,
    mails,
    person,
    publisher,
    rows,
    settled,
    stated,
    until,
    withdraw,
)
from tests.races.rush import fresh_slot
from tests.stack import Stack


class Lives(Struct, frozen=True, kw_only=True):
    """Some people with reservations of every kind. ``feeds``: every calendar there is to read."""

    people: list[Person]
    feeds: list[str]


@pytest.fixture(scope="module")
async def lives(stack: Stack) -> Lives:
    """Confirmed, cancelled, waitlisted, promoted, moved, withdrawn, a volunteer, a school."""
    first, second, third = (person(stack, "family", number) for number in (370, 371, 372))
    volunteer, school = person(stack, "volunteer", 21), person(stack, "school", 8)
    slots = [await fresh_slot(stack, capacity=1, audiences=None) for _ in range(4)]
    kept = [await first.reserve(slots[0])]
    await second.reserve(slots[0])
    await third.reserve(slots[0])
    given_back = await first.reserve(slots[1])
    await first.cancel(given_back["id"])
    await first.reserve(slots[2])
    old = await stated(stack, slots[2])
    async with publisher(stack) as venue:
        await venue.change(replace(old, title="换了名字", capacity=3))
    withdrawn = await second.reserve(slots[3])
    await withdraw(stack, (await stated(stack, slots[3])).external_id)
    await first.cancel(kept[0]["id"])
    shift = await fresh_slot(stack, capacity=2, kind=SlotKind.SHIFT, audiences=None)
    await volunteer.reserve(shift)
    visit = await fresh_slot(stack, capacity=90, kind=SlotKind.VISIT, audiences=None)
    await school.reserve(visit, 40)
    people = [first, second, third, volunteer, school]
    await second.letters(withdrawn["id"], 2)
    await settled(stack)
    feeds = [await who.feed() for who in people]
    feeds += [f"{stack.url}/venues/{key}/calendar.ics" for key in stack.venues]
    return Lives(people=people, feeds=feeds)


async def bodies(lives: Lives) -> dict[str, bytes]:
    return {url: await fetched(url) for url in lives.feeds}


async def forget(stack: Stack, *statements: str) -> None:
    for statement in statements:
        await rows(stack, statement)


async def test_without_their_positions_the_readers_make_the_same_feeds_and_no_second_mail(
    stack: Stack, lives: Lives
):
    feeds, sent, told = await bodies(lives), mails(stack), await count(stack, "notification")
    assert sum(body.count(b"BEGIN:VEVENT") for body in feeds.values()) > 1000

    await forget(stack, "DELETE FROM reader WHERE name IN ('feeds', 'notifier')")
    await settled(stack)

    assert await bodies(lives) == feeds
    assert (mails(stack), await count(stack, "notification")) == (sent, told)


async def test_feeds_that_were_lost_altogether_are_built_anew_byte_by_byte(
    stack: Stack, lives: Lives
):
    feeds = await bodies(lives)

    await forget(stack, "DELETE FROM feed_fragment", "DELETE FROM reader WHERE name = 'feeds'")
    await settled(stack)

    assert await bodies(lives) == feeds


async def test_a_notification_that_was_never_written_is_sent_by_the_same_replay(
    stack: Stack, lives: Lives
):
    """The negative control: without the row of what was sent, it would be sent again."""
    victim = lives.people[2]
    sent = len(stack.mail.sent_to(victim.login))
    (row,) = await rows(
        stack,
        """SELECT n.id::text FROM notification n JOIN account a ON a.id = n.account_id
           WHERE a.email = $1 AND n.kind = 'waitlisted' ORDER BY n.created_at DESC LIMIT 1""",
        victim.login,
    )

    await forget(
        stack,
        f"DELETE FROM notification WHERE id = '{row['id']}'",  # noqa: S608
        "DELETE FROM reader WHERE name = 'notifier'",
    )
    await settled(stack)

    await until(lambda: len(stack.mail.sent_to(victim.login)) == sent + 1, "the second mail")


async def test_venues_messages_read_again_from_the_first_have_no_new_effect(
    stack: Stack, lives: Lives
):
    before = await everything(stack, lives)

    await read_venue_again(stack)

    assert await everything(stack, lives) == before


async def test_a_venue_stream_lost_and_filled_anew_has_no_new_effect(stack: Stack, lives: Lives):
    before = await everything(stack, lives)

    await fill_venue_anew(stack)

    assert await everything(stack, lives) == before


async def test_a_message_read_again_without_its_guards_has_a_second_effect(stack: Stack):
    """The negative control: neither the receipt nor the version is there for show."""
    slot = await fresh_slot(stack, capacity=3)
    (before,) = await rows(stack, "SELECT revision FROM slot WHERE id = $1::text::uuid", slot)

    await forget(
        stack,
        f"DELETE FROM receipt WHERE slot_id = '{slot}'",  # noqa: S608
        f"UPDATE slot SET version = 0 WHERE id = '{slot}'",  # noqa: S608
    )
    await read_venue_again(stack)

    (after,) = await rows(
        stack, "SELECT revision, version FROM slot WHERE id = $1::text::uuid", slot
    )
    assert after["revision"] > before["revision"]
    assert after["version"] == 1


async def everything(stack: Stack, lives: Lives) -> dict[str, Any]:
    """All that a message of a venue may lead to."""
    await settled(stack)
    nc = await bus.connect(stack.nats_url, name="test")
    streams = {
        info.config.name: info.state.last_seq for info in await nc.jetstream().streams_info()
    }
    await nc.close()
    return {
        **await effects(stack),
        **streams,
        "receipt": await count(stack, "receipt"),
        "notification": await count(stack, "notification"),
        "mails": mails(stack),
        "feeds": await bodies(lives),
    }


async def fill_venue_anew(stack: Stack) -> None:
    """Delete the stream and publish all that stood in it, from the first message on."""
    nc = await bus.connect(stack.nats_url, name="test")
    js = nc.jetstream()
    last = await last_of_venue(stack)
    reader = OrderedReader(nc, "VENUE", None, 1)
    await reader.start()
    messages: list[Delivered] = []
    while not messages or messages[-1].sequence < last:
        messages += await reader.take(1_000, 1.0)
    await reader.stop()
    await js.delete_stream("VENUE")
    await bus.ensure_streams(js, stack.ready["partitions"])
    for message in messages:
        await nc.publish(message.subject, message.data, headers=message.headers or None)
    await bus.settle(nc)
    created = await bus.stream_created(js, "VENUE")
    await nc.close()
    async with asyncio.timeout(60):
        while True:
            (position,) = await rows(stack, "SELECT * FROM reader WHERE name = 'intake'")
            if (position["stream_created"], position["sequence"]) == (created, len(messages)):
                return
            await asyncio.sleep(0.1)


async def read_venue_again(stack: Stack) -> None:
    """Take the intake's position away, and wait until it stands at the stream's end again."""
    last = await last_of_venue(stack)
    await forget(stack, "DELETE FROM reader WHERE name = 'intake'")
    async with asyncio.timeout(60):
        while True:
            found = await rows(
                stack, "SELECT 1 FROM reader WHERE name = 'intake' AND sequence >= $1", last
            )
            if found:
                return
            await asyncio.sleep(0.1)
