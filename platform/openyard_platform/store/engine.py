"""The connection to PostgreSQL, and the one way to open a transaction."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any

import asyncpg
import msgspec
from piccolo.engine.postgres import PostgresEngine, PostgresTransaction

# A statement that takes longer has met something it should not wait for; a process that was
# stopped inside a transaction must not keep its locks from the next one.
GUARDS = {
    "statement_timeout": "15s",
    "lock_timeout": "8s",
    "idle_in_transaction_session_timeout": "3s",
    "timezone": "UTC",
    "jit": "off",
}

# What asyncpg raises on a connection that was ended in the middle of something.
_ENDED = (OSError, asyncpg.InterfaceError, asyncpg.InternalClientError)

# For deciders and relay: every query of theirs goes by an index. A plan made while a table was
# nearly empty would read it whole, and stay in use long after the table has grown.
BY_INDEX = {"enable_seqscan": "off", "enable_hashjoin": "off", "enable_mergejoin": "off"}


class Engine(PostgresEngine):
    async def check_version(self) -> None:
        """Stay quiet: importing a module must not open a connection."""

    async def start_connection_pool(self, **kwargs: Any) -> None:
        await super().start_connection_pool(init=_teach_json, **kwargs)


async def _teach_json(connection: Any) -> None:
    """Let ``jsonb`` be Python values on both ways."""
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        format="text",
        encoder=lambda value: msgspec.json.encode(value).decode(),
        decoder=msgspec.json.decode,
    )


DB = Engine({}, extensions=())
_users: list[str] = []  # roles of this process that have the pool open


async def connect(
    dsn: str,
    *,
    size: int = 8,
    application: str = "openyard",
    planner: Mapping[str, str] | None = None,
    may_repeat: bool = False,
) -> None:
    """Open the pool of this process, or share the open one.

    ``size``: connections at most. ``planner``: settings of PostgreSQL's planner, see BY_INDEX.
    ``may_repeat``: whatever a crash of the server takes back will be done again, so that a commit
    need not wait for the disk.
    """
    _users.append(application)
    if DB.pool is not None:
        return
    DB.config = {
        "dsn": dsn,
        "server_settings": {
            **GUARDS,
            **(planner or {}),
            **({"synchronous_commit": "off"} if may_repeat else {}),
            "application_name": application,
        },
        "timeout": 10,
    }
    try:
        await DB.start_connection_pool(min_size=1, max_size=size)
    except BaseException:
        _users.pop()
        raise


async def disconnect() -> None:
    """Close the pool when its last user leaves."""
    if _users:
        _users.pop()
    if DB.pool and not _users:
        # A connection in use by a cancelled task would keep close() waiting for ever.
        try:
            await asyncio.wait_for(DB.pool.close(), 3)
        except TimeoutError:
            DB.pool.terminate()
        DB.pool = None


def _pool() -> Any:
    if DB.pool is None:
        raise RuntimeError("The database pool is not open.")
    return DB.pool


class Transaction(PostgresTransaction):
    """Piccolo's transaction, whole again after a failed COMMIT.

    Piccolo releases the connection and forgets the transaction only when COMMIT or ROLLBACK
    succeeds; otherwise the task's next ``transaction()`` silently runs without one.
    """

    __slots__ = ()

    async def __aenter__(self) -> PostgresTransaction:
        if self._parent is not None:
            raise RuntimeError("Transactions do not nest: use a savepoint.")
        self.connection = await _pool().acquire()
        try:
            self.transaction = self.connection.transaction()
            await self.begin()  # type: ignore[no-untyped-call]
        except BaseException:
            await _pool().release(self.connection)
            raise
        self.context = self.engine.current_transaction.set(self)
        return self

    async def __aexit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        try:
            if exception_type is not None:
                await self._roll_back()
            else:
                await self.commit()  # type: ignore[no-untyped-call]
        finally:
            self.engine.current_transaction.reset(self.context)
            await _pool().release(self.connection)
        return False

    async def _roll_back(self) -> None:
        try:
            await self.rollback()  # type: ignore[no-untyped-call]
        except (*_ENDED, asyncpg.PostgresError):
            # The connection is gone, and the transaction with it; the first error matters.
            self.connection.terminate()


@asynccontextmanager
async def transaction() -> AsyncGenerator[Any, None]:
    """One transaction; yields the asyncpg connection it runs on."""
    async with Transaction(DB) as running:
        yield running.connection


async def fetch(sql: str, *arguments: Any) -> list[Any]:
    """Rows of one statement, inside the running transaction if there is one."""
    running = DB.current_transaction.get()
    if running is not None:
        return list(await running.connection.fetch(sql, *arguments))
    async with _pool().acquire() as connection:
        return list(await connection.fetch(sql, *arguments))


async def fetch_one(sql: str, *arguments: Any) -> Any | None:
    rows = await fetch(sql, *arguments)
    return rows[0] if rows else None


async def execute_many(sql: str, arguments: Sequence[Sequence[Any]]) -> None:
    running = DB.current_transaction.get()
    if running is None:
        raise RuntimeError("Many statements belong in a transaction.")
    await running.connection.executemany(sql, arguments)


async def run_script(sql: str) -> None:
    """Several statements without arguments, for migrations."""
    running = DB.current_transaction.get()
    if running is not None:
        await running.connection.execute(sql)
        return
    async with _pool().acquire() as connection:
        await connection.execute(sql)
