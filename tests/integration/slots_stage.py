"""Venues and slots for tests of reading, written straight into the tables."""

import datetime as dt
import secrets
from uuid import UUID

from msgspec import Struct

from openyard_platform import clock, ids
from openyard_platform.domain import words
from openyard_platform.store import engine


class Venue(Struct, frozen=True, kw_only=True):
    id: UUID
    key: str
    space_id: UUID


def at(days: float, hour: int = 9) -> dt.datetime:
    """So many days from today, at this hour of Shanghai."""
    day = clock.now().astimezone(clock.SHANGHAI) + dt.timedelta(days=days)
    return day.replace(hour=hour, minute=0, second=0, microsecond=0)


async def venue(
    name: str = "市图书馆", district: str = "liubei", category: str | None = "library"
) -> Venue:
    made = Venue(id=ids.new(), key=f"venue-{secrets.token_hex(4)}", space_id=ids.new())
    await engine.fetch(
        "INSERT INTO district (key, name, ordinal) VALUES ($1, $2, 1) ON CONFLICT DO NOTHING",
        district,
        words.DISTRICTS[district],
    )
    await engine.fetch(
        """INSERT INTO organisation (id, key, name, kind, category, district_key, address)
           VALUES ($1, $2, $3, 'venue', $4, $5, '中山路 1 号')""",
        *(made.id, made.key, name, category, district),
    )
    await engine.fetch(
        "INSERT INTO space (id, organisation_id, key, name) VALUES ($1, $2, 'hall', '大厅')",
        *(made.space_id, made.id),
    )
    return made


async def slot(place: Venue, **changes: object) -> UUID:
    """An open slot of two hours, by default five days ahead at nine; changes name columns."""
    starts_at = changes.pop("starts_at", at(5))
    assert isinstance(starts_at, dt.datetime)
    columns = {
        "id": ids.new(),
        "venue_id": place.id,
        "space_id": place.space_id,
        "external_id": secrets.token_hex(8),
        "version": 1,
        "status": "open",
        "kind": "access",
        "title": "周末开放",
        "starts_at": starts_at,
        "ends_at": starts_at + dt.timedelta(hours=2),
        "capacity": 40,
        "created_at": clock.now(),
        "updated_at": clock.now(),
    } | changes
    places = ", ".join(f"${number}" for number in range(1, len(columns) + 1))
    await engine.fetch(
        f"INSERT INTO slot ({', '.join(columns)}) VALUES ({places})",  # noqa: S608 - our own names
        *columns.values(),
    )
    slot_id = columns["id"]
    assert isinstance(slot_id, UUID)
    return slot_id
