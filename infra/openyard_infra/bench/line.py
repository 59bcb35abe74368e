"""``openyard bench line``: what others feel while thousands who wait are served, or sent home."""

import asyncio
import datetime as dt
import time
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg

from openyard_events import bus, commands, subjects
from openyard_events.commands import CommandBatch, WithdrawSlot
from openyard_events.contracts import SlotWithdrawn
from openyard_infra.bench import driving, seed, stack
from openyard_infra.bench.client import Plan, Summary
from openyard_infra.bench.run import Options, Say
from openyard_infra.bench.stack import BenchFailed
from openyard_platform import clock, ids

WAITING = 5_000
# The line is touched so long after the others have begun to ask.
_AFTER = dt.timedelta(seconds=1)
_WORKED_OFF_WITHIN = 60.0


async def run(options: Options, say: Say) -> list[dict[str, Any]]:
    """Start a stack, measure, stop it; one result for each number of connections.

    People ask for seats on another slot of the same venue, so that the same decider answers them:
    first undisturbed, then while seats kept for schools are released to everybody who waits, then
    while that slot is withdrawn.

    Raises:
        BenchFailed: the stack did not start, an answer was not 201, or the line did not move.
    """
    results = []
    with stack.running(options.workers) as ready:
        connection = await stack.database(ready["database_url"])
        try:
            say(f"{options.parties + WAITING} accounts …")
            await seed.people(connection, options.parties + WAITING)
            (place,) = await seed.venues(connection, 1)
            await connection.execute("ANALYZE")
            for number, connections in enumerate(options.connections):
                scene = _Scene(options, ready, connection, place, connections, 10 * number)
                results.append(await scene.play(say))
        finally:
            await connection.close()
    return results


