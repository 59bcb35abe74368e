"""The arq worker: sends what it is poked for. Beside it: what else is due."""

import asyncio
import logging

from arq import ArqRedis
from arq.worker import Worker, func

from openyard_events.endings import end
from openyard_platform.settings import Settings
from openyard_platform.store import engine
from openyard_workers.jobs import (
    calendar_addresses,
    imports,
    queue,
    retention,
    schedules,
    sweeper,
)
from openyard_workers.jobs.notifications import send_notification
from openyard_workers.outages import pause

_log = logging.getLogger(__name__)

_JOBS = 20
_POLL = 0.2  # seconds
_TIMEOUT = 20.0  # longer than a mail may take, shorter than a claim
_FAREWELL = 5.0  # seconds for the jobs under way when stopping


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """Work until ``stop`` is set. arq leaves when Valkey blinks: then another worker is made."""
    # Two lines for each mail say less than the one of our own.
    logging.getLogger("arq.worker").setLevel(logging.WARNING)
    await engine.connect(settings.database_url, size=8, application="openyard jobs")
    valkey = queue.connect(settings.redis_url)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(sweeper.serve(valkey, stop))
            group.create_task(work(settings, stop))
            group.create_task(schedules.serve(settings, stop))
            group.create_task(imports.serve(settings, stop))
            group.create_task(calendar_addresses.serve(settings, stop))
            group.create_task(retention.serve(stop))
    finally:
        await queue.close(valkey)
        await engine.disconnect()


async def work(settings: Settings, stop: asyncio.Event) -> None:
    while not stop.is_set():
        valkey = queue.connect(settings.redis_url)
        worker = make(settings, valkey)
        try:
            await _until(stop, worker)
        except queue.LOST as error:
            _log.warning("The arq worker lost Valkey: %r", error)
            await pause(stop, 1)
        finally:
            await queue.close(valkey)


def make(settings: Settings, valkey: ArqRedis, *, burst: bool = False) -> Worker:
    """A worker. ``burst``: it leaves when there is nothing left to do."""
    return Worker(
        functions=[func(send_notification, name=queue.SEND_NOTIFICATION)],
        redis_pool=valkey,
        queue_name=queue.NAME,
        handle_signals=False,
        max_jobs=_JOBS,
        job_timeout=_TIMEOUT,
        poll_delay=_POLL,
        # A result would keep the same job from being asked for again.
        keep_result=0,
        burst=burst,
        ctx={"settings": settings},
        job_serializer=queue.serialise,
        job_deserializer=queue.deserialise,
    )


async def _until(stop: asyncio.Event, worker: Worker) -> None:
    """Let the worker work until it fails or ``stop`` is set; no mail under way is cut off."""
    loop = asyncio.get_running_loop()
    working = loop.create_task(worker.async_run())
    stopping = loop.create_task(stop.wait())
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        worker.allow_pick_jobs = False
        jobs = list(worker.tasks.values())
        if jobs:
            await asyncio.wait(jobs, timeout=_FAREWELL)
        await end(working, *jobs)
    if not working.cancelled() and (error := working.exception()) is not None:
        raise error
