"""Reading a stream in order from a stored position, without acknowledgements."""

import asyncio
import contextlib
import datetime as dt
import logging
import secrets
from collections import deque
from functools import partial
from typing import Any

import msgspec
import nats.errors
from msgspec import Struct
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from openyard_events.endings import end
from openyard_events.pulling import PullConsumer, Word

_log = logging.getLogger(__name__)

# A request stands so long on the server before it is made anew.
_EXPIRES = 30.0
# The server says so often that the consumer is still there; after three silences it is not.
_HEARTBEAT = 1.0
_SILENCE = 3 * _HEARTBEAT
_TICK = 0.25
# Longer than any pause of a reader that takes nothing because its database is away.
_FORGOTTEN_AFTER = 300.0


class StreamReplaced(Exception):
    """The stream was lost and made anew, or lost its end: the position means nothing in it.

    ``created``: when the stream that stands there now was made; ``last_sequence``: its last.
    """

    def __init__(self, stream: str, created: dt.datetime, last_sequence: int) -> None:
        super().__init__(
            f"{stream} was made anew or lost its end: created {created}, last {last_sequence}."
        )
        self.created = created
        self.last_sequence = last_sequence


class Delivered(Struct, frozen=True):
    """One message of the stream. ``timestamp``: when the stream took it in, UTC."""

    sequence: int
    timestamp: dt.datetime
    subject: str
    headers: dict[str, str]
    data: bytes


