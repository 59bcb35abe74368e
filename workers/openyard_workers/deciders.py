"""Deciders: for each partition one process reads its line and decides, in order."""

import asyncio
import contextlib
import datetime as dt
import logging
import os
import secrets
from collections.abc import Sequence

import msgspec
import nats.errors
import nats.js.errors
from nats.aio.client import Client

from openyard_events import bus, commands, subjects
from openyard_events.commands import CommandBatch, Outcome, Replies
from openyard_events.reader import Delivered, OrderedReader, StreamReplaced
from openyard_platform.actions import deciding
from openyard_platform.domain.state import Asked
from openyard_platform.settings import Settings
from openyard_platform.store import engine, partitions
from openyard_platform.store.partitions import Lease, LeaseLost, Position
from openyard_workers.dead_letters import bury
from openyard_workers.due import Clock
from openyard_workers.outages import OUTAGE, pause
from openyard_workers.pace import Pace

_log = logging.getLogger(__name__)

# As many commands as one transaction decides: more of them make it longer, hardly cheaper.
_BATCH = 512
_MESSAGES = 64
_PURGE_EVERY = 10.0  # seconds
# Half of what the last transaction took, and no longer than this (seconds): while requests come
# faster than that, fewer and larger transactions decide more of them. After a large one there is
# nothing to be gained.
_PAUSE_SHARE = 0.5
_LONGEST_PAUSE = 0.02
_LARGE = 48  # commands


async def run(
    settings: Settings, stop: asyncio.Event, *, home: tuple[int, int] | None = None
) -> None:
    """Decide until ``stop`` is set.

    ``home``: (i, n): the partitions p with p mod n = i are taken at once when they are free, the
    others only when nobody has held them for another lease's time.
    """
    await engine.connect(
        settings.database_url,
        size=settings.partitions + 2,
        application="openyard decider",
        planner=engine.BY_INDEX,
    )
    nc = await bus.connect(settings.nats_url, name="decider")
    try:
        await bus.ensure_streams(nc.jetstream(), settings.partitions)
        await partitions.ensure(settings.partitions)
        async with asyncio.TaskGroup() as group:
            deciders = [
                Decider(
                    settings, nc, partition, at_home=home is None or partition % home[1] == home[0]
                )
                for partition in range(settings.partitions)
            ]
            for decider in deciders:
                group.create_task(decider.serve(stop))
            group.create_task(Clock(nc, deciders).serve(stop))
    finally:
        await nc.close()
        await engine.disconnect()


