"""One role in one process: settings from the environment, uvloop, stopped by a signal."""

import asyncio
import gc
import logging
import os
import signal
import socket
from collections.abc import Awaitable, Callable
from types import FrameType
from typing import Any

import asyncpg
import nats.errors
import redis.exceptions
import uvloop

from openyard_events import bus
from openyard_infra import logs
from openyard_infra.complaints import WRONG_SETTINGS, complaint
from openyard_platform.settings import BadSetting, Settings

_log = logging.getLogger(__name__)

Run = Callable[[Settings, asyncio.Event], Awaitable[None]]

# What an unreachable or lost server looks like: one line, no traceback; who runs us tries again.
OUTAGES = (
    OSError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    nats.errors.Error,
    redis.exceptions.RedisError,
)


def settings_or_exit() -> Settings:
    """The settings of this process; without them one line and exit code 2."""
    try:
        return Settings.from_environment(os.environ)
    except BadSetting as error:
        raise complaint(str(error), WRONG_SETTINGS) from error


def run(role: str, *runs: Run) -> int:
    """Run these together until SIGTERM or SIGINT, or until one fails; the exit code."""
    settings = settings_or_exit()
    logs.configure(role)
    spare_the_collector()
    code = 0
    try:
        uvloop.run(_until_stopped(settings, runs))
    except* OUTAGES as group:
        _log.error("%s stops: %s", role, _first(group))
        code = 1
    return code


def serve(host: str, port: int, descriptor: int | None, trusted_proxy: str | None) -> int:
    """The web role: on its own address, or on a listening socket it has inherited."""
    import uvicorn  # noqa: PLC0415 - the other roles never need it

    settings = settings_or_exit()
    logs.configure("web")
    try:
        asyncio.run(_reach(settings))
        listening = listen(host, port) if descriptor is None else socket.socket(fileno=descriptor)
    except OUTAGES as error:
        _log.error("web stops: %s: %s", type(error).__name__, error)
        return 1

    from openyard_platform.web.app import create_app  # noqa: PLC0415 - nor Litestar

    application = create_app(settings, handlers=_handlers())

    class Server(uvicorn.Server):
        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            """Send the live readers home first, or they would keep us until the time is up."""
            application.state.live.close()
            await super().shutdown(sockets)

    server = Server(
        uvicorn.Config(
            application,
            loop="uvloop",
            http="httptools",
            ws="none",
            lifespan="on",
            access_log=False,
            log_config=None,
            log_level="warning",
            server_header=False,
            # Without a proxy of ours in front, anybody could claim any address.
            proxy_headers=trusted_proxy is not None,
            forwarded_allow_ips=trusted_proxy,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=2,
        )
    )
    # After its own shutdown uvicorn raises the signal once more, for whoever was there before.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    spare_the_collector()
    server.run(sockets=[listening])
    return 0 if server.started else 1


def spare_the_collector() -> None:
    """Look for cyclic garbage seldom, and not among what was imported.

    Nearly all a request leaves behind goes by its reference count; the default looks through the
    youngest objects every 700 of them, several times a request's worth under a rush.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def listen(host: str, port: int) -> socket.socket:
    """A listening TCP socket.

    Raises:
        OSError: the port is taken, or the address is not ours.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(2048)
    except OSError:
        listening.close()
        raise
    return listening


def _handlers() -> list[Any]:
    """The baselines of the benchmarks, in a stack that a benchmark started for itself."""
    if not os.environ.get("OPENYARD_BENCH"):
        return []
    from openyard_infra.bench import routes  # noqa: PLC0415 - nobody else needs them

    return list(routes.handlers)


def _end(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise SystemExit(0)


async def _reach(settings: Settings) -> None:
    """Fail here, with one line, where the framework would fail with a page."""
    connection = await asyncpg.connect(settings.database_url, timeout=10)
    await connection.close()
    client = await bus.connect(settings.nats_url, name="web")
    await client.close()


async def _until_stopped(settings: Settings, runs: tuple[Run, ...]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with asyncio.TaskGroup() as group:
        for each in runs:
            group.create_task(_run(each, settings, stop))


async def _run(each: Run, settings: Settings, stop: asyncio.Event) -> None:
    await each(settings, stop)


def _first(group: BaseExceptionGroup[BaseException]) -> str:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"
