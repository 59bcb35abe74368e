"""Addresses of venues' calendars, and which are due to be read."""

import datetime as dt
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from openyard_platform.domain.calendar_addresses import CalendarAddress, Outcome, Wanted
from openyard_platform.domain.errors import Conflict
from openyard_platform.store import engine

_SELECT = """
    SELECT a.id, a.venue_id, o.key AS venue_key, a.url, a.wanted, a.due_at, a.etag, a.modified,
           a.digest, a.failures, a.fetched_at, a.outcome, a.reason, a.import_id
    FROM calendar_address a JOIN organisation o ON o.id = a.venue_id
"""


async def insert(made: CalendarAddress, now: dt.datetime) -> None:
    """Raises Conflict: the venue's calendar of this name has an address already."""
    try:
        await engine.fetch(
            """INSERT INTO calendar_address (id, venue_id, url, wanted, due_at, created_at)
               VALUES ($1, $2, $3, $4, $5, $6)""",
            *(made.id, made.venue_id, made.url, msgspec.to_builtins(made.wanted)),
            *(made.due_at, now),
        )
    except asyncpg.UniqueViolationError as error:
        message = "This calendar has an address already: give it another source."
        raise Conflict(message, code="calendar_known") from error


async def of_venue(venue_id: UUID) -> list[CalendarAddress]:
    """The oldest first."""
    rows = await engine.fetch(f"{_SELECT} WHERE a.venue_id = $1 ORDER BY a.id", venue_id)
    return [_address(row) for row in rows]


async def delete(venue_id: UUID, address_id: UUID) -> bool:
    rows = await engine.fetch(
        "DELETE FROM calendar_address WHERE venue_id = $1 AND id = $2 RETURNING id",
        *(venue_id, address_id),
    )
    return bool(rows)


async def hurry(venue_id: UUID, address_id: UUID, now: dt.datetime) -> bool:
    """Have it read now; False: there is no such address."""
    rows = await engine.fetch(
        "UPDATE calendar_address SET due_at = $3 WHERE venue_id = $1 AND id = $2 RETURNING id",
        *(venue_id, address_id, now),
    )
    return bool(rows)


async def claim(now: dt.datetime, until: dt.datetime) -> CalendarAddress | None:
    """The one that has been due longest and that nobody reads."""
    claimed = await engine.fetch_one(
        """UPDATE calendar_address SET claimed_until = $2
           WHERE id = (SELECT id FROM calendar_address
                       WHERE due_at <= $1 AND claimed_until <= $1
                       ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
           RETURNING id""",
        *(now, until),
    )
    if claimed is None:
        return None
    row = await engine.fetch_one(f"{_SELECT} WHERE a.id = $1", claimed["id"])
    return None if row is None else _address(row)


async def finish(before: CalendarAddress, after: CalendarAddress) -> None:
    """Give it back as it is now, due as it says unless it was hurried meanwhile."""
    await engine.fetch(
        """UPDATE calendar_address
           SET etag = $2, modified = $3, digest = $4, failures = $5, fetched_at = $6, outcome = $7,
               reason = $8, import_id = $9, claimed_until = '-infinity',
               due_at = CASE WHEN due_at = $10 THEN $11 ELSE due_at END
           WHERE id = $1""",
        *(before.id, after.etag, after.modified, after.digest, after.failures, after.fetched_at),
        *(after.outcome, after.reason, after.import_id, before.due_at, after.due_at),
    )


def _address(row: Any) -> CalendarAddress:
    values = dict(row)
    outcome = values.pop("outcome")
    return CalendarAddress(
        wanted=msgspec.convert(values.pop("wanted"), Wanted),
        outcome=None if outcome is None else Outcome(outcome),
        **values,
    )
