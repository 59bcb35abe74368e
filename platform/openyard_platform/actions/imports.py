"""A venue's calendar: read, shown as what it would change, and applied when the venue says so."""

import asyncio
import datetime as dt
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Literal
from uuid import UUID

from openyard_calendars import zones
from openyard_calendars.reading import ReadEvent
from openyard_calendars.unreadable import CannotRead, Unreadable
from openyard_events.contracts import FieldError, SlotKind
from openyard_platform import ids
from openyard_platform.actions import venues
from openyard_platform.domain import import_items
from openyard_platform.domain.errors import Conflict, Invalid, NotFound
from openyard_platform.domain.imports import (
    KEPT_FOR,
    MAX_OCCURRENCES,
    Import,
    Instructions,
    Item,
    Purpose,
    Result,
    Status,
)
from openyard_platform.domain.people import Actor
from openyard_platform.store import audit, engine, spaces
from openyard_platform.store import imports as records

LONGEST_AHEAD = dt.timedelta(days=3 * 366)
CLAIM = dt.timedelta(minutes=2)  # without a sign of life; then another process goes on

Read = Callable[..., Awaitable[list[ReadEvent | Unreadable]]]
Told = tuple[Import, list[tuple[Item, Result | None]]]


async def preview(  # noqa: PLR0913 - each is part of what is asked
    actor: Actor, key: str, told: Instructions, data: bytes, read: Read, now: dt.datetime
) -> Told:
    """What the file would do, kept for a day under an id. ``read``: the sandbox's reader.

    Raises:
        NotFound, NotAllowed: not the actor's venue, or not the actor's task there.
        Invalid: with ``errors``: the instructions make no sense, or nothing can be read at all.
        Unavailable: too many files are being read.
    """
    venue_id = venues.writer_of(actor, key)
    await check(venue_id, told, now)
    made, items = await reckon(venue_id, key, told, await read_with(read, told, data), now)
    await keep(made, items)
    return made, [(item, None) for item in items]


async def read_with(read: Read, told: Instructions, data: bytes) -> list[ReadEvent | Unreadable]:
    """What stands in the file.

    Raises:
        Invalid: with ``errors``: nothing that can be gone on with.
    """
    found = await read(data, zone=told.zone, until=told.until)
    if not any(isinstance(one, ReadEvent) or one.code == "cancelled" for one in found):
        found = _without_events(found, data, told)
    return found


async def reckon(
    venue_id: UUID,
    key: str,
    told: Instructions,
    found: list[ReadEvent | Unreadable],
    now: dt.datetime,
) -> tuple[Import, list[Item]]:
    """What the calendar would change as things stand now.

    Raises:
        Invalid: with ``errors``: it is too much.
    """
    around = await records.around(venue_id, told, now)
    seen = await asyncio.to_thread(import_items.survey, found, told, around, now)
    if len(seen.items) > MAX_OCCURRENCES:
        message = f"The file gives more than {MAX_OCCURRENCES:,}; look less far ahead."
        raise _refused("until", "too_many_events", message)
    made = Import(
        id=ids.new(),
        venue_id=venue_id,
        venue_key=key,
        source=told.source,
        purpose=told.purpose,
        space=told.space,
        status=Status.PREVIEWED,
        counts=dict(Counter(item.change.value for item in seen.items)),
        problems=seen.problems,
        created_at=now,
        expires_at=now + KEPT_FOR,
    )
    return made, seen.items


async def keep(made: Import, items: Sequence[Item]) -> None:
    """Keep the preview for a day."""
    async with engine.transaction():
        await records.insert(made, items)


async def listed(
    actor: Actor, key: str, *, before: UUID | None = None, limit: int = 50
) -> list[Import]:
    """The newest first.

    Raises:
        NotFound, NotAllowed: not the actor's venue, or not the actor's task there.
    """
    return await records.recent(venues.writer_of(actor, key), before=before, limit=limit)


async def look(actor: Actor, key: str, import_id: UUID) -> Told:
    """One import, with what became of each item so far.

    Raises:
        NotFound, NotAllowed: not the actor's venue or task, or no such import there.
    """
    found = await _of(actor, key, import_id)
    return found, await records.items(import_id)


async def begin(
    actor: Actor, key: str, import_id: UUID, touched: Literal["keep", "change"], now: dt.datetime
) -> Import | None:
    """Have it applied; the caller carries it out. None: somebody does so already, or has done.

    ``touched``: what becomes of slots that are reserved where the file moves or drops them.

    Raises:
        NotFound, NotAllowed: as for ``look``.
        Conflict: it has expired, or a newer file of the calendar came first.
    """
    found = await _of(actor, key, import_id)
    if found.status is not Status.PREVIEWED:
        return None
    if found.has_expired(now):
        raise Conflict("The preview is a day old: upload it again.", code="import_expired")
    async with engine.transaction():
        if await records.is_overtaken(found):
            raise _overtaken()
        if not await records.begin(import_id, touched, now + CLAIM):
            raise _overtaken()
        await audit.record(
            *(now, actor.account_id, "import.applied", import_id),
            source=found.source,
            counts=found.counts,
        )
    return await _of(actor, key, import_id)


async def _of(actor: Actor, key: str, import_id: UUID) -> Import:
    found = await records.one(venues.writer_of(actor, key), import_id)
    if found is None:
        raise NotFound("There is no such import.")
    return found


async def check(venue_id: UUID, told: Instructions, now: dt.datetime) -> None:
    """Raises Invalid, with ``errors``: the instructions make no sense."""
    if (venue_id, told.space) not in await spaces.of_venues(engine, [venue_id]):
        raise _refused("space", "space_unknown", f"No space {told.space!r}.")
    if not now < told.until <= now + LONGEST_AHEAD:
        raise _refused("until", "out_of_range", "until is not within the next three years.")
    try:
        zones.resolve(told.zone, {})
    except CannotRead as error:
        raise _refused("zone", error.code, str(error)) from error
    if told.purpose is Purpose.SLOTS:
        if told.capacity is None:
            raise _refused("capacity", "missing_field", "A calendar says nothing of capacity.")
        if told.kind is SlotKind.BUSY:
            raise _refused("kind", "unknown_value", "Busy time is imported with as=busy.")
    elif told.capacity is not None or told.audiences or told.kind is not SlotKind.ACCESS:
        raise _refused("as", "not_for_busy_time", "Busy time has no capacity, audience or kind.")


def _without_events(
    found: list[ReadEvent | Unreadable], data: bytes, told: Instructions
) -> list[ReadEvent | Unreadable]:
    """What to go on with where no event was read.

    Raises:
        Invalid: nothing; the calendar's slots stay as they are.
    """
    is_empty = [one.code for one in found if isinstance(one, Unreadable)] == ["no_events"]
    if is_empty and told.allow_empty and b"BEGIN:VCALENDAR" in data[:1000].upper():
        return []
    errors = [
        FieldError(path=one.uid, code=one.code, message=one.message)
        for one in found
        if isinstance(one, Unreadable)
    ]
    message = "No event of this file can be taken over; nothing was changed."
    raise Invalid(message, code="calendar_unreadable", errors=errors[:100])


def _refused(path: str, code: str, message: str) -> Invalid:
    fault = FieldError(path=path, code=code, message=message)
    return Invalid("The import is not what this route takes.", errors=[fault])


def _overtaken() -> Conflict:
    message = "Another file of this calendar was applied in the meantime: upload it again."
    return Conflict(message, code="import_overtaken")
