"""Brings opening schedules into being: after every change, and each night for the horizon."""

import asyncio
import datetime as dt
import logging
from collections.abc import Awaitable, Callable

from openyard_events import bus
from openyard_events.endings import end
from openyard_events.slot_publisher import SlotPublisher
from openyard_platform import clock
from openyard_platform.actions import schedule_slots
from openyard_platform.settings import Settings
from openyard_workers.outages import OUTAGE, pause

_log = logging.getLogger(__name__)

# Works on one thing that is due; False: none is.
Work = Callable[[SlotPublisher, Callable[[], dt.datetime]], Awaitable[bool]]

_EVERY = 1.0  # seconds between looks for what is due
_FAREWELL = 2.0  # closing a connection takes a moment


async def serve(
    settings: Settings,
    stop: asyncio.Event,
    work: Work = schedule_slots.work,
    what: str = "Schedules",
) -> None:
    """Work on what is due until ``stop`` is set; a lost server is waited for."""
    stopping = asyncio.create_task(stop.wait())
    while not stop.is_set():
        working = asyncio.create_task(_work(settings, stop, work))
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        # What is cut off is taken up again a minute later.
        await end(working, again=_FAREWELL)
        error = None if working.cancelled() else working.exception()
        if isinstance(error, OUTAGE):
            _log.warning("%s wait: %r", what, error)
            await pause(stop, _EVERY)
        elif error is not None:
            raise error
    await stopping


async def _work(settings: Settings, stop: asyncio.Event, work: Work) -> None:
    connection = await bus.connect(settings.nats_url, name="jobs")
    try:
        publisher = SlotPublisher(connection, now=clock.now)
        while not stop.is_set():
            if not await work(publisher, clock.now):
                await pause(stop, _EVERY)
    finally:
        await connection.close()
