"""The web application on real servers, spoken to over ASGI."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from litestar import Litestar

from openyard_infra.embedded.nats import Nats
from openyard_infra.embedded.valkey import Valkey
from openyard_platform.settings import Settings
from openyard_platform.web.app import create_app


@pytest.fixture(scope="module")
def settings(database_url: str, nats: Nats, valkey: Valkey) -> Settings:
    return Settings(
        database_url=database_url,
        nats_url=nats.url,
        redis_url=valkey.url,
        secret_key="s" * 64,
    )


@pytest.fixture(scope="module")
async def app(settings: Settings) -> AsyncIterator[Litestar]:
    """The application, its pool and connections open for this module."""
    async with running(create_app(settings)) as application:
        yield application


@asynccontextmanager
async def running(application: Litestar) -> AsyncIterator[Litestar]:
    """Hold the lifespan open in a task of its own: a fixture is set up in one, ended in another."""
    started, ended = asyncio.Event(), asyncio.Event()

    async def live() -> None:
        async with application.lifespan():
            started.set()
            await ended.wait()

    task = asyncio.create_task(live())
    waiting = asyncio.create_task(started.wait())
    await asyncio.wait([task, waiting], return_when=asyncio.FIRST_COMPLETED)
    try:
        if task.done():
            waiting.cancel()
            await task
        yield application
    finally:
        ended.set()
        await task


def browser(application: Litestar) -> httpx.AsyncClient:
    """A client that speaks to the application over ASGI; it keeps cookies."""
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(application), base_url="http://127.0.0.1:8000"
    )
