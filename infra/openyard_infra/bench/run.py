"""``openyard bench rush|spread``: our way, the row lock per request, and the bare handler."""

import datetime as dt
import math
import statistics
from collections import Counter
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import asyncpg
from msgspec import Struct, field

from openyard_infra.bench import driving, seed, stack
from openyard_infra.bench.client import Plan, Summary
from openyard_infra.bench.stack import BenchFailed

WAYS = {
    "bare": "/bench/bare",
    "row_lock": "/bench/row-lock",
    "row_lock_short": "/bench/row-lock-short",
    "ours": "/api/v1/reservations",
}
_SLOTS = {"rush": 1, "spread": 1000}
_VENUES = 64

Say = Callable[[str], None]


class Options(Struct, frozen=True, kw_only=True):
    """``runs`` of ``seconds`` for each way and number of connections, interleaved.

    ``rate``: requests a second instead of a closed loop. ``burst``: so many requests at once,
    each on a connection of its own.
    """

    bench: str
    connections: list[int]
    parties: int = 20_000
    runs: int = 5
    seconds: float = 6.0
    workers: int = 1
    rate: float | None = None
    burst: int | None = None

    @property
    def requests(self) -> int:
        """How many there are in a run at most."""
        if self.rate is not None:
            return math.ceil(self.rate * self.seconds)
        return self.parties if self.burst is None else self.burst


class Measured(Struct, kw_only=True):
    """One way at one number of connections, over all its runs."""

    summaries: list[Summary] = field(default_factory=list)
    drains: list[float] = field(default_factory=list)
    cpu: dict[str, float] = field(default_factory=dict)

    def told(self) -> dict[str, Any]:
        count = sum(summary.count for summary in self.summaries)
        return {
            "rate": round(statistics.median(one.rate for one in self.summaries), 1),
            "rates": [round(one.rate, 1) for one in self.summaries],
            "p50_ms": round(statistics.median(one.p50_ms for one in self.summaries), 2),
            "p99_ms": round(statistics.median(one.p99_ms for one in self.summaries), 2),
            "max_ms": round(max(one.max_ms for one in self.summaries), 2),
            "seconds": round(statistics.median(one.seconds for one in self.summaries), 2),
            "drain_s": round(statistics.median(self.drains), 2),
            "cpu_us": {
                role: round(seconds * 1e6 / count) for role, seconds in sorted(self.cpu.items())
            },
            "answers": count,
            "followed": sum(one.followed for one in self.summaries),
            "codes": dict(sum((Counter(one.codes) for one in self.summaries), Counter())),
        }


async def run(options: Options, say: Say) -> list[dict[str, Any]]:
    """Start a stack, measure, stop it; one result for each number of connections.

    Raises:
        BenchFailed: the stack did not start, or an answer was not one that counts.
    """
    results = []
    parties = max(options.parties, options.requests)
    with stack.running(options.workers) as ready:
        connection = await stack.database(ready["database_url"])
        try:
            say(f"{parties} accounts …")
            await seed.people(connection, parties)
            places = await seed.venues(connection, _VENUES)
            await connection.execute("ANALYZE")
            start = dt.datetime(2040, 1, 1, tzinfo=dt.UTC)
            for connections in options.connections:
                measured = {way: Measured() for way in WAYS}
                for number in range(options.runs):
                    for way in driving.order(WAYS, number):
                        # Each run has an hour of its own: nobody overlaps an earlier one.
                        start += dt.timedelta(hours=2)
                        slots = await seed.slots(
                            connection, places, _SLOTS[options.bench], starts_at=start
                        )
                        await _one(options, ready, connection, connections, way, slots, measured)
                        last = measured[way].summaries[-1]
                        say(f"{connections} connections, {way}: {last.rate:.0f}/s")
                results.append(_result(options, connections, measured))
        finally:
            await connection.close()
    return results


async def _one(  # noqa: PLR0913 - one run is made of all of it
    options: Options,
    ready: dict[str, Any],
    connection: asyncpg.Connection,
    connections: int,
    way: str,
    slots: list[Any],
    measured: dict[str, Measured],
) -> None:
    address = urlsplit(ready["url"])
    plan = Plan(
        host=address.hostname or "127.0.0.1",
        port=address.port or 80,
        path=WAYS[way],
        connections=connections,
        seconds=options.seconds,
        tokens=[seed.token(number) for number in range(options.requests)],
        slots=[str(slot) for slot in slots],
        rate=options.rate,
        at_once=options.burst is not None,
    )
    before = stack.cpu_seconds(ready["pids"])
    summary = await driving.measure(plan)
    _accepted(options, way, summary)
    drain = await stack.drained(connection)
    after = stack.cpu_seconds(ready["pids"])
    await _checked(connection, way, slots, summary)
    await seed.forget(connection, slots)
    one = measured[way]
    one.summaries.append(summary)
    one.drains.append(drain)
    for role, seconds in after.items():
        one.cpu[role] = one.cpu.get(role, 0.0) + seconds - before.get(role, 0.0)


def _accepted(options: Options, way: str, summary: Summary) -> None:
    """In a closed loop every answer is the decision; else an error may come, if it has a code."""
    closed = options.rate is None and options.burst is None
    bad = "lost" in summary.statuses or "" in summary.codes
    if bad or (closed and set(summary.statuses) != {"201"}) or not summary.count:
        raise BenchFailed(f"{way}: not only what counts: {summary.statuses}, {summary.codes}")


async def _checked(
    connection: asyncpg.Connection, way: str, slots: list[Any], summary: Summary
) -> None:
    """What was answered is in the database, no more and no less."""
    if way == "bare":
        return
    row = await connection.fetchrow(
        """SELECT sum(taken) AS taken, (SELECT count(*) FROM reservation
           WHERE slot_id = ANY($1) AND status = 'confirmed') AS confirmed
           FROM slot WHERE id = ANY($1)""",
        slots,
    )
    if not row["taken"] == row["confirmed"] == summary.count:
        raise BenchFailed(f"{way}: {summary.count} answers, but {dict(row)} in the database")


def _result(options: Options, connections: int, measured: dict[str, Measured]) -> dict[str, Any]:
    runs = {way: one.told() for way, one in measured.items()}
    return {
        "bench": options.bench,
        "connections": connections,
        "machine": driving.machine(),
        "web_workers": options.workers,
        "parties": options.parties,
        "slots": _SLOTS[options.bench],
        "rate": options.rate,
        "burst": options.burst,
        "runs": runs,
        "ratios": {
            f"ours_to_{way}": round(runs["ours"]["rate"] / runs[way]["rate"], 2)
            for way in WAYS
            if way != "ours"
        },
    }
