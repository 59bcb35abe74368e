"""Publishing slots for any venue that a connection may speak for, each until its receipt."""

import asyncio
import datetime as dt
import logging
import secrets
from collections.abc import Callable

import msgspec
import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.errors import APIError, NoStreamResponseError

from openyard_events import bus, contracts, envelope, subjects
from openyard_events.contracts import Receipt, SlotOffered, SlotWithdrawn

_log = logging.getLogger(__name__)

_ACK_TIMEOUT = 2.0
# No receipt yet: say it again. The platform answers a repeated ce-id with the first outcome.
_SAY_AGAIN_AFTER = 5.0
PATIENCE = 60.0
# The stream has said no, or nothing was sent. After anything else it may hold the message.
_NOT_TAKEN = (NoStreamResponseError, APIError, nats.errors.OutboundBufferLimitError)
_receipts = msgspec.json.Decoder(Receipt)


class PublishingFailed(Exception):
    """The platform has given no answer. Publishing again with the same ``ce_id`` is safe."""


class PublishRefused(PublishingFailed):
    """The bus took no such message: no right to publish it, too large, or no stream there."""


class NoReceipt(PublishingFailed):
    """The message may have arrived, but nobody has answered it in time."""


def _now() -> dt.datetime:
    # A venue's system is outside of the platform: this is its edge.
    return dt.datetime.now(dt.UTC)  # noqa: TID251


class SlotPublisher:
    """Publishes for every venue the connection has the right to speak for.

    ``patience``: seconds until an answer must be there.
    """

    def __init__(
        self,
        nc: Client,
        *,
        patience: float = PATIENCE,
        now: Callable[[], dt.datetime] = _now,
    ) -> None:
        self._nc = nc
        self._js: JetStreamContext = nc.jetstream()
        self._patience = patience
        self._now = now
        self._waiting: dict[str, asyncio.Future[Receipt]] = {}
        self._listening: dict[str, asyncio.Task[None]] = {}

    async def publish(
        self,
        key: str,
        slot: SlotOffered | SlotWithdrawn,
        *,
        changed: bool = False,
        ce_id: str | None = None,
    ) -> Receipt:
        """Publish on ``venue.<key>.slot.*`` and wait for the receipt.

        ``ce_id``: of the event; given again, the first outcome comes again.

        Raises:
            PublishRefused: the bus did not take it.
            NoReceipt: nobody answered in time.
            BadToken: the key or the id cannot stand in a subject.
        """
        identity = subjects.token(ce_id or secrets.token_hex(16))
        await self.listen(key)
        address = subjects.receipt(key, identity)
        if address in self._waiting:
            return await asyncio.shield(self._waiting[address])
        self._waiting[address] = future = asyncio.get_running_loop().create_future()
        try:
            return await self._until_answered(key, slot, changed, identity, future)
        finally:
            del self._waiting[address]
            if not future.done():
                future.cancel()

    async def listen(self, key: str) -> None:
        """Subscribe to the venue's receipts, once; over before anything is published."""
        if key not in self._listening:
            loop = asyncio.get_running_loop()
            self._listening[key] = loop.create_task(self._subscribe(subjects.receipt(key, "x")))
        try:
            await asyncio.shield(self._listening[key])
        except (nats.errors.Error, TimeoutError) as error:
            self._listening.pop(key, None)
            raise PublishRefused(f"The receipts of {key} cannot be read: {error!r}") from error

    async def denied(self, error: Exception) -> None:
        """For the connection's ``error_cb``: only there does NATS say that a right is missing."""
        sentence = str(error).lower()
        if "permissions violation" not in sentence:
            return
        for address, future in list(self._waiting.items()):
            _, key, _ = address.split(".")
            mine = f"venue.{key}.".lower() in sentence or f"receipt.{key}.".lower() in sentence
            if mine and not future.done():
                future.set_exception(PublishRefused(str(error)))

    async def _subscribe(self, example: str) -> None:
        await self._nc.subscribe(example.rpartition(".")[0] + ".*", cb=self._received)
        await bus.settle(self._nc)

    async def _received(self, message: Msg) -> None:
        future = self._waiting.get(message.subject)
        if future is None or future.done():
            return
        try:
            future.set_result(_receipts.decode(message.data))
        except msgspec.DecodeError:
            _log.exception("A receipt cannot be read: %r", message.data[:200])

    async def _until_answered(
        self,
        key: str,
        slot: SlotOffered | SlotWithdrawn,
        changed: bool,  # noqa: FBT001 - told on from a named one
        identity: str,
        future: asyncio.Future[Receipt],
    ) -> Receipt:
        subject, type_ = _kind(key, slot, changed=changed)
        headers = envelope.headers(identity, type_, f"/venues/{key}", self._now(), slot.external_id)
        data = msgspec.json.encode(slot)
        loop = asyncio.get_running_loop()
        give_up = loop.time() + self._patience
        failure: Exception | None = None
        perhaps = False
        while loop.time() < give_up and not future.done():
            failure = await self._send(subject, data, headers)
            perhaps = perhaps or not isinstance(failure, _NOT_TAKEN)
            pause = 0.25 if failure else min(_SAY_AGAIN_AFTER, max(0.0, give_up - loop.time()))
            await asyncio.wait([future], timeout=pause)
        if future.done():
            return future.result()
        if not perhaps:
            raise PublishRefused(f"{subject}: {failure!r}") from failure
        raise NoReceipt(
            f"{subject}: no receipt for {identity} in {self._patience:.0f} s."
        ) from failure

    async def _send(self, subject: str, data: bytes, headers: dict[str, str]) -> Exception | None:
        """What went wrong, if it may go right the next time.

        Raises:
            PublishRefused: it will not.
        """
        try:
            await self._js.publish(subject, data, timeout=_ACK_TIMEOUT, headers=headers)
        except (nats.errors.MaxPayloadError, nats.errors.ConnectionClosedError) as error:
            raise PublishRefused(f"{subject}: {error!r}") from error
        except (NoStreamResponseError, APIError, nats.errors.Error, TimeoutError) as error:
            return error
        return None


def _kind(key: str, slot: SlotOffered | SlotWithdrawn, *, changed: bool) -> tuple[str, str]:
    if isinstance(slot, SlotWithdrawn):
        return subjects.slot_withdrawn(key), contracts.SLOT_WITHDRAWN
    if changed:
        return subjects.slot_changed(key), contracts.SLOT_CHANGED
    return subjects.slot_offered(key), contracts.SLOT_OFFERED
