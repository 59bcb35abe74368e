"""Commands that arrive close together travel as one message, so that one fsync serves many."""

import asyncio
import logging
from uuid import UUID

import nats.errors
import nats.js.errors
import uuid_utils.compat
from msgspec import Struct
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext

from openyard_events import commands, subjects
from openyard_events.commands import AnyCommand, CommandBatch, Outcome, Replies
from openyard_events.endings import end

_log = logging.getLogger(__name__)

# While decisions take long anyway, a command waits for others a small part of that time: fewer and
# larger messages are what makes them come sooner. When nothing is going on it is the tick alone.
_PART_OF_LATENCY = 8
LONGEST_TICK = 0.02
# A full message waits for no others. Half as many cost more processor time and came no sooner.
_ENOUGH = commands.MAX_COMMANDS
# Two messages on their way keep the stream busy while the next one fills.
_UNDERWAY = 2
_ACK_TIMEOUT = 2.0
# The stream forgets message ids after two minutes: a repeat must come well before.
_GIVE_UP_AFTER = 60.0
# An answer that was lost on its way never comes: who asked has long looked into the database.
_FORGET_AFTER = 300.0
_FAREWELL = 3.0
_SWEEP_EVERY = 30.0


class NotConnected(Exception):
    """There is no connection to NATS; nothing was sent."""


class StreamRefused(Exception):
    """The stream took nothing: it is full, or not there. Trying later helps."""


class _Waiting(Struct):
    future: asyncio.Future[Outcome]
    partition: int
    sent: int = 0
    sequence: int | None = None
    since: float = 0.0


