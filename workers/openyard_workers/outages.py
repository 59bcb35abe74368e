"""What a lost server looks like: waiting helps, and no message is to blame."""

import asyncio
import contextlib

import asyncpg
import nats.errors
import nats.js.errors

OUTAGE = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a connection that was ended in the middle of something
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,
    asyncpg.LockNotAvailableError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.QueryCanceledError,
    nats.errors.Error,
    nats.js.errors.Error,
)


async def pause(stop: asyncio.Event, seconds: float) -> None:
    """Sleep, but not past ``stop``."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
