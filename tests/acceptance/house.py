"""The running house as its people know it: what they ask, what they are sent, what is kept."""

import asyncio
import datetime as dt
import hashlib
from collections import Counter
from collections.abc import Callable
from email.message import EmailMessage
from typing import Any

import asyncpg
import httpx
import icalendar

from openyard_events import bus
from openyard_events.contracts import SlotOffered, SlotWithdrawn
from openyard_events.publisher import VenuePublisher
from openyard_platform.clock import SHANGHAI
from openyard_platform.domain.feeds import SLOT_UID
from tests.races.rush import request
from tests.stack import Stack, wait_until

# Whose rows tell that something was decided; other tests' mails may still be on their way.
EFFECTS = ("slot", "slot_occupancy", "reservation", "party_occupancy", "idempotency", "audit")


class Person:
    """Somebody who has a token of the API."""

    def __init__(self, stack: Stack, login: str, token: str) -> None:
        self.stack = stack
        self.login = login
        self.token = token

    async def ask(
        self, method: str, path: str, body: Any = None, **headers: str
    ) -> tuple[int, dict[str, Any]]:
        """Status and JSON. ``headers``: with ``_`` for ``-``."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        status, _, answer = await request(
            self.stack.url, method, path, self.token, body, named or None
        )
        return status, answer

    async def reserve(self, slot: str, seats: int = 1, **wish: Any) -> dict[str, Any]:
        """The decided reservation."""
        body = {"slot_id": slot, "seats": seats, **wish}
        status, answer = await self.ask("POST", "/api/v1/reservations", body)
        assert status == 201, answer
        return answer

    async def cancel(self, reservation: str) -> None:
        status, answer = await self.ask("DELETE", f"/api/v1/reservations/{reservation}")
        assert (status, answer["status"]) == (200, "cancelled")

    async def reservation(self, reservation: str) -> dict[str, Any]:
        status, answer = await self.ask("GET", f"/api/v1/reservations/{reservation}")
        assert status == 200, answer
        return answer

    async def letters(self, reservation: str, count: int) -> list[EmailMessage]:
        """The mails about this reservation, once there are so many."""

        def found() -> list[EmailMessage]:
            sent = self.stack.mail.sent_to(self.login)
            return [letter for letter in sent if reservation in text_of(letter)]

        await until(lambda: len(found()) >= count, f"{count} mails about {reservation}")
        # Mails overtake each other; their ids rise in the order in which they were written.
        return sorted(found(), key=lambda letter: str(letter["Message-ID"]))

    async def feed(self) -> str:
        """The address of the private calendar."""
        status, answer = await self.ask("POST", "/api/v1/feeds")
        assert status == 201, answer
        return str(answer["url"])

    async def event(
        self, reservation: str, shows: Callable[[icalendar.Event], bool]
    ) -> icalendar.Event:
        """The reservation in the private calendar, as soon as it shows what it should."""
        return await event_in(await self.feed(), reservation, shows)


def person(stack: Stack, role: str, number: int) -> Person:
    """One of the demo city's people."""
    account = stack.accounts(role)[number]
    return Person(stack, account["login"], account["token"])


def publisher(stack: Stack, number: int = 0) -> VenuePublisher:
    """A venue's own connection, with its own credentials, as ``fresh_slot`` counts venues."""
    key, known = sorted(stack.venues.items())[number]
    return VenuePublisher(
        stack.nats_address, key, user=known["nats_user"], password=known["nats_password"]
    )


async def change(stack: Stack, slot: SlotOffered) -> None:
    async with publisher(stack) as venue:
        receipt = await venue.change(slot)
    assert receipt.status == "accepted", receipt


async def withdraw(stack: Stack, external_id: str, reason: str | None = None) -> None:
    async with publisher(stack) as venue:
        receipt = await venue.withdraw(
            SlotWithdrawn(external_id=external_id, version=9, reason=reason)
        )
    assert receipt.status == "accepted", receipt


async def stated(stack: Stack, slot: str) -> SlotOffered:
    """The slot as its venue would state it anew, one version higher."""
    row = (await rows(stack, _STATED, slot))[0]
    return SlotOffered(**{**dict(row), "version": row["version"] + 1})


_STATED = """
SELECT s.external_id, s.version, p.key AS space, s.starts_at, s.ends_at, s.capacity, s.title,
       s.audiences, s.kind
FROM slot s JOIN space p ON p.id = s.space_id WHERE s.id = $1::text::uuid
"""


