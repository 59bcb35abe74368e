"""Two million reservations of the past cost a decision what twenty thousand do."""

import datetime as dt
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import pytest

from openyard_events.commands import AnyCommand, Cancel, Reserve
from openyard_infra.bench import seed
from openyard_platform import ids
from openyard_platform.domain.deciding import decide
from openyard_platform.domain.state import Asked
from openyard_platform.store import deciding, decisions, engine

FEW = 20_000
MANY = int(os.environ.get("OPENYARD_HISTORY", "2000000"))
PARTIES = 20_000
BATCH = 100
DECIDED = 2 * BATCH  # one mixed, one usual
NOW = dt.datetime(2026, 11, 25, tzinfo=dt.UTC)

# An index on a hundred times as many rows is a level or two deeper, and each look-up pays for that.
DEEPER = 2


class Measured(msgspec.Struct, frozen=True):
    """A statement as PostgreSQL ran it. ``lookups``: how often an index was descended."""

    sql: str
    shape: list[str]
    buffers: int
    lookups: int


_WRITING = re.compile(r"\b(?:INSERT INTO|UPDATE [a-z_]+ (?:[a-z] )?SET|DELETE FROM)\b")


class Explaining:
    """A connection that runs each statement twice: measured and undone, then for good."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self.measured: list[Measured] = []

    async def fetch(self, sql: str, *arguments: Any) -> list[Any]:
        await self._measure(sql, *arguments)
        return list(await self._connection.fetch(sql, *arguments))

    async def fetchval(self, sql: str, *arguments: Any) -> Any:
        await self._measure(sql, *arguments)
        return await self._connection.fetchval(sql, *arguments)

    async def execute(self, sql: str, *arguments: Any) -> None:
        await self._measure(sql, *arguments)
        await self._connection.execute(sql, *arguments)

    async def executemany(self, sql: str, many: list[Any]) -> None:
        for arguments in many:
            await self.execute(sql, *arguments)

    async def _measure(self, sql: str, *arguments: Any) -> None:
        begun = self._connection.transaction()
        await begun.start()
        told = await self._connection.fetchval(
            f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) {sql}", *arguments
        )
        await begun.rollback()
        (top,) = told if isinstance(told, list) else msgspec.json.decode(told)
        nodes = list(_nodes(top["Plan"]))
        self.measured.append(
            Measured(
                sql=" ".join(sql.split())[:60],
                shape=_shape(nodes),
                buffers=top["Plan"]["Shared Hit Blocks"] + top["Plan"]["Shared Read Blocks"],
                lookups=sum(one["Actual Loops"] for one in nodes if "Index Name" in one)
                + BATCH * len(_WRITING.findall(sql)),
            )
        )


def _shape(nodes: list[dict[str, Any]]) -> list[str]:
    """The plan's nodes and their indexes.

    A few rows of one index cost as much by way of a bitmap as without: which of the two is chosen
    changes with the sample that ANALYZE happened to draw, and says nothing.
    """
    named = (f"{one['Node Type']} {one.get('Index Name', '')}".strip() for one in nodes)
    return [
        one.replace("Bitmap Index Scan", "Index Scan") for one in named if one != "Bitmap Heap Scan"
    ]


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _nodes(below)


async def _history(connection: asyncpg.Connection, slots: list[UUID], since: int, until: int):
    """Decided reservations of past slots, and all the rows they left; no trigger, for speed."""
    await connection.execute(
        """INSERT INTO reservation (id, slot_id, account_id, holder_id, party_nos, seats, held,
               status, position, audiences, created_at, updated_at)
           SELECT uuidv7(), ($1::uuid[])[1 + n % cardinality($1)], p.ref, p.ref, ARRAY[p.no], 1,
               1, (ARRAY['confirmed', 'confirmed', 'cancelled', 'refused'])[1 + n % 4],
               1000 + n / cardinality($1), '{family}', now(), now()
           FROM generate_series($2::bigint, $3 - 1) n
           JOIN party p ON p.no = 1 + (n * 7919) % $4""",
        slots,
        since,
        until,
        PARTIES,
    )
    await connection.execute(
        """INSERT INTO audit (at, action, subject_id)
           SELECT now(), 'reservation.confirmed', uuidv7() FROM generate_series($1::int, $2 - 1)""",
        since,
        until,
    )


def _commands(slots: list[UUID], parties: list[UUID], leaving: list[Reserve]) -> list[AnyCommand]:
    cancels: list[AnyCommand] = [
        Cancel(
            id=ids.new(),
            reservation_id=one.id,
            account_id=one.account_id,
            holder_id=one.holder_id,
        )
        for one in leaving
    ]
    return cancels + [
        _reserve(slots[n % len(slots)], party, key=str(party)) for n, party in enumerate(parties)
    ]


def _reserve(slot: UUID, party: UUID, key: str | None = None) -> Reserve:
    return Reserve(
        id=ids.new(),
        slot_id=slot,
        account_id=party,
        holder_id=party,
        parties=(party,),
        audiences=("family", "resident"),
        seats=1,
        key=key,
        fingerprint=b"same" if key else b"",
    )


async def _decide(connection: asyncpg.Connection, commands: list[AnyCommand]) -> list[Measured]:
    """One batch as a decider runs it, every statement measured."""
    explaining = Explaining(connection)
    async with connection.transaction():
        asked = [Asked(one, NOW) for one in commands]
        state = await deciding.load(explaining, asked)
        decided = decide(state, asked)
        await decisions.write(explaining, decided)
    assert {one.status for one in decided.outcomes} <= {"confirmed", "waitlisted", "cancelled"}
    return explaining.measured


@contextmanager
def _said(few: list[Measured], many: list[Measured]) -> Iterator[None]:
    yield
    each = [sum(one.buffers for one in batches) / DECIDED for batches in (few, many)]
    print(  # noqa: T201 - the figure for docs/benchmarks.md, with pytest -s
        f"buffers per decision: {each[0]:.1f} of {FEW}, {each[1]:.1f} of {MANY}"
    )


@pytest.mark.timeout(600)
async def test_two_million_reservations_are_decided_like_twenty_thousand(postgres):
    url = postgres.fresh("history")
    settings = {**engine.GUARDS, **engine.BY_INDEX, "statement_timeout": "0"}
    connection = await asyncpg.connect(url, server_settings=settings)
    try:
        await engine._teach_json(connection)  # noqa: SLF001 - as the pool does
        await seed.people(connection, PARTIES)
        places = await seed.venues(connection, 16)
        past = await seed.slots(connection, places, 1000, starts_at=NOW - dt.timedelta(days=90))
        refs = [row["ref"] for row in await connection.fetch("SELECT ref FROM party ORDER BY no")]
        hours = [await _hour(connection, places, number) for number in range(3)]
        await _history(connection, past, 0, FEW)
        await connection.execute("VACUUM ANALYZE")
        # The first batch fills what a fresh connection has not read yet.
        await _round(connection, hours[0], refs[:200])
        few = await _round(connection, hours[1], refs[200:400])
        await _history(connection, past, FEW, MANY)
        await connection.execute("VACUUM ANALYZE")
        many = await _round(connection, hours[2], refs[400:600])
    finally:
        await connection.close()
    with _said(few, many):
        assert [one.sql for one in many] == [one.sql for one in few]
        for before, after in zip(few, many, strict=True):
            assert after.shape == before.shape, (before, after)
            allowed = before.buffers + DEEPER * max(before.lookups, after.lookups)
            assert after.buffers <= allowed, (before, after)


async def _hour(connection: asyncpg.Connection, places: Any, number: int) -> list[UUID]:
    """Ten slots of one future hour, so that nobody is in two places."""
    starts_at = NOW + dt.timedelta(days=30, hours=2 * number)
    return await seed.slots(connection, places, 10, starts_at=starts_at)


async def _round(
    connection: asyncpg.Connection, slots: list[UUID], parties: list[UUID]
) -> list[Measured]:
    """Ten come first; ninety more come while those ten leave; and a hundred who want no more."""
    first = [_reserve(slots[n % len(slots)], party) for n, party in enumerate(parties[:10])]
    await _decide(connection, list(first))
    mixed = await _decide(connection, _commands(slots, parties[10:BATCH], first))
    usual = [_reserve(slots[n % len(slots)], party) for n, party in enumerate(parties[BATCH:])]
    return mixed + await _decide(connection, list(usual))
