"""When all is quiet again: nobody has anything left to do, everything has arrived."""

import asyncio
import hashlib
from uuid import UUID

import asyncpg
import nats.errors

from openyard_events import subjects
from tests.races.hosts import PARTITIONS
from tests.races.phones import Phones
from tests.races.reckoning import Finding
from tests.races.rush import fetch
from tests.races.watches import Postbox, Watches
from tests.races.yards import Yard, now
from tests.stack import Stack

_WITHIN = 30.0
_MAIL_WITHIN = 60.0
_LOOK = 0.1
_FEEDS = 3  # families whose calendar is fetched

LOST_SERVER = (
    OSError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    nats.errors.Error,
)


async def settle(stack: Stack, watches: Watches) -> list[Finding]:
    """Wait until nothing is on its way any more."""
    deadline = now() + _WITHIN
    behind = "?"
    while behind and now() < deadline:
        await asyncio.sleep(_LOOK)
        try:
            behind = await _behind(stack, watches)
        except LOST_SERVER as error:
            behind = repr(error)
    return [Finding("lost", f"not done after {_WITHIN:.0f} s: {behind}")] if behind else []


async def mail(stack: Stack, postbox: Postbox, first: Yard) -> list[Finding]:
    """Every message that is marked as sent is one mail, and every mail is one message.

    Mail is slower than decisions, so by now there is a heap of it: waits only for that of the
    ``first`` yard, which all crashes came after.
    """
    connection = await asyncpg.connect(stack.database_url)
    try:
        deadline = now() + _MAIL_WITHIN
        late = 1
        while late and now() < deadline:
            await asyncio.sleep(_LOOK)
            late = await connection.fetchval(
                "SELECT count(*) FROM notification WHERE slot_id = ANY($1) AND state <> 'sent'",
                [*first.places],
            )
        # Before the postbox is emptied: what is sent meanwhile may be more there, never less.
        rows = await connection.fetch("SELECT id, state FROM notification")
    finally:
        await connection.close()
    postbox.empty()
    sent = {_file(row["id"]) for row in rows if row["state"] == "sent"}
    findings = [Finding("lost", f"no mail {name}") for name in sent - postbox.names]
    strange = postbox.names - {_file(row["id"]) for row in rows}
    findings += [Finding("twice", f"a mail of no message: {name}") for name in strange]
    findings += [Finding("lost", f"given up: {row}") for row in rows if row["state"] == "failed"]
    return findings + [Finding("lost", f"{late} mails of the first yard are not sent")] * bool(late)


def _file(notification: UUID) -> str:
    """Where the mail of a message is kept: its name is made of the Message-ID."""
    message_id = f"<notification-{notification}@openyard.example>"
    return f"{hashlib.sha256(message_id.encode()).hexdigest()[:32]}.eml"


async def calendars(stack: Stack, phones: Phones) -> list[Finding]:
    """The calendars of some families, as their phones would fetch them."""
    findings = []
    holders = [family for family in phones.families if family.held][:_FEEDS]
    for family in holders:
        connection = await asyncpg.connect(stack.database_url)
        try:
            rows = await connection.fetch(
                "SELECT id FROM reservation WHERE id = ANY($1) AND status = 'confirmed'",
                [UUID(held.id) for held in family.held],
            )
        finally:
            await connection.close()
        path = "/" + family.feed_url.split("/", 3)[3]
        shown = await _page(stack.url, path)
        findings += [
            Finding("lost", f"{row['id']} is not in {path}")
            for row in rows
            if f"UID:reservation-{row['id']}@openyard" not in shown
        ]
    return findings


async def _behind(stack: Stack, watches: Watches) -> str:
    """Who still has something to do; nobody: empty."""
    ends = await watches.ends()
    facts = ends[subjects.FACT_STREAM]
    connection = await asyncpg.connect(stack.database_url, timeout=2)
    try:
        waiting = await connection.fetchval("SELECT count(*) FROM outbox")
        due = await connection.fetchval("SELECT count(*) FROM slot WHERE due_at <= now()")
        lines = dict(await connection.fetch("SELECT no, sequence FROM partition"))
        readers = dict(
            await connection.fetch("SELECT name, sequence FROM reader WHERE name <> 'intake'")
        )
    finally:
        await connection.close(timeout=2)
    late = {f"{name} at {at} of {facts}" for name, at in readers.items() if at < facts}
    for partition in range(PARTITIONS):
        end = ends[subjects.command_stream(partition)]
        if lines[partition] < end:
            late.add(f"partition {partition} at {lines[partition]} of {end}")
    if due:
        late.add(f"{due} slots with something due")
    if waiting:
        late.add(f"{waiting} in the outbox")
    if watches.read[subjects.FACT_STREAM] < facts:
        late.add("our own watch")
    return ", ".join(sorted(late))


async def _page(url: str, path: str) -> str:
    status, _, body = await fetch(url, "GET", path)
    assert status == 200, (status, path)
    return body.decode().replace("\r\n ", "")
