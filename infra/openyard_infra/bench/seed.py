"""Accounts, venues and slots for the benchmarks, straight into the database."""

import datetime as dt
import hashlib
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import asyncpg

from openyard_events import subjects
from openyard_platform import ids

UNLIMITED = 1_000_000
_SUBSCRIBED = 4  # every so many-th family


def token(number: int) -> str:
    return f"oy_bench{number:035d}"


async def people(
    connection: asyncpg.Connection, count: int, *, subscribed_every: int = _SUBSCRIBED
) -> None:
    """``count`` family accounts, each with a party and a token.

    Every ``subscribed_every``-th has its reservations in a calendar program, so that they are
    rendered for it.
    """
    now = dt.datetime.now(dt.UTC)  # noqa: TID251 - an edge
    families = [ids.new() for _ in range(count)]
    accounts = [ids.new() for _ in range(count)]
    await connection.execute(
        """INSERT INTO family (id, name, created_at)
           SELECT id, 'bench', $2 FROM unnest($1::uuid[]) AS q (id)""",
        families,
        now,
    )
    await connection.execute(
        """INSERT INTO account (id, email, display_name, role, family_id, created_at)
           SELECT id, 'bench-' || n || '@example.org', 'bench', 'family', family, $3
           FROM unnest($1::uuid[], $2::uuid[]) WITH ORDINALITY AS q (id, family, n)""",
        accounts,
        families,
        now,
    )
    await connection.execute(
        "INSERT INTO party (ref) SELECT ref FROM unnest($1::uuid[]) AS q (ref)", families
    )
    await _subscribed(connection, families[::subscribed_every])
    await connection.execute(
        """INSERT INTO api_token (id, token_hash, account_id, name, created_at)
           SELECT id, hash, account, 'bench', $4
           FROM unnest($1::uuid[], $2::bytea[], $3::uuid[]) AS q (id, hash, account)""",
        [ids.new() for _ in range(count)],
        [hashlib.sha256(token(number).encode()).digest() for number in range(count)],
        accounts,
        now,
    )


async def _subscribed(connection: asyncpg.Connection, families: Sequence[UUID]) -> None:
    """Their private feeds have been fetched once."""
    await connection.execute(
        """INSERT INTO subscribed_feed (feed_id, caught_up_at)
           SELECT id, now() FROM unnest($1::uuid[]) AS q (id) ON CONFLICT DO NOTHING""",
        families,
    )


async def forget(connection: asyncpg.Connection, slots: Sequence[UUID]) -> None:
    """Who was there, as retention does after a day: nobody has dozens of bookings before them."""
    await connection.execute("DELETE FROM party_occupancy WHERE slot_id = ANY($1)", slots)
    await connection.execute("VACUUM party_occupancy")


async def venues(connection: asyncpg.Connection, count: int) -> list[tuple[UUID, UUID]]:
    """``count`` venues over all partitions: (venue, space) of each."""
    await connection.execute(
        "INSERT INTO district VALUES ('bench', '测试', 99) ON CONFLICT DO NOTHING"
    )
    made = []
    known = await connection.fetchval("SELECT count(*) FROM organisation")
    for number in range(known, known + count):
        venue, space = ids.new(), ids.new()
        await connection.execute(
            """INSERT INTO organisation (id, key, name, kind, district_key)
               VALUES ($1, $2, 'bench', 'venue', 'bench')""",
            venue,
            subjects.token(f"bench-{number}"),
        )
        await connection.execute(
            "INSERT INTO space (id, organisation_id, key, name) VALUES ($1, $2, 'hall', 'hall')",
            space,
            venue,
        )
        made.append((venue, space))
    return made


async def slots(
    connection: asyncpg.Connection,
    places: list[tuple[UUID, UUID]],
    count: int,
    *,
    starts_at: dt.datetime,
) -> list[UUID]:
    """``count`` fresh slots of one hour from ``starts_at``, capacity without limit."""
    made = [ids.new() for _ in range(count)]
    rows: list[Any] = [places[number % len(places)] for number in range(count)]
    await connection.execute(
        """INSERT INTO slot (id, venue_id, external_id, version, status, space_id, kind, title,
               starts_at, ends_at, capacity, created_at, updated_at)
           SELECT id, venue, id::text, 1, 'open', space, 'access', 'bench', $4::timestamptz,
               $4::timestamptz + interval '1 hour', $5, now(), now()
           FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS q (id, venue, space)""",
        made,
        [venue for venue, _ in rows],
        [space for _, space in rows],
        starts_at,
        UNLIMITED,
    )
    return made
