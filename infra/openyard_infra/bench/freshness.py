"""How long after its decision a reservation is in its holder's calendar, under load."""

import asyncio
import datetime as dt
from typing import Any
from urllib.parse import urlsplit

import asyncpg

from openyard_infra.bench import driving, seed
from openyard_infra.bench.client import Plan
from openyard_infra.bench.stack import BenchFailed
from openyard_platform import clock

_CONNECTIONS = 64
_SLOTS = 50
_VENUES = 16
_MOST_A_SECOND = 4_000
_EVERY = 0.05
# How old the oldest decision is that no calendar shows yet; none: all are shown.
_OLDEST = """
    SELECT extract(epoch FROM max(clock_timestamp() - r.updated_at))::float8
    FROM reservation r
    LEFT JOIN feed_fragment f
        ON f.owner_id = r.holder_id AND f.uid = 'reservation-' || r.id || '@openyard'
    WHERE r.slot_id = ANY ($1) AND f.uid IS NULL
"""


async def measure(
    ready: dict[str, Any], connection: asyncpg.Connection, seconds: float
) -> dict[str, Any]:
    """Reserve as fast as the platform goes, and look again and again at who still waits.

    The percentiles are over the moments looked at, each with its slowest decision: no better
    than those over all decisions.

    Raises:
        BenchFailed: an answer was not 201.
    """
    parties = int(seconds * _MOST_A_SECOND)
    await seed.people(connection, parties, subscribed_every=1)
    places = await seed.venues(connection, _VENUES)
    await connection.execute("ANALYZE")
    slots = await seed.slots(
        connection, places, _SLOTS, starts_at=clock.now() + dt.timedelta(days=3)
    )
    address = urlsplit(ready["url"])
    plan = Plan(
        host=address.hostname or "127.0.0.1",
        port=address.port or 80,
        path="/api/v1/reservations",
        connections=_CONNECTIONS,
        seconds=seconds,
        tokens=[seed.token(number) for number in range(parties)],
        slots=[str(slot) for slot in slots],
    )
    load = asyncio.create_task(driving.measure(plan))
    ages: list[float] = []
    while not load.done():
        ages.append(await connection.fetchval(_OLDEST, slots) or 0.0)
        await asyncio.sleep(_EVERY)
    summary = await load
    if set(summary.statuses) != {"201"}:
        raise BenchFailed(f"Not only 201: {summary.statuses}")
    ages.sort()
    return {
        "decisions_per_second": round(summary.rate, 1),
        "p50_ms": round(ages[len(ages) // 2] * 1000, 1),
        "p99_ms": round(ages[min(len(ages) - 1, len(ages) * 99 // 100)] * 1000, 1),
        "looked": len(ages),
    }
