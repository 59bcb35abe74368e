"""Venues' calendar files, read a few at a time: each in a child process of its own."""

import asyncio
import datetime as dt
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from litestar import Litestar

from openyard_calendars import reading
from openyard_calendars.reading import ReadEvent
from openyard_calendars.unreadable import Unreadable
from openyard_events.endings import end
from openyard_platform import sandbox
from openyard_platform.domain.errors import Unavailable
from openyard_platform.sandbox import Limits

MAX_BYTES = reading.MAX_BYTES
AT_ONCE = 2
WAITING = 16
# Shorter than what the command line may take: somebody waits in front of a page.
LIMITS = Limits(cpu_seconds=20, wall_seconds=30)


class Readers:
    """At most ``at_once`` children, and ``waiting`` files in line, of five megabytes each."""

    def __init__(
        self, *, at_once: int = AT_ONCE, waiting: int = WAITING, limits: Limits = LIMITS
    ) -> None:
        self._room = asyncio.Semaphore(at_once)
        self._places = at_once + waiting
        self._taken = 0
        self._limits = limits

    async def read(
        self, data: bytes, *, zone: str | None, until: dt.datetime
    ) -> list[ReadEvent | Unreadable]:
        """What the sandbox says of the file.

        Raises:
            Unavailable: the line is too long.
        """
        if self._taken >= self._places:
            raise Unavailable("Many calendars are being read. Please try again.", retry_after=30)
        self._taken += 1
        try:
            async with self._room:
                return await sandbox.read_calendar(
                    data, zone=zone, until=until, limits=self._limits
                )
        finally:
            self._taken -= 1


@asynccontextmanager
async def opened(app: Litestar) -> AsyncGenerator[None, None]:
    """Put ``calendar_readers`` and ``importing`` (tasks under way) into ``app.state``."""
    app.state.calendar_readers = Readers()
    importing: set[asyncio.Task[bool]] = set()
    app.state.importing = importing
    try:
        yield
    finally:
        # What is cut off here is gone on with by the jobs.
        await end(*importing)
