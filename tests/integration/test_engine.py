"""What a transaction leaves behind when its COMMIT, its body or its task fails."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import asyncpg
import pytest
from piccolo.engine.postgres import PostgresTransaction

from openyard_platform.store import engine
from openyard_platform.store.engine import DB, transaction

SIZE = 2

# The constraint is looked at only when the transaction commits.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS hall (id int PRIMARY KEY);
CREATE TABLE IF NOT EXISTS court (
    id int PRIMARY KEY,
    hall_id int REFERENCES hall DEFERRABLE INITIALLY DEFERRED
);
TRUNCATE hall, court;
"""
_ORPHAN = "INSERT INTO court VALUES ($1, 99)"


@pytest.fixture(autouse=True)
async def _pool(database_url: str) -> AsyncIterator[None]:
    await engine.connect(database_url, size=SIZE)
    await engine.run_script(_SCHEMA)
    yield
    await engine.disconnect()


async def _fail_to_commit(number: int = 1) -> None:
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        async with transaction() as connection:
            await connection.execute(_ORPHAN, number)


async def _write_and_fail(opening: AbstractAsyncContextManager[Any]) -> None:
    async with opening:
        await engine.fetch("INSERT INTO court VALUES (1, NULL)")
        raise ZeroDivisionError


async def _courts() -> int:
    row = await engine.fetch_one("SELECT count(*) AS n FROM court")
    return int(row["n"])


def _held() -> int:
    """Connections that somebody has taken from the pool and not given back."""
    return int(DB.pool.get_size() - DB.pool.get_idle_size())


async def test_a_failed_commit_stores_nothing_and_is_told():
    await _fail_to_commit()
    assert await _courts() == 0


async def test_a_failed_commit_gives_its_connection_back():
    for number in range(3 * SIZE):
        await asyncio.wait_for(_fail_to_commit(number), 5)
    assert _held() == 0
    assert await asyncio.wait_for(_courts(), 5) == 0


async def test_after_a_failed_commit_the_next_transaction_is_a_real_one():
    await _fail_to_commit()
    assert DB.current_transaction.get() is None
    with pytest.raises(ZeroDivisionError):
        await _write_and_fail(transaction())
    assert await _courts() == 0


async def test_after_a_failed_commit_the_next_transaction_commits():
    await _fail_to_commit()
    async with transaction() as connection:
        await connection.execute("INSERT INTO court VALUES (1, NULL)")
    assert await _courts() == 1


async def test_stock_piccolo_leaks_the_connection_and_stays_in_the_dead_transaction():
    """The negative control: without our class, all of the above is broken."""

    async def in_a_context_of_its_own() -> tuple[int, bool]:
        with pytest.raises(asyncpg.ForeignKeyViolationError):
            async with PostgresTransaction(DB) as running:
                await running.connection.execute(_ORPHAN, 1)
        leaked, dead = _held(), DB.current_transaction.get()
        # Its next transaction is none: what it writes stays although its body fails.
        with pytest.raises(ZeroDivisionError):
            await _write_and_fail(PostgresTransaction(DB))
        await DB.pool.release(dead.connection)
        return leaked, dead is not None

    leaked, is_inside = await asyncio.create_task(in_a_context_of_its_own())
    assert (leaked, is_inside) == (1, True)
    assert await _courts() == 1


async def test_a_body_that_fails_rolls_back():
    with pytest.raises(ZeroDivisionError):
        await _write_and_fail(transaction())
    assert (_held(), await _courts()) == (0, 0)


async def test_a_cancelled_task_rolls_back_and_gives_its_connection_back():
    inside = asyncio.Event()

    async def work() -> None:
        async with transaction() as connection:
            await connection.execute("INSERT INTO court VALUES (1, NULL)")
            inside.set()
            await asyncio.sleep(60)

    task = asyncio.create_task(work())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (_held(), await _courts()) == (0, 0)


async def test_a_connection_that_dies_inside_a_transaction_does_no_lasting_harm(postgres):
    async def work() -> None:
        async with transaction() as connection:
            pid = await connection.fetchval("SELECT pg_backend_pid()")
            end = f"SELECT pg_terminate_backend({pid}) \\g /dev/null"
            await asyncio.to_thread(postgres.server.run_sql, end)
            await connection.execute("INSERT INTO court VALUES (1, NULL)")

    ended = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)
    with pytest.raises(ended):
        await work()
    assert DB.current_transaction.get() is None
    assert (_held(), await _courts()) == (0, 0)


async def test_a_transaction_inside_another_is_refused():
    async with transaction():
        with pytest.raises(RuntimeError, match="nest"):
            async with transaction():
                pass


async def test_statements_outside_and_inside_see_what_they_should():
    async with transaction() as connection:
        await connection.execute("INSERT INTO court VALUES (1, NULL)")
        assert await _courts() == 1
        elsewhere = await asyncio.create_task(_outside())
        assert elsewhere == 0
    assert await _courts() == 1


async def _outside() -> int:
    async with DB.pool.acquire() as connection:
        return int(await connection.fetchval("SELECT count(*) FROM court"))
