"""One consumer of FACT with its own position: each fact counts once, whatever dies."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import asyncpg
import msgspec
from nats.aio.client import Client
from nats.js import JetStreamContext

from openyard_events import subjects
from openyard_events.contracts import AnyFact
from openyard_events.reader import Delivered, OrderedReader, StreamReplaced
from openyard_platform.store import engine, readers
from openyard_platform.store.readers import Overtaken, Position
from openyard_workers.dead_letters import bury
from openyard_workers.outages import OUTAGE, pause
from openyard_workers.pace import Pace
from openyard_workers.positions import stand

_log = logging.getLogger(__name__)

# So many facts share one transaction, and one rendering of the slot they speak of.
MOST_AT_ONCE = 1024
# Nobody waits for a calendar to be right within a third of a second, but decisions wait for
# the processor: a fifth of the time is worked, for larger batches, unless there is more to do.
_PAUSE_SHARE = 4.0
_LONGEST_PAUSE = 0.35
_PATIENCE = 1.0  # seconds without facts after which the position is looked at again

# What one fact's own contents can cause; it goes to the dead letters, its neighbours go on.
_ITS_OWN_FAULT = (
    ValueError,  # msgspec's errors are ValueErrors, too
    TypeError,
    LookupError,
    ArithmeticError,
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
)

_facts = msgspec.json.Decoder(AnyFact)


class Consumer(Protocol):
    """What is made of facts. ``name``: of its reader."""

    name: str

    async def apply(self, facts: Sequence[AnyFact]) -> None:
        """Write what these facts lead to, inside the running transaction."""

    async def settled(self) -> None:
        """The transaction is committed: tell others. May be lost, so nothing may rest on it."""

    async def idle(self) -> None:
        """There are no facts just now: do what was put off, in a transaction of one's own."""


async def follow(
    nc: Client,
    after: int,
    stop: asyncio.Event,
    digest: Callable[[list[Delivered]], Awaitable[None]],
    check: Callable[[], Awaitable[None]],
) -> None:
    """Give the facts behind ``after`` to ``digest``, in order and in batches, until ``stop``.

    ``check`` is called now and then while nothing happens.

    Raises:
        StreamReplaced: the position means nothing any more.
        Exception: whatever ``digest`` or ``check`` raises.
    """
    loop = asyncio.get_running_loop()
    pace = Pace(_PAUSE_SHARE, _LONGEST_PAUSE)
    reader = OrderedReader(
        nc, subjects.FACT_STREAM, subjects.FACT_SUBJECTS, after + 1, batch=MOST_AT_ONCE
    )
    try:
        await reader.start()
        while not stop.is_set():
            await pause(stop, pace.left(loop.time()))
            messages = await reader.take(MOST_AT_ONCE, _PATIENCE)
            if not messages:
                await check()
                continue
            began = loop.time()
            await digest(messages)
            if len(messages) < MOST_AT_ONCE:
                pace.worked(began, loop.time())
    finally:
        await reader.stop()


class Projection:
    """One consumer and its own position: what holds up one does not hold up the other."""

    def __init__(self, nc: Client, consumer: Consumer) -> None:
        self._nc = nc
        self._js: JetStreamContext = nc.jetstream(timeout=3)
        self._consumer = consumer

    async def serve(self, stop: asyncio.Event) -> None:
        """Read on until ``stop``; whatever is lost on the way is waited for."""
        while not stop.is_set():
            try:
                await self._read(stop)
            except (Overtaken, StreamReplaced) as error:
                _log.info("%s: starting over: %r", self._consumer.name, error)
                await pause(stop, 0.2)
            except OUTAGE as error:
                _log.warning("%s waits: %r", self._consumer.name, error)
                await pause(stop, 0.5)
            except Exception:  # noqa: BLE001 - a defect in one must not stop the other
                _log.exception("%s: a defect; trying again", self._consumer.name)
                await pause(stop, 2)

    async def _read(self, stop: asyncio.Event) -> None:
        position = await stand(self._js, subjects.FACT_STREAM, self._consumer.name)

        async def digest(messages: list[Delivered]) -> None:
            nonlocal position
            position = await self.digest(position, messages)

        async def check() -> None:
            if await readers.load(position.name) != position:
                # Taken away to have everything projected anew, or moved by another process.
                raise Overtaken(position.name)
            await self._consumer.idle()

        _log.info("%s reads on from %d", self._consumer.name, position.sequence + 1)
        await follow(self._nc, position.sequence, stop, digest, check)

    async def digest(self, position: Position, messages: Sequence[Delivered]) -> Position:
        """Apply these messages in one transaction, or singly when one of them is bad.

        Raises:
            Overtaken: another process has applied them.
        """
        try:
            return await self._apply(position, messages)
        except OUTAGE:
            raise
        except _ITS_OWN_FAULT as error:
            _log.warning("%s: a batch fails, one by one now: %r", self._consumer.name, error)
        for message in messages:
            position = await self._digest_alone(position, message)
        return position

    async def _digest_alone(self, position: Position, message: Delivered) -> Position:
        try:
            return await self._apply(position, [message])
        except OUTAGE:
            raise
        except _ITS_OWN_FAULT as error:
            async with engine.transaction():
                after = await readers.advance(position, message.sequence)
                await self._bury(message, error)
            return after

    async def _apply(self, position: Position, messages: Sequence[Delivered]) -> Position:
        facts, unreadable = decoded(messages)
        async with engine.transaction():
            # First of all: it keeps a second projector out until this one is done.
            after = await readers.advance(position, messages[-1].sequence)
            if facts:
                await self._consumer.apply(facts)
            # Last of all: whatever fails before must not leave a second dead letter.
            for message, error in unreadable:
                await self._bury(message, error)
        await self._consumer.settled()
        return after

    async def _bury(self, message: Delivered, error: Exception) -> None:
        """Keep the fact aside, before its position is passed."""
        reason = f"{subjects.FACT_STREAM} {message.sequence} {message.subject}: {error!r}"
        _log.warning("%s: dead letter: %s", self._consumer.name, reason)
        await bury(self._js, f"fact-{self._consumer.name}", message.data, reason)


def decoded(
    messages: Sequence[Delivered],
) -> tuple[list[AnyFact], list[tuple[Delivered, Exception]]]:
    """The facts in these messages, and what is none, with the reason."""
    facts: list[AnyFact] = []
    unreadable: list[tuple[Delivered, Exception]] = []
    for message in messages:
        try:
            facts.append(_facts.decode(message.data))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            unreadable.append((message, error))
    return facts, unreadable