class Decider:
    """The line of one partition: waits for the lease, then decides until it is lost.

    ``decided``: up to which message, while the lease is held.
    """

    decided: int | None = None

    def __init__(self, settings: Settings, nc: Client, partition: int, *, at_home: bool) -> None:
        self._nc = nc
        self._js = nc.jetstream()
        self.partition = partition
        # Unique, and in the table of partitions it tells an operator which process decides.
        self._holder = f"decider-{os.getpid()}-{secrets.token_hex(6)}"
        self._seconds = settings.lease_seconds
        self._grace = 0.0 if at_home else settings.lease_seconds
        self._purged_at = 0.0
        self._pace = Pace(_PAUSE_SHARE, _LONGEST_PAUSE)
        self._decided = 0  # commands of the last batch

    async def serve(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                taken = await partitions.take(
                    self.partition, self._holder, seconds=self._seconds, grace=self._grace
                )
                if taken is None:
                    await pause(stop, self._seconds / 6)
                    continue
                await self._hold(stop, *taken)
            except LeaseLost as error:
                _log.warning("%s", error)
            except OUTAGE as error:
                _log.warning("Partition %d waits: %r", self.partition, error)
                await pause(stop, 0.5)

    async def _hold(self, stop: asyncio.Event, lease: Lease, position: Position) -> None:
        loop = asyncio.get_running_loop()
        stream = subjects.command_stream(self.partition)
        created = await bus.stream_created(self._js, stream)
        if position.stream_created not in {None, created}:
            # The stream was lost and made anew: its numbers begin again.
            position = await self._start_over(lease, position, created, 0)
        reader = OrderedReader(
            self._nc, stream, subjects.command(self.partition), position.sequence + 1
        )
        _log.info("Partition %d decides on from %d", self.partition, position.sequence)
        try:
            await reader.start()
            position = msgspec.structs.replace(position, stream_created=created)
            while not stop.is_set():
                self.decided = position.sequence
                await asyncio.sleep(self._pace.left(loop.time()))
                messages = await reader.take(_MESSAGES, self._seconds / 4)
                if not messages:
                    await partitions.renew(lease)
                    continue
                began = loop.time()
                position = await self._decide(lease, position, messages)
                if self._decided < _LARGE:
                    self._pace.worked(began, loop.time())
                await self._purge(position)
        except StreamReplaced as error:
            _log.warning("%s", error)
            if error.created == created and error.last_sequence < position.sequence:
                # It came back without its end, say from a backup: numbers are given out again.
                await self._start_over(lease, position, created, error.last_sequence)
        finally:
            self.decided = None
            await reader.stop()
            with contextlib.suppress(*OUTAGE):
                await partitions.release(lease)

    async def _start_over(
        self, lease: Lease, position: Position, created: dt.datetime, sequence: int
    ) -> Position:
        after = Position(stream_created=created, sequence=sequence, index=0)
        await deciding.skip(lease, position, after)
        return after

    async def _decide(
        self, lease: Lease, position: Position, messages: Sequence[Delivered]
    ) -> Position:
        """Decide these messages, as many at once as fit; the position behind them."""
        gathered: list[tuple[Delivered, CommandBatch]] = []
        count = 0
        for message in messages:
            if message.sequence <= position.sequence:
                continue
            try:
                batch = commands.decode_batch(message.data)
            except msgspec.DecodeError as error:
                if gathered:
                    position = await self._decide_some(lease, position, gathered)
                    gathered, count = [], 0
                after = _behind(position, message)
                await bury(self._js, f"command-{self.partition}", message.data, repr(error))
                await deciding.skip(lease, position, after)
                position = after
                continue
            gathered.append((message, batch))
            count += len(batch.commands)
            if count >= _BATCH:
                position = await self._decide_some(lease, position, gathered)
                gathered, count = [], 0
        if gathered:
            position = await self._decide_some(lease, position, gathered)
        return position

    async def _decide_some(
        self, lease: Lease, position: Position, gathered: list[tuple[Delivered, CommandBatch]]
    ) -> Position:
        asked = [
            Asked(command, message.timestamp)
            for message, batch in gathered
            for command in batch.commands
        ]
        self._decided = len(asked)
        after = _behind(position, gathered[-1][0])
        try:
            outcomes = await deciding.decide_batch(asked[position.index :], lease, position, after)
        except (*OUTAGE, LeaseLost):
            raise
        except Exception:  # noqa: BLE001 - whatever fails, the line must not stand still
            _log.exception("Partition %d: a batch fails; one by one now", self.partition)
            return await self._decide_singly(lease, position, gathered)
        await self._answer(gathered, outcomes, skipped=position.index)
        return after

    async def _decide_singly(
        self, lease: Lease, position: Position, gathered: list[tuple[Delivered, CommandBatch]]
    ) -> Position:
        """Find the command that fails and go on without it; its neighbours are decided."""
        for message, batch in gathered:
            for index in range(position.index, len(batch.commands)):
                command = batch.commands[index]
                last = index + 1 == len(batch.commands)
                after = (
                    _behind(position, message)
                    if last
                    else msgspec.structs.replace(
                        position, sequence=message.sequence - 1, index=index + 1
                    )
                )
                try:
                    asked = [Asked(command, message.timestamp)]
                    outcomes = await deciding.decide_batch(asked, lease, position, after)
                except (*OUTAGE, LeaseLost):
                    raise
                except Exception as error:  # noqa: BLE001 - as above
                    _log.exception("Partition %d: command %s fails", self.partition, command.id)
                    name = f"command-{self.partition}"
                    await bury(self._js, name, commands.encode(command), repr(error))
                    await deciding.skip(lease, position, after)
                    outcomes = [Outcome(id=command.id, status="failed")]
                await self._reply(batch.reply_to, message.sequence, outcomes)
                await self._ring()
                position = after
        return position

    async def _answer(
        self,
        gathered: list[tuple[Delivered, CommandBatch]],
        outcomes: list[Outcome],
        *,
        skipped: int,
    ) -> None:
        """One message to each process that asked."""
        by_instance: dict[str, list[Outcome]] = {}
        start = -skipped
        for _, batch in gathered:
            end = start + len(batch.commands)
            by_instance.setdefault(batch.reply_to, []).extend(outcomes[max(start, 0) : end])
            start = end
        sequence = gathered[-1][0].sequence
        for instance, answers in by_instance.items():
            await self._reply(instance, sequence, answers)
        await self._ring()

    async def _reply(self, instance: str, sequence: int, outcomes: list[Outcome]) -> None:
        if not subjects.is_token(instance):
            return
        replies = Replies(partition=self.partition, sequence=sequence, outcomes=outcomes)
        # Lost on the way, the answer is read from the database instead.
        with contextlib.suppress(nats.errors.Error):
            await self._nc.publish(subjects.reply(instance), commands.encode(replies))

    async def _ring(self) -> None:
        """Wake the relay. Not by NOTIFY: that would let only one partition commit at a time."""
        with contextlib.suppress(nats.errors.Error):
            await self._nc.publish(subjects.RELAY_BELL)

    async def _purge(self, position: Position) -> None:
        """Drop what is decided from the stream, now and then."""
        now = asyncio.get_running_loop().time()
        if now - self._purged_at < _PURGE_EVERY:
            return
        self._purged_at = now
        with contextlib.suppress(nats.errors.Error, nats.js.errors.Error):
            await self._js.purge_stream(
                subjects.command_stream(self.partition), seq=position.sequence + 1
            )


def _behind(position: Position, message: Delivered) -> Position:
    return msgspec.structs.replace(position, sequence=message.sequence, index=0)
