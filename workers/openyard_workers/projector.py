"""The projector: readers of FACT that keep calendars and notifications up to date."""

import asyncio
import logging
from collections.abc import Sequence

from nats.aio.client import Client
from nats.js import JetStreamContext

from openyard_events import bus, subjects
from openyard_events.reader import Delivered, StreamReplaced
from openyard_platform import clock
from openyard_platform.actions import feeds
from openyard_platform.settings import Settings
from openyard_platform.store import engine, readers
from openyard_platform.store.readers import Overtaken, Position
from openyard_workers.consumers.feeds import Feeds
from openyard_workers.consumers.notifier import Notifier
from openyard_workers.jobs import queue
from openyard_workers.outages import OUTAGE, pause
from openyard_workers.positions import stand
from openyard_workers.projection import MOST_AT_ONCE, Consumer, Projection, decoded, follow

_log = logging.getLogger(__name__)

# Seconds for which each goes its own way before they are tried together again.
_APART = 10.0


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """Project until ``stop`` is set."""
    # Positions and what was made of the facts before them are lost together, or not at all.
    await engine.connect(
        settings.database_url, size=4, application="openyard projector", may_repeat=True
    )
    nc = await bus.connect(settings.nats_url, name="projector")
    valkey = queue.connect(settings.redis_url)
    consumers: list[Consumer] = [Feeds(settings), Notifier(settings, valkey)]
    try:
        await bus.ensure_streams(nc.jetstream(), settings.partitions)
        await _catch_up(settings)
        await Projector(nc, consumers).serve(stop)
    finally:
        await queue.close(valkey)
        await nc.close()
        await engine.disconnect()


async def _catch_up(settings: Settings) -> None:
    """What was lost from the stream, or rendered by another version, is brought up to date."""
    try:
        rendered = await feeds.refresh(settings.base_url, clock.now())
    except Exception:  # noqa: BLE001 - what still comes matters more than what was missed
        _log.exception("could not bring the feeds up to date")
    else:
        _log.info("rendered %d events that no fact had brought", rendered)


class _Differ(Exception):
    """They stand too far from each other, or a fact is not for all of them to digest."""


class Projector:
    """Consumers that read together while all goes well, and each on its own when it does not.

    Together every fact is fetched and decoded once, and one transaction holds what all make of
    it. Each keeps its own position, so that either way goes on where the other ended, and what
    holds up one never holds up another for long.
    """

    def __init__(self, nc: Client, consumers: Sequence[Consumer], *, apart: float = _APART) -> None:
        """``apart``: seconds for which each goes its own way after a difference."""
        self._nc = nc
        self._js: JetStreamContext = nc.jetstream(timeout=3)
        self._consumers = consumers
        self._apart = apart

    async def serve(self, stop: asyncio.Event) -> None:
        """Project until ``stop``; whatever is lost on the way is waited for."""
        while not stop.is_set():
            try:
                await self._together(stop)
            except (Overtaken, StreamReplaced) as error:
                _log.info("starting over: %r", error)
                await pause(stop, 0.2)
            except OUTAGE as error:
                _log.warning("the projector waits: %r", error)
                await pause(stop, 0.5)
            except Exception as error:  # noqa: BLE001 - a defect in one must not stop the others
                _log.warning("each reads on its own now: %r", error)
                await self._each_alone(stop)

    async def _together(self, stop: asyncio.Event) -> None:
        positions = [
            await stand(self._js, subjects.FACT_STREAM, consumer.name)
            for consumer in self._consumers
        ]
        sequences = [position.sequence for position in positions]
        if max(sequences) - min(sequences) > MOST_AT_ONCE:
            raise _Differ(f"They stand at {sequences}.")

        async def digest(messages: list[Delivered]) -> None:
            positions[:] = await self._digest(positions, messages)

        async def check() -> None:
            for position in positions:
                if await readers.load(position.name) != position:
                    # Taken away to have everything projected anew, or moved by another process.
                    raise Overtaken(position.name)
            for consumer in self._consumers:
                await consumer.idle()

        _log.info("all read on together from %d", min(sequences) + 1)
        await follow(self._nc, min(sequences), stop, digest, check)

    async def _digest(
        self, positions: Sequence[Position], messages: Sequence[Delivered]
    ) -> list[Position]:
        """Apply these messages in one transaction; each consumer takes those behind its position.

        Raises:
            _Differ: one of them is no fact, and goes to each one's dead letters.
            Exception: whatever a consumer raised; nothing is written.
        """
        facts, unreadable = decoded(messages)
        if unreadable:
            raise _Differ(f"{unreadable[0][0].sequence} is no fact.")
        last = messages[-1].sequence
        after = []
        async with engine.transaction():
            for consumer, position in zip(self._consumers, positions, strict=True):
                mine = [
                    fact
                    for fact, message in zip(facts, messages, strict=True)
                    if message.sequence > position.sequence
                ]
                # Before it is applied: it keeps a second projector out until this one is done.
                after.append(await readers.advance(position, last) if mine else position)
                if mine:
                    await consumer.apply(mine)
        for consumer in self._consumers:
            await consumer.settled()
        return after

    async def _each_alone(self, stop: asyncio.Event) -> None:
        enough = asyncio.Event()
        tasks = [
            asyncio.create_task(Projection(self._nc, consumer).serve(enough))
            for consumer in self._consumers
        ]
        try:
            await pause(stop, self._apart)
        finally:
            enough.set()
            await asyncio.gather(*tasks, return_exceptions=True)