class _Scene:
    """One number of connections: undisturbed, a release, a withdrawal."""

    def __init__(  # noqa: PLR0913 - what a scene is made of
        self,
        options: Options,
        ready: dict[str, Any],
        connection: asyncpg.Connection,
        place: tuple[UUID, UUID],
        connections: int,
        hour: int,
    ) -> None:
        self._options = options
        self._ready = ready
        self._connection = connection
        self._place = place
        self._connections = connections
        self._hour = hour

    async def play(self, say: Say) -> dict[str, Any]:
        runs: dict[str, Any] = {"quiet": _told(await self._ask(1))}
        line = await self._line()
        release = self._when_worked_off("status = 'waitlisted'", line)
        summary, seconds = await self._beside(2, self._release(line), release)
        runs["release"] = {**_told(summary), "worked_off_s": round(seconds, 2)}
        withdrawal = self._when_worked_off("status IN ('offered', 'waitlisted')", line)
        summary, seconds = await self._beside(3, self._withdraw(line), withdrawal)
        runs["withdrawal"] = {**_told(summary), "worked_off_s": round(seconds, 2)}
        for name, one in runs.items():
            say(f"{self._connections} connections, {name}: p99 {one['p99_ms']:.0f} ms")
        return {
            "bench": "line",
            "connections": self._connections,
            "machine": driving.machine(),
            "waiting": WAITING,
            "runs": runs,
        }

    async def _ask(self, hour: int) -> Summary:
        """Everybody but those who wait asks for seats on another slot."""
        starts_at = dt.datetime(2040, 1, 1, tzinfo=dt.UTC) + dt.timedelta(hours=self._hour + hour)
        (slot,) = await seed.slots(self._connection, [self._place], 1, starts_at=starts_at)
        address = urlsplit(self._ready["url"])
        plan = Plan(
            host=address.hostname or "127.0.0.1",
            port=address.port or 80,
            path="/api/v1/reservations",
            connections=self._connections,
            seconds=self._options.seconds,
            tokens=[seed.token(WAITING + number) for number in range(self._options.parties)],
            slots=[str(slot)],
        )
        summary = await driving.measure(plan)
        if set(summary.statuses) != {"201"}:
            raise BenchFailed(f"Not only 201: {summary.statuses}")
        return summary

    async def _beside(self, hour: int, disturbing: Any, worked_off: Any) -> tuple[Summary, float]:
        """Ask while something happens to the line; also how long it took to be worked off."""

        async def disturb() -> float:
            await asyncio.sleep(_AFTER.total_seconds())
            await disturbing
            begun = time.perf_counter()
            await worked_off
            return time.perf_counter() - begun

        summary, seconds = await asyncio.gather(self._ask(hour), disturb())
        return summary, seconds

    async def _line(self) -> UUID:
        """A slot whose seats are all kept for schools, and families that wait for them."""
        starts_at = dt.datetime(2041, 1, 1, tzinfo=dt.UTC) + dt.timedelta(hours=self._hour)
        (slot,) = await seed.slots(self._connection, [self._place], 1, starts_at=starts_at)
        await self._connection.execute(_LINE, slot, WAITING)
        await self._connection.execute(_WAIT, slot, WAITING)
        return slot

    async def _release(self, slot: UUID) -> None:
        now = clock.now()
        await self._connection.execute(
            "UPDATE slot_allotment SET releases_at = $2 WHERE slot_id = $1", slot, now
        )
        await self._connection.execute("UPDATE slot SET due_at = $2 WHERE id = $1", slot, now)

    async def _withdraw(self, slot: UUID) -> None:
        row = await self._connection.fetchrow(
            """SELECT s.venue_id, s.external_id, o.key FROM slot s
               JOIN organisation o ON o.id = s.venue_id WHERE s.id = $1""",
            slot,
        )
        partitions = await self._connection.fetchval("SELECT count(*) FROM partition")
        command = WithdrawSlot(
            id=ids.new(),
            venue_id=row["venue_id"],
            venue_key=row["key"],
            receipt_id=str(ids.new()),
            slot=SlotWithdrawn(external_id=row["external_id"], version=2),
        )
        nc = await bus.connect(self._ready["nats_url"], name="bench")
        try:
            await nc.jetstream().publish(
                subjects.command(subjects.partition_of(row["key"], partitions)),
                commands.encode(CommandBatch(reply_to="bench", commands=[command])),
            )
        finally:
            await nc.close()

    async def _when_worked_off(self, undone: str, slot: UUID) -> None:
        watching = await stack.database(self._ready["database_url"])
        sql = f"SELECT EXISTS (SELECT FROM reservation WHERE slot_id = $1 AND {undone})"  # noqa: S608 - one of two texts above
        try:
            async with asyncio.timeout(_WORKED_OFF_WITHIN):
                while await watching.fetchval(sql, slot):  # noqa: ASYNC110 - another process does it
                    await asyncio.sleep(0.05)
        except TimeoutError as error:
            raise BenchFailed("The line was not worked off within a minute.") from error
        finally:
            await watching.close()


def _told(summary: Summary) -> dict[str, Any]:
    return {"rate": summary.rate, "p50_ms": summary.p50_ms, "p99_ms": summary.p99_ms}


_LINE = """
    WITH stated AS (
        UPDATE slot SET capacity = $2::int, waiting = $2::int, decided = $2::int,
            allotment_count = 1, external_id = 'line-' || id, due_at = starts_at
        WHERE id = $1 RETURNING starts_at)
    INSERT INTO slot_allotment (slot_id, audience, seats, release_hours, releases_at, ordinal)
    SELECT $1, 'school', $2::int, 0, starts_at, 0 FROM stated
"""
_WAIT = """
    WITH waiting AS (
        INSERT INTO reservation (id, slot_id, account_id, holder_id, party_nos, seats, held, status,
            position, audiences, created_at, updated_at)
        SELECT uuidv7(), $1, a.id, a.family_id, ARRAY[p.no], 1, 1, 'waitlisted',
            row_number() OVER (ORDER BY p.no), '{family,resident}', now(), now()
        FROM account a JOIN party p ON p.ref = a.family_id
        JOIN api_token t ON t.account_id = a.id ORDER BY p.no LIMIT $2::int
        RETURNING id, party_nos)
    INSERT INTO party_occupancy (party_no, slot_id, reservation_id, during)
    SELECT party_nos[1], $1, id, 'empty' FROM waiting
"""
