"""``openyard bench feed``: a feed of 1,000 events beside the library and a static file."""

import gzip
import statistics
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import asyncpg
from msgspec import Struct

from openyard_infra.bench import driving, freshness, seed, stack
from openyard_infra.bench.client import Plan, Summary
from openyard_infra.bench.feed_routes import FILE
from openyard_infra.bench.run import Options, Say
from openyard_infra.bench.stack import BenchFailed
from openyard_platform import clock, ids
from openyard_platform.actions import feeds
from openyard_platform.store import engine

EVENTS = 1_000


class Way(Struct, frozen=True):
    """One thing to ask for, and what must come."""

    path: str
    headers: dict[str, str]
    status: str = "200"


async def run(options: Options, say: Say) -> list[dict[str, Any]]:
    """Start a stack, measure, stop it; one result for each number of connections.

    Raises:
        BenchFailed: the stack did not start, or an answer was not the expected one.
    """
    results = []
    with stack.running(options.workers) as ready:
        venue_key = await _seed(ready)
        ways, size, zipped = _ways(ready, venue_key)
        say(f"{EVENTS} events, {size} bytes, {zipped} compressed")
        for count in options.connections:
            measured: dict[str, list[Summary]] = {name: [] for name in ways}
            for number in range(options.runs):
                for name in driving.order(ways, number):
                    summary = await _one(ready, ways[name], count, options.seconds)
                    measured[name].append(summary)
                    say(f"{count} connections, {name}: {summary.rate:.1f}/s")
            results.append(_result(count, options.workers, size, zipped, measured))
        fresh = await _freshness(ready, options.seconds)
        say(f"a decision is in its calendar after {fresh['p99_ms']} ms (p99)")
    return [{**result, "freshness": fresh} for result in results]


async def _freshness(ready: dict[str, Any], seconds: float) -> dict[str, Any]:
    connection = await stack.database(ready["database_url"])
    try:
        return await freshness.measure(ready, connection, seconds)
    finally:
        await connection.close()


async def _seed(ready: dict[str, Any]) -> str:
    """A venue with its slots; their events are rendered as the projector renders them."""
    connection = await stack.database(ready["database_url"])
    try:
        ((venue, space),) = await seed.venues(connection, 1)
        await _slots(connection, venue, space)
        key = await connection.fetchval("SELECT key FROM organisation WHERE id = $1", venue)
    finally:
        await connection.close()
    await engine.connect(ready["database_url"], size=1, application="openyard bench")
    try:
        await feeds.refresh(ready["url"], clock.now())
    finally:
        await engine.disconnect()
    return str(key)


async def _slots(connection: asyncpg.Connection, venue: Any, space: Any) -> None:
    await connection.execute(
        """INSERT INTO slot (id, venue_id, external_id, version, status, space_id, kind, title,
               description, starts_at, ends_at, capacity, created_at, updated_at)
           SELECT id, $2, n::text, 1, 'open', $3, 'access', '周末开放 · 第 ' || n || ' 场',
               '请提前十分钟到场，自带水杯；未成年人须有家长陪同。',
               start, start + interval '2 hours', 40, now(), now()
           FROM (SELECT id, n, now() + n * interval '8 hours' AS start
                 FROM unnest($1::uuid[]) WITH ORDINALITY AS q (id, n)) q""",
        [ids.new() for _ in range(EVENTS)],
        venue,
        space,
    )


def _ways(ready: dict[str, Any], venue_key: str) -> tuple[dict[str, Way], int, int]:
    """What is measured, and the sizes of the feed; it is also laid down as a file."""
    path = f"/venues/{venue_key}/calendar.ics"
    plain, tag = _get(ready["url"] + path, {})
    if plain.count(b"BEGIN:VEVENT") != EVENTS:
        raise BenchFailed(f"The feed has {plain.count(b'BEGIN:VEVENT')} events, not {EVENTS}.")
    zipped, _ = _get(ready["url"] + path, {"Accept-Encoding": "gzip"})
    if gzip.decompress(zipped) != plain:
        raise BenchFailed("The compressed feed is another one.")
    (Path(ready["bench"]) / FILE).write_bytes(plain)
    by_library, _ = _get(ready["url"] + "/bench/feed/library.ics", {})
    if by_library.count(b"BEGIN:VEVENT") != EVENTS:
        raise BenchFailed("The library renders other events.")
    ways = {
        "library": Way("/bench/feed/library.ics", {}),
        "static": Way(f"/bench/feed/static/{FILE}", {}),
        "ours": Way(path, {}),
        "ours_gzip": Way(path, {"Accept-Encoding": "gzip"}),
        "ours_unchanged": Way(path, {"If-None-Match": tag}, status="304"),
    }
    return ways, len(plain), len(zipped)


def _get(url: str, headers: dict[str, str]) -> tuple[bytes, str]:
    with urlopen(Request(url, headers=headers), timeout=60) as answer:  # noqa: S310 - our own
        return answer.read(), answer.headers.get("ETag", "")


async def _one(ready: dict[str, Any], way: Way, connections: int, seconds: float) -> Summary:
    address = urlsplit(ready["url"])
    summary = await driving.measure(
        Plan(
            host=address.hostname or "127.0.0.1",
            port=address.port or 80,
            path=way.path,
            connections=connections,
            seconds=seconds,
            headers=way.headers,
        )
    )
    if set(summary.statuses) != {way.status}:
        raise BenchFailed(f"{way.path}: not only {way.status}: {summary.statuses}")
    return summary


def _result(
    connections: int, workers: int, size: int, zipped: int, measured: dict[str, list[Summary]]
) -> dict[str, Any]:
    runs = {name: _told(summaries) for name, summaries in measured.items()}
    rate = {name: one["rate"] for name, one in runs.items()}
    return {
        "bench": "feed",
        "connections": connections,
        "machine": driving.machine(),
        "web_workers": workers,
        "events": EVENTS,
        "bytes": size,
        "bytes_gzip": zipped,
        "runs": runs,
        "ratios": {
            "ours_to_library": round(rate["ours"] / rate["library"], 1),
            "ours_to_static": round(rate["ours"] / rate["static"], 2),
            "gzip_to_static": round(rate["ours_gzip"] / rate["static"], 2),
            "unchanged_to_static": round(rate["ours_unchanged"] / rate["static"], 2),
        },
    }


def _told(summaries: list[Summary]) -> dict[str, Any]:
    return {
        "rate": round(statistics.median(one.rate for one in summaries), 1),
        "rates": [round(one.rate, 1) for one in summaries],
        "p50_ms": round(statistics.median(one.p50_ms for one in summaries), 2),
        "p99_ms": round(statistics.median(one.p99_ms for one in summaries), 2),
        "answers": sum(one.count for one in summaries),
    }
