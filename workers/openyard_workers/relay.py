"""The relay: carries recorded facts from the outbox to the FACT stream, in order, at least once."""

import asyncio
import logging

from nats.aio.client import Client
from nats.aio.msg import Msg

from openyard_events import atomic, bus, envelope, subjects
from openyard_events.atomic import Message
from openyard_platform.settings import Settings
from openyard_platform.store import engine, outbox
from openyard_platform.store.outbox import Row
from openyard_workers.outages import OUTAGE, pause
from openyard_workers.pace import Pace

_log = logging.getLogger(__name__)

# Messages that share one fsync of the stream, and rows that are read and forgotten together.
_BATCH = atomic.MAX_MESSAGES
# The answer to a batch that a dying server took along never comes: then the batch goes again.
_PATIENCE = 2.0  # seconds
# What is written while the relay rests a moment goes with the next batch. Seats on open pages are
# told at most four times a second anyway.
_PAUSE_SHARE = 2.0
_LONGEST_PAUSE = 0.1
# Polling is the truth, the bell only shortens the wait. Just after something happened it pays to
# look again soon: a row is held back while any older transaction runs.
_SOON = 0.02
_LATER = 0.5


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """Relay until ``stop`` is set."""
    await engine.connect(
        settings.database_url,
        size=2,
        application="openyard relay",
        # The outbox is nearly empty whenever it is looked at, and long with what is gone.
        planner=engine.BY_INDEX,
        may_repeat=True,
    )
    nc = await bus.connect(settings.nats_url, name="relay")
    try:
        await bus.ensure_streams(nc.jetstream(), settings.partitions)
        await Relay(settings, nc).serve(stop)
    finally:
        await nc.close()
        await engine.disconnect()


class Relay:
    """``source``: what stands in ``ce-source`` of every fact."""

    def __init__(self, settings: Settings, nc: Client) -> None:
        self._nc = nc
        self._source = settings.base_url
        self._rung = asyncio.Event()
        self._since = 0  # the transaction up to which all is sent and forgotten

    async def serve(self, stop: asyncio.Event) -> None:
        bell = await self._nc.subscribe(subjects.RELAY_BELL, cb=self._heard)
        try:
            await self._drain(stop)
        finally:
            # A connection that is closing has no subscriptions any more.
            if not self._nc.is_closed:
                await bell.unsubscribe()

    async def _drain(self, stop: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        pace = Pace(_PAUSE_SHARE, _LONGEST_PAUSE)
        wait = _SOON
        while not stop.is_set():
            await pause(stop, pace.left(loop.time()))
            self._rung.clear()
            began = loop.time()
            try:
                sent = await self.drain_some()
            except OUTAGE as error:
                _log.warning("The relay waits: %r", error)
                await pause(stop, _LATER)
                continue
            if 0 < sent < _BATCH:
                pace.worked(began, loop.time())
            if sent < _BATCH:
                wait = _SOON if sent or await self._ring(stop, wait) else min(_LATER, 2 * wait)

    async def drain_some(self) -> int:
        """Publish the oldest rows, then forget them; how many there were.

        No lock is held while publishing. Whoever dies in between has published some twice; the
        stream drops what comes again within its window, and after that consumers do.
        """
        since, self._since = self._since, 0
        rows = await outbox.unsent(_BATCH, since)
        if rows:
            messages = [self._message(row) for row in rows]
            await atomic.publish_batch(self._nc, subjects.FACT_STREAM, messages, timeout=_PATIENCE)
            await outbox.forget([row.id for row in rows])
            since = rows[-1].xid
        # Only now: after a failure it looks at everything again.
        self._since = since
        return len(rows)

    def _message(self, row: Row) -> Message:
        event_id = str(row.event_id)
        headers = envelope.headers(event_id, row.type, self._source, row.at)
        return Message(row.subject, {**headers, "Nats-Msg-Id": event_id}, row.body.encode())

    async def _heard(self, message: Msg) -> None:
        del message
        self._rung.set()

    async def _ring(self, stop: asyncio.Event, seconds: float) -> bool:
        """Wait for the bell, the time or the end; True: it rang."""
        rung = asyncio.create_task(self._rung.wait())
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait((rung, stopped), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for task in (rung, stopped):
            task.cancel()
        await asyncio.gather(rung, stopped, return_exceptions=True)
        return self._rung.is_set()