class OrderedReader:
    """Every message from ``start_seq`` on, in order, each once; survives what the server does.

    An ephemeral pull consumer with a standing request: a message comes without a round trip of
    its own. A gap, a silence, a reconnect or a vanished consumer makes a new one, from the next
    message on. A purge at the front is no gap.
    """

    def __init__(
        self, nc: Client, stream: str, subject: str | None, start_seq: int, *, batch: int = 256
    ) -> None:
        """``subject``: only these messages; None: all there are.

        NATS stores a message whose subject ends in a literal ``>``, but shows it to no filter of
        single tokens.
        """
        self._nc = nc
        self._js: JetStreamContext = nc.jetstream(timeout=3)
        self._stream = stream
        self._subject = subject
        self._next = max(1, start_seq)
        self._batch = batch
        self._buffer: deque[Delivered] = deque()
        self._consumer: PullConsumer | None = None
        self._created: dt.datetime | None = None
        self._failure: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._doubted = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None

    @property
    def created(self) -> dt.datetime:
        """When the stream was made; known after ``start``."""
        if self._created is None:
            raise RuntimeError("The reader has not been started.")
        return self._created

    async def start(self) -> None:
        """Begin to read.

        Raises:
            StreamReplaced: the stream ends before the position.
            nats.errors.Error: there is no such stream, or the server does not answer.
        """
        await self._open()
        self._keeper = asyncio.get_running_loop().create_task(self._keep())

    async def take(self, max_messages: int, timeout: float) -> list[Delivered]:  # noqa: ASYNC109 - how long to wait for a first message, not for the whole
        """Everything that is here, as soon as there is something; nothing after ``timeout``.

        Raises:
            StreamReplaced: after the last message of the old stream.
            nats.errors.ConnectionClosedError: the connection was closed for good.
        """
        if not self._buffer and self._failure is None and timeout > 0:
            await self._wait(timeout)
        buffer = self._buffer
        if not buffer and self._failure is not None:
            raise self._failure
        taken = [buffer.popleft() for _ in range(min(max_messages, len(buffer)))]
        await self._refill()
        return taken

    async def stop(self) -> None:
        if self._keeper is not None:
            await end(self._keeper)
            self._keeper = None
        await self._close()

    async def _wait(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self._waiter = waiter = loop.create_future()
        timer = loop.call_later(seconds, _wake, waiter)
        try:
            await waiter
        finally:
            timer.cancel()
            self._waiter = None

    async def _refill(self) -> None:
        """Keep more than one batch on its way or here, never more than two."""
        consumer = self._consumer
        if consumer is None or consumer.doubt or not self._nc.is_connected:
            return
        wanted = 2 * self._batch - len(self._buffer) - max(0, consumer.credit)
        if wanted < self._batch:
            return
        if consumer.credit <= 0:
            consumer.heard = asyncio.get_running_loop().time()
        consumer.credit = max(0, consumer.credit) + wanted
        request = {
            "batch": wanted,
            "expires": int(_EXPIRES * 1e9),
            "idle_heartbeat": int(_HEARTBEAT * 1e9),
        }
        await self._nc.publish(
            f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{consumer.name}",
            msgspec.json.encode(request),
            reply=consumer.inbox,
        )

    async def _receive(self, consumer: PullConsumer, message: Msg) -> None:
        if consumer is not self._consumer:
            return
        consumer.heard = asyncio.get_running_loop().time()
        if not message.reply.startswith("$JS.ACK."):
            consumer.status(message.headers or {})
            await self._refill()
        else:
            word = Word.of(message.reply)
            if consumer.accept(word):
                self._next = word.sequence + 1
                headers = message.headers or {}
                self._buffer.append(
                    Delivered(word.sequence, word.timestamp, message.subject, headers, message.data)
                )
                _wake(self._waiter)
        if consumer.doubt:
            self._doubted.set()

    async def _keep(self) -> None:
        """Replace the consumer whenever there is a doubt about it."""
        said = ""
        while self._failure is None:
            if self._nc.is_closed:
                self._fail(nats.errors.ConnectionClosedError())
                return
            doubt = self._doubt()
            if doubt:
                if doubt != said:
                    _log.info("%s: reading on from %d: %s", self._stream, self._next, doubt)
                    said = doubt
                try:
                    await self._open()
                    said = ""
                except StreamReplaced as replaced:
                    self._fail(replaced)
                except (nats.errors.Error, TimeoutError, OSError) as error:
                    _log.debug("%s: not yet: %s", self._stream, error)
                    await asyncio.sleep(_TICK)
            else:
                await self._pause()

    async def _pause(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._doubted.wait(), _TICK)

    def _doubt(self) -> str:
        consumer = self._consumer
        if not self._nc.is_connected:
            return ""
        if consumer is None:
            return "there is no consumer"
        if consumer.doubt:
            return consumer.doubt
        if consumer.reconnects != self._nc.stats["reconnects"]:
            return "the connection was lost"
        silence = asyncio.get_running_loop().time() - consumer.heard
        return "the server is silent" if consumer.credit > 0 and silence > _SILENCE else ""

    def _fail(self, failure: Exception) -> None:
        self._failure = failure
        _wake(self._waiter)

    async def _open(self) -> None:
        """Make a consumer that goes on at the next message, then ask it for some."""
        await self._close()
        self._doubted.clear()
        consumer = PullConsumer(
            f"read-{secrets.token_hex(8)}",
            self._nc.new_inbox(),
            self._nc.stats["reconnects"],
            asyncio.get_running_loop().time(),
        )
        self._consumer = consumer
        consumer.subscription = await self._nc.subscribe(
            consumer.inbox, cb=partial(self._receive, consumer)
        )
        try:
            await self._js.add_consumer(self._stream, self._config(consumer.name))
            # After the consumer, not before: a stream replaced in between has taken it along.
            info: Any = await self._js.stream_info(self._stream)
        except BaseException:
            await self._close()
            raise
        if self._created is None:
            self._created = info.created
        if info.created != self._created or info.state.last_seq < self._next - 1:
            await self._close()
            raise StreamReplaced(self._stream, info.created, info.state.last_seq)
        await self._refill()

    def _config(self, name: str) -> ConsumerConfig:
        return ConsumerConfig(
            name=name,
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=self._next,
            ack_policy=AckPolicy.NONE,
            filter_subject=self._subject,
            inactive_threshold=_FORGOTTEN_AFTER,
            mem_storage=True,
            num_replicas=1,
        )

    async def _close(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is None or consumer.subscription is None or self._nc.is_closed:
            return
        await consumer.subscription.unsubscribe()
        if self._nc.is_connected:
            # Nobody waits for the answer: the server would forget the consumer by itself.
            await self._nc.publish(f"$JS.API.CONSUMER.DELETE.{self._stream}.{consumer.name}")


def _wake(waiter: asyncio.Future[None] | None) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)
