"""Opening schedules: as they were stated, and which are due to be worked on."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
from msgspec import Struct

from openyard_platform.domain import schedules as domain
from openyard_platform.domain.errors import Conflict, NotFound
from openyard_platform.domain.schedules import Plan, Schedule
from openyard_platform.store import engine

_SELECT = """
    SELECT s.id, s.venue_id, o.key AS venue_key, o.district_key AS district, s.plan, s.revision,
           s.ended, s.due_at
    FROM opening_schedule s JOIN organisation o ON o.id = s.venue_id
"""


class Claimed(Struct, frozen=True, kw_only=True):
    """A schedule this process works on. ``due_at``: as it was when claimed."""

    schedule: Schedule
    due_at: dt.datetime


async def insert(schedule: Schedule, now: dt.datetime) -> None:
    """Raises Conflict: another schedule of the venue has its key."""
    with _key_taken(schedule.plan):
        await engine.fetch(
            """INSERT INTO opening_schedule (id, venue_id, plan, due_at, created_at, updated_at)
               VALUES ($1, $2, $3, $4, $4, $4)""",
            *(schedule.id, schedule.venue_id, msgspec.to_builtins(schedule.plan), now),
        )


async def district_of(venue_id: UUID) -> str:
    row = await engine.fetch_one("SELECT district_key FROM organisation WHERE id = $1", venue_id)
    if row is None:
        raise NotFound("There is no such venue.")
    return str(row["district_key"])


async def of_venue(venue_id: UUID) -> list[Schedule]:
    """The oldest first; without those that have been taken away."""
    rows = await engine.fetch(
        f"{_SELECT} WHERE s.venue_id = $1 AND NOT s.ended ORDER BY s.id",
        venue_id,
    )
    return [_schedule(row) for row in rows]


async def one(venue_id: UUID, schedule_id: UUID) -> Schedule | None:
    row = await engine.fetch_one(
        f"{_SELECT} WHERE s.venue_id = $1 AND s.id = $2 AND NOT s.ended",
        *(venue_id, schedule_id),
    )
    return None if row is None else _schedule(row)


async def restate(
    schedule_id: UUID, seen: int, plan: Plan, now: dt.datetime, *, ended: bool = False
) -> bool:
    """Write the next revision; False: it stands at another one than was seen.

    Raises:
        Conflict: another schedule of the venue has its key.
    """
    with _key_taken(plan):
        rows = await engine.fetch(
            """UPDATE opening_schedule
               SET plan = $3, ended = $5, revision = revision + 1, due_at = $4, updated_at = $4
               WHERE id = $1 AND revision = $2 AND NOT ended RETURNING id""",
            *(schedule_id, seen, msgspec.to_builtins(plan), now, ended),
        )
    return bool(rows)


@contextmanager
def _key_taken(plan: Plan) -> Iterator[None]:
    try:
        yield
    except asyncpg.UniqueViolationError as error:
        text = f"Another schedule of the venue has the key {plan.key!r}."
        raise Conflict(text, code="schedule_key_taken") from error


async def hurry(district: str | None, now: dt.datetime) -> None:
    """Have the schedules of a district, or all, worked on now: their calendar has changed."""
    await engine.fetch(
        """UPDATE opening_schedule s SET due_at = $2 FROM organisation o
           WHERE o.id = s.venue_id AND NOT s.ended
               AND ($1::text IS NULL OR o.district_key = $1)""",
        *(district, now),
    )


async def hurry_venue(venue_id: UUID, now: dt.datetime) -> None:
    """Have the schedules of a venue worked on now: it is open again when it was closed."""
    await engine.fetch(
        "UPDATE opening_schedule SET due_at = $2 WHERE venue_id = $1 AND NOT ended", venue_id, now
    )


async def claim(now: dt.datetime, until: dt.datetime) -> Claimed | None:
    """The one that has been due longest and that nobody works on."""
    claimed = await engine.fetch_one(
        """UPDATE opening_schedule SET claimed_until = $2
           WHERE id = (SELECT id FROM opening_schedule
                       WHERE due_at <= $1 AND claimed_until <= $1
                       ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
           RETURNING id""",
        *(now, until),
    )
    if claimed is None:
        return None
    row = await engine.fetch_one(f"{_SELECT} WHERE s.id = $1", claimed["id"])
    return None if row is None else Claimed(schedule=_schedule(row), due_at=row["due_at"])


async def finish(claimed: Claimed, due_at: dt.datetime | None) -> None:
    """Give it back, due again at ``due_at`` (None: never) unless it changed meanwhile."""
    await engine.fetch(
        """UPDATE opening_schedule
           SET claimed_until = '-infinity',
               due_at = CASE WHEN due_at = $2 THEN coalesce($3, timestamptz 'infinity')
                             ELSE due_at END
           WHERE id = $1""",
        *(claimed.schedule.id, claimed.due_at, due_at),
    )


def _schedule(row: Any) -> Schedule:
    return Schedule(
        id=row["id"],
        venue_id=row["venue_id"],
        venue_key=row["venue_key"],
        district=row["district"],
        plan=domain.parse(row["plan"]),
        revision=row["revision"],
        ended=row["ended"],
    )
