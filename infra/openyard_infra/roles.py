"""One role in one process: settings from the environment, uvloop, stopped by a signal."""

import asyncio
import gc
import logging
import os
import signal
from collections.abc import Awaitable, Callable

import asyncpg
import nats.errors
import redis.exceptions
import uvloop

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
    asyncpg.InternalClientError,
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
    except* BadSetting as group:
        _log.error("%s stops: %s", role, group.exceptions[0])
        code = WRONG_SETTINGS
    return code


def spare_the_collector() -> None:
    """Look for cyclic garbage seldom, and not among what was imported.

    Nearly all a request leaves behind goes by its reference count; the default looks through the
    youngest objects every 700 of them, several times a request's worth under a rush.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


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