async def rows(stack: Stack, sql: str, *arguments: Any) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(stack.database_url)
    try:
        return list(await connection.fetch(sql, *arguments))
    finally:
        await connection.close()


async def effects(stack: Stack) -> dict[str, str]:
    """A digest of every table that decisions write: the same as long as nothing is decided."""
    digests = {}
    connection = await asyncpg.connect(stack.database_url)
    try:
        for table in EFFECTS:
            found = await connection.fetch(f"SELECT t::text AS line FROM {table} t ORDER BY 1")  # noqa: S608
            whole = "\n".join(row["line"] for row in found)
            digests[table] = f"{len(found)} {hashlib.sha256(whole.encode()).hexdigest()}"
    finally:
        await connection.close()
    return digests


async def count(stack: Stack, table: str) -> int:
    return int((await rows(stack, f"SELECT count(*) AS n FROM {table}"))[0]["n"])  # noqa: S608


async def last_of_venue(stack: Stack) -> int:
    """The sequence of the last message that venues have published."""
    nc = await bus.connect(stack.nats_url, name="test")
    try:
        return int((await nc.jetstream().stream_info("VENUE")).state.last_seq)
    finally:
        await nc.close()


_BEHIND = """
    SELECT count(*) AS slots FROM slot s
    LEFT JOIN feed_fragment f ON f.owner_id = s.venue_id AND f.uid = $1 || s.id || $2
    WHERE s.ends_at >= now() AND s.kind <> 'busy' AND s.revision > coalesce(f.slot_revision, 0)
        AND NOT (s.status = 'withdrawn' AND (f.uid IS NULL OR f.cancelled_at IS NOT NULL))
"""


async def settled(stack: Stack) -> None:
    """Every fact has been relayed and read by both readers, every mail is sent.

    And seats, which calendars learn of now and then only, are in all of them.
    """
    nc = await bus.connect(stack.nats_url, name="test")
    js = nc.jetstream()
    try:
        async with asyncio.timeout(60):
            while True:
                # In the order in which they follow from each other: what is no longer in the
                # outbox is in the stream, and what was read from there is among the rows.
                (row,) = await rows(stack, "SELECT count(*) AS waiting FROM outbox")
                last = (await js.stream_info("FACT")).state.last_seq
                (seen,) = await rows(
                    stack,
                    """SELECT count(*) AS there FROM reader
                       WHERE name IN ('feeds', 'notifier') AND sequence >= $1""",
                    last,
                )
                (due,) = await rows(
                    stack, "SELECT count(*) AS due FROM notification WHERE state = 'pending'"
                )
                (behind,) = await rows(stack, _BEHIND, *SLOT_UID)
                if (row["waiting"], seen["there"], due["due"], behind["slots"]) == (0, 2, 0, 0):
                    return
                await asyncio.sleep(0.1)
    finally:
        await nc.close()


def mails(stack: Stack) -> Counter[str]:
    """How often each mail came, by its Message-ID."""
    return Counter(str(message["Message-ID"]) for message in stack.mail.messages)


def with_space(stack: Stack, space: str) -> list[str]:
    """The keys of the venues that have such a space."""
    return [key for key, venue in sorted(stack.venues.items()) if space in venue["spaces"]]


async def fetched(url: str) -> bytes:
    async with httpx.AsyncClient() as client:
        answer = await client.get(url)
    assert answer.status_code == 200, answer.text
    return answer.content


def events(feed: bytes) -> list[icalendar.Event]:
    return list(icalendar.Calendar.from_ical(feed).walk("VEVENT"))


async def event_in(url: str, uid: str, shows: Callable[[icalendar.Event], bool]) -> icalendar.Event:
    """The event whose UID names this id, as soon as the calendar shows it as it should."""
    async with asyncio.timeout(20):
        while True:
            for event in events(await fetched(url)):
                if uid in str(event["UID"]) and shows(event):
                    return event
            await asyncio.sleep(0.1)


def text_of(letter: EmailMessage) -> str:
    part = letter.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def in_shanghai(moment: str | dt.datetime) -> dt.datetime:
    found = dt.datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return found.astimezone(SHANGHAI)


async def until(condition: Callable[[], bool], what: str, seconds: float = 20) -> None:
    """Wait without holding up what runs in this process."""
    await asyncio.to_thread(wait_until, condition, seconds, what)
