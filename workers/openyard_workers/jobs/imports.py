"""Goes on with imports that a web process has left in the middle."""

import asyncio

from openyard_platform.actions import import_publishing
from openyard_platform.settings import Settings
from openyard_workers.jobs import schedules


async def serve(settings: Settings, stop: asyncio.Event) -> None:
    """Until ``stop`` is set, as schedules are worked on."""
    await schedules.serve(settings, stop, import_publishing.work, "Imports")
