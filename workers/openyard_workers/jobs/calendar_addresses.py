"""Reads the calendars that venues publish at addresses of their own, every hour."""

import asyncio
import datetime as dt
from collections.abc import Callable

from openyard_events.slot_publisher import SlotPublisher
from openyard_platform.actions import calendar_addresses
from openyard_platform.settings import Settings
from openyard_workers.jobs import schedules


async def serve(settings: Settings, stop: asyncio.Event) -> None:
    """Until ``stop`` is set, as schedules are worked on."""
    await schedules.serve(settings, stop, _work, "Calendar addresses")


async def _work(_: SlotPublisher, now: Callable[[], dt.datetime]) -> bool:
    # Nothing is published: what is read waits for the venue.
    return await calendar_addresses.work(now)