class Gatherer:
    """Gathers the commands of one process, publishes them, and hands the answers back.

    ``instance``: a token of this process alone; the answers come to ``reply.<instance>``.
    ``tick``: seconds a first command waits for others at least; longer while decisions take long.
    """

    def __init__(
        self,
        nc: Client,
        js: JetStreamContext,
        instance: str,
        partitions: int,
        *,
        tick: float = 0.002,
    ) -> None:
        self._nc = nc
        self._js = js
        self.instance = instance
        self._tick = tick
        self._latency = 0.0  # seconds from a command to its decision, of late
        self._lines = [_Line() for _ in range(partitions)]
        self._waiting: dict[UUID, _Waiting] = {}
        self._sweeper: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopped = False

    async def start(self) -> None:
        await self._nc.subscribe(subjects.reply(self.instance), cb=self._answered)
        self._sweep()

    async def stop(self) -> None:
        """Let what is on its way be accepted; who still waits is told that we stop."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _FAREWELL
        for partition in range(len(self._lines)):
            self._flush(partition)
        # What is due leaves with the next free place, in a further task.
        while self._tasks and (left := deadline - loop.time()) > 0:
            await asyncio.wait(self._tasks, timeout=left)
        self._stopped = True
        await end(*self._tasks)
        for waiting in self._waiting.values():
            waiting.future.cancel()
        self._waiting.clear()

    def submit(self, partition: int, command: AnyCommand) -> asyncio.Future[Outcome]:
        """Put a command in its partition's line; the future is its decision.

        The future fails with StreamRefused when the stream did not take the command. It stays
        open while nothing is known: the command may have been accepted all the same. A command
        that is sent again while it is undecided has the same future.

        Raises:
            NotConnected: nothing was sent.
        """
        if self._stopped or not self._nc.is_connected:
            raise NotConnected("NATS cannot be reached.")
        loop = asyncio.get_running_loop()
        waiting = self._waiting.get(command.id)
        if waiting is None:
            waiting = _Waiting(loop.create_future(), partition, since=loop.time())
            self._waiting[command.id] = waiting
        waiting.sent += 1
        line = self._lines[partition]
        line.gathered.append(command)
        if len(line.gathered) >= _ENOUGH:
            self._flush(partition)
        elif line.timer is None and not line.due:
            line.timer = loop.call_later(self.tick, self._flush, partition)
        return waiting.future

    def queue_ahead(self, command_id: UUID) -> int:
        """About how many commands of its partition are decided before this one."""
        waiting = self._waiting.get(command_id)
        if waiting is None:
            return 0
        line = self._lines[waiting.partition]
        last = waiting.sequence if waiting.sequence is not None else line.accepted + 1
        messages = max(0, last - line.decided - 1)
        return round(messages * line.per_message)

    @property
    def tick(self) -> float:
        """How long a first command waits for others just now, in seconds."""
        return min(LONGEST_TICK, max(self._tick, self._latency / _PART_OF_LATENCY))

    @property
    def undecided(self) -> int:
        """Commands of this process that wait for their decision."""
        return len(self._waiting)

    def _sweep(self) -> None:
        """Forget commands whose answers were lost: nobody waits for them any more."""
        loop = asyncio.get_running_loop()
        before = loop.time() - _FORGET_AFTER
        for command_id in [known for known, one in self._waiting.items() if one.since < before]:
            del self._waiting[command_id]
        self._sweeper = loop.call_later(_SWEEP_EVERY, self._sweep)

    def _flush(self, partition: int) -> None:
        line = self._lines[partition]
        if line.timer is not None:
            line.timer.cancel()
            line.timer = None
        line.due = True
        while line.gathered and line.underway < _UNDERWAY and not self._stopped:
            message, data = self._next_message(line)
            line.underway += 1
            task = asyncio.get_running_loop().create_task(self._publish(partition, message, data))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        line.due = bool(line.gathered)

    def _next_message(self, line: "_Line") -> tuple[CommandBatch, bytes]:
        taken = line.gathered[: commands.MAX_COMMANDS]
        message = CommandBatch(reply_to=self.instance, commands=taken)
        data = commands.encode(message)
        while len(taken) > 1 and len(data) > commands.MAX_BYTES:
            taken = taken[: len(taken) // 2]
            message = CommandBatch(reply_to=self.instance, commands=taken)
            data = commands.encode(message)
        del line.gathered[: len(taken)]
        line.per_message += 0.2 * (len(taken) - line.per_message)
        return message, data

    async def _publish(self, partition: int, message: CommandBatch, data: bytes) -> None:
        line = self._lines[partition]
        try:
            sequence = await self._accepted(partition, data)
        except StreamRefused as error:
            for command in message.commands:
                self._fail(command.id, error)
        else:
            line.accepted = max(line.accepted, sequence)
            for command in message.commands:
                waiting = self._waiting.get(command.id)
                if waiting is not None:
                    waiting.sequence = sequence
        finally:
            line.underway -= 1
            if line.due:
                self._flush(partition)

    async def _accepted(self, partition: int, data: bytes) -> int:
        """Publish until it is known to be stored; the same message id makes repeats harmless."""
        loop = asyncio.get_running_loop()
        headers = {"Nats-Msg-Id": str(uuid_utils.compat.uuid7())}
        give_up = loop.time() + _GIVE_UP_AFTER
        while True:
            try:
                ack = await self._js.publish(
                    subjects.command(partition), data, timeout=_ACK_TIMEOUT, headers=headers
                )
            except (nats.js.errors.NoStreamResponseError, nats.js.errors.APIError) as error:
                raise StreamRefused(str(error)) from error
            except (nats.errors.Error, TimeoutError, OSError) as error:
                if loop.time() > give_up or self._nc.is_closed:
                    raise StreamRefused("NATS did not answer for a minute.") from error
                _log.warning("No acknowledgement from partition %d yet: %r", partition, error)
                await asyncio.sleep(0.1)
            else:
                return ack.seq

    def _fail(self, command_id: UUID, error: Exception) -> None:
        waiting = self._waiting.get(command_id)
        if waiting is None or waiting.future.done():
            return
        waiting.sent -= 1
        # Sent more than once, it may have been accepted the other time.
        if not waiting.sent and waiting.sequence is None:
            del self._waiting[command_id]
            waiting.future.set_exception(error)

    async def _answered(self, message: Msg) -> None:
        replies = commands.decode_replies(message.data)
        self._learn(replies)
        if replies.partition < len(self._lines):
            line = self._lines[replies.partition]
            line.decided = max(line.decided, replies.sequence)
        for outcome in replies.outcomes:
            waiting = self._waiting.pop(outcome.id, None)
            if waiting is not None and not waiting.future.done():
                waiting.future.set_result(outcome)

    def _learn(self, replies: Replies) -> None:
        """How long decisions take, from one of each message."""
        first = self._waiting.get(replies.outcomes[0].id) if replies.outcomes else None
        if first is not None:
            latency = asyncio.get_running_loop().time() - first.since
            self._latency += 0.2 * (latency - self._latency)


class _Line:
    """What is gathered for one partition, and how far it is."""

    def __init__(self) -> None:
        self.gathered: list[AnyCommand] = []
        self.timer: asyncio.TimerHandle | None = None
        self.due = False  # the tick is over; what is gathered leaves with the next free place
        self.underway = 0
        self.accepted = 0
        self.decided = 0
        self.per_message = 1.0
