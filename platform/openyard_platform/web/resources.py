"""What one web process holds open while it runs: database, bus, Valkey, looked-up accounts."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

from litestar import Litestar
from nats.aio.msg import Msg
from redis.asyncio import Redis

from openyard_events import bus
from openyard_events.endings import end
from openyard_platform.passwords import Hasher
from openyard_platform.settings import Settings
from openyard_platform.store import engine
from openyard_platform.web import auth
from openyard_platform.web.lookup import Lookup
from openyard_platform.web.usage import Usage

_VALKEY_PATIENCE = 1.0


@asynccontextmanager
async def opened(app: Litestar) -> AsyncGenerator[None, None]:
    """Put ``nats``, ``valkey``, ``lookup`` and ``hasher`` into ``app.state``.

    Raises:
        OSError, asyncpg's or NATS's errors: a server cannot be reached at the start.
    """
    settings: Settings = app.state.settings
    async with AsyncExitStack() as stack:
        await engine.connect(settings.database_url, size=settings.pool_size, application="web")
        stack.push_async_callback(engine.disconnect)
        connection = await bus.connect(settings.nats_url, name="web")
        stack.push_async_callback(connection.close)
        valkey = Redis.from_url(
            settings.redis_url,
            socket_timeout=_VALKEY_PATIENCE,
            socket_connect_timeout=_VALKEY_PATIENCE,
        )
        stack.push_async_callback(valkey.aclose)
        usage = Usage()
        lookup = Lookup(usage.find)
        stack.push_async_callback(lookup.close)
        writing = asyncio.create_task(usage.run())
        stack.push_async_callback(end, writing)
        hasher = Hasher()
        stack.callback(hasher.close)

        async def on_revoked(message: Msg) -> None:
            size = auth.DIGEST_BYTES
            data = message.data
            lookup.drop(data[at : at + size] for at in range(0, len(data), size))

        await connection.subscribe(auth.REVOKED, cb=on_revoked)
        app.state.nats = connection
        app.state.valkey = valkey
        app.state.lookup = lookup
        app.state.hasher = hasher
        yield
