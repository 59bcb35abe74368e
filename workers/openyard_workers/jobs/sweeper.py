"""Pokes again for every notification that is due: what Valkey forgot, and what failed before."""

import asyncio
import logging

from arq import ArqRedis

from openyard_platform import clock
from openyard_platform.actions import notifications
from openyard_workers.jobs import queue
from openyard_workers.outages import OUTAGE, pause

_log = logging.getLogger(__name__)

_EVERY = 2.0  # seconds
_AT_ONCE = 200


async def sweep(valkey: ArqRedis) -> int:
    """One round; returns how many jobs were missing from the queue."""
    return await queue.poke(valkey, await notifications.due(clock.now(), _AT_ONCE))


async def serve(valkey: ArqRedis, stop: asyncio.Event) -> None:
    """Sweep until ``stop`` is set."""
    while not stop.is_set():
        try:
            added = await sweep(valkey)
        except OUTAGE as error:
            _log.warning("The sweeper waits: %r", error)
            added = 0
        if added < _AT_ONCE:
            await pause(stop, _EVERY)
