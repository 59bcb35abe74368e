"""The intake: checks what venues publish, hands it to the deciders, and answers with receipts."""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Mapping, Sequence
from uuid import UUID

import asyncpg
import msgspec
from msgspec import Struct
from nats.aio.client import Client

from openyard_events import bus, subjects, venue_messages
from openyard_events.commands import OfferSlot, WithdrawSlot
from openyard_events.contracts import Receipt, SlotOffered, SlotWithdrawn
from openyard_events.gathering import Gatherer, NotConnected, StreamRefused
from openyard_events.reader import Delivered, OrderedReader, StreamReplaced
from openyard_events.venue_messages import Rejected
from openyard_platform import ids
from openyard_platform.settings import Settings
from openyard_platform.store import engine, readers, receipts
from openyard_platform.store.readers import Overtaken, Position
from openyard_platform.store.receipts import Answer, Key
from openyard_workers.dead_letters import bury
from openyard_workers.flights import Flight, Flights
from openyard_workers.ledger import Ledger
from openyard_workers.outages import OUTAGE, pause
from openyard_workers.positions import stand

_log = logging.getLogger(__name__)

NAME = "intake"  # of its row in the table of readers
_CHUNK = 256
_MOST = 2000  # commands on their way
_TICK = 0.25
_LOOK_EVERY = 4  # ticks
_LAST_WORDS = 3.0

# What one message's own contents can cause.
_ITS_OWN_FAULT = (
    ValueError,  # msgspec's errors are ValueErrors, too
    TypeError,
    LookupError,
    ArithmeticError,
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
)

_encode = msgspec.json.Encoder().encode


# The venue's key, its receipt, and the messages that this answers.
_Answer = tuple[str, Receipt, Sequence[int]]


class _Incoming(Struct, frozen=True):
    message: Delivered
    venue_key: str
    venue_id: UUID
    receipt_id: str
    checked: venue_messages.Accepted | Rejected

    @property
    def key(self) -> Key:
        return self.venue_id, self.receipt_id


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """Take in what venues publish until ``stop`` is set."""
    await engine.connect(settings.database_url, size=4, application="openyard intake")
    nc = await bus.connect(settings.nats_url, name="intake")
    try:
        await bus.ensure_streams(nc.jetstream(), settings.partitions)
        await Intake(settings, nc).serve(stop)
    finally:
        await nc.close()
        await engine.disconnect()


class Intake:
    """Reads VENUE from the stored position on, in order.

    The position moves behind a message when its receipt is stored and published. Whatever goes
    wrong before that, it is read again from there; what was answered already is answered alike.
    """

    def __init__(self, settings: Settings, nc: Client) -> None:
        self._nc = nc
        self._js = nc.jetstream(timeout=3)
        instance = f"intake-{secrets.token_hex(6)}"
        self._gatherer = Gatherer(nc, nc.jetstream(), instance, settings.partitions)
        self._flights = Flights(self._gatherer, settings.partitions, self._answer)
        self._venues: dict[str, UUID] = {}
        self._answers: asyncio.Queue[_Answer | None] = asyncio.Queue()
        self._ledger = Ledger(0)

    async def serve(self, stop: asyncio.Event) -> None:
        """Work until ``stop``; whatever is lost on the way is waited for."""
        await self._gatherer.start()
        try:
            while not stop.is_set():
                try:
                    await self._attempt(stop)
                except* (Overtaken, StreamReplaced) as group:
                    _log.info("The intake starts over: %r", group.exceptions[0])
                    await pause(stop, 0.2)
                except* (NotConnected, StreamRefused) as group:
                    _log.warning("The intake holds back: %s", group.exceptions[0])
                    await pause(stop, 1)
                except* OUTAGE as group:
                    _log.warning("The intake waits: %r", group.exceptions[0])
                    await pause(stop, 0.5)
        finally:
            await self._gatherer.stop()

    async def _attempt(self, stop: asyncio.Event) -> None:
        """One life of the reader, from the stored position on."""
        position = await stand(self._js, subjects.VENUE_STREAM, NAME)
        self._ledger = Ledger(position.sequence)
        self._answers = asyncio.Queue()
        self._flights.begin_again()
        reader = OrderedReader(
            self._nc,
            subjects.VENUE_STREAM,
            None,  # A venue gets an answer whatever stands in its subject.
            position.sequence + 1,
            batch=_CHUNK,
        )
        _log.info("The intake reads on from %d", position.sequence + 1)
        try:
            await reader.start()
            async with asyncio.TaskGroup() as group:
                ending = asyncio.Event()
                group.create_task(self._publish())
                group.create_task(self._keep(position, ending))
                try:
                    await self._read(reader, stop)
                    await self._land()
                finally:
                    # Not by cancelling alone: before Python 3.12 ``asyncio.wait_for``, inside of a
                    # flush to NATS, may swallow that, and we would wait for ever.
                    ending.set()
                    self._answers.put_nowait(None)
        finally:
            await reader.stop()

    async def _read(self, reader: OrderedReader, stop: asyncio.Event) -> None:
        while not stop.is_set():
            if self._flights.refused:
                raise StreamRefused("A command stream took nothing.")
            if len(self._flights) >= _MOST:
                await pause(stop, _TICK)
                continue
            messages = await reader.take(_CHUNK, _TICK)
            for message in messages:
                self._ledger.begin(message.sequence)
            try:
                await self._take_in(messages)
            except _ITS_OWN_FAULT as error:
                _log.warning("Messages fail, one by one now: %r", error)
                await self._take_in_singly(messages)

    async def _take_in_singly(self, messages: Sequence[Delivered]) -> None:
        """One that the checks have not foreseen must not hold up all venues."""
        for message in messages:
            try:
                await self._take_in([message])
            except _ITS_OWN_FAULT as error:
                await self._bury(message, repr(error))

    async def _bury(self, message: Delivered, reason: str) -> None:
        _log.warning("Dead letter: VENUE %d %s: %s", message.sequence, message.subject, reason)
        await bury(self._js, NAME, message.data, f"{message.subject}: {reason}")
        self._ledger.settle(message.sequence)

    async def _take_in(self, messages: Sequence[Delivered]) -> None:
        """Answer these at once, or send their commands off in the same order."""
        if not messages:
            return
        incoming = await self._recognise(messages)
        known = await receipts.stored({one.key for one in incoming})
        known |= await self._refuse(incoming, known)
        for one in incoming:
            sequence = one.message.sequence
            if one.key in known:
                self._answer(one.venue_key, known[one.key], [sequence])
            elif one.key in self._flights:
                self._flights.join(one.key, sequence)
            elif isinstance(one.checked, Rejected):
                # The first with this id was right, and has landed while we looked elsewhere.
                kept = await receipts.keep([_refusal(one, one.checked)])
                self._answer(one.venue_key, kept[one.key], [sequence])
            else:
                command = _command(one, one.checked.slot)
                at = one.message.timestamp
                self._flights.send(Flight(one.key, one.venue_key, command, at, [sequence]))

    async def _refuse(
        self, incoming: Sequence[_Incoming], known: Mapping[Key, Receipt]
    ) -> dict[Key, Receipt]:
        """Refuse what is wrong and the first with its id; of several the first one counts."""
        first: dict[Key, _Incoming] = {}
        for one in incoming:
            first.setdefault(one.key, one)
        refusals = [
            _refusal(one, one.checked)
            for one in first.values()
            if isinstance(one.checked, Rejected)
            and one.key not in known
            and one.key not in self._flights
        ]
        return await receipts.keep(refusals) if refusals else {}

    async def _recognise(self, messages: Sequence[Delivered]) -> list[_Incoming]:
        """Whose each message is; what belongs to nobody we know goes to the dead letters."""
        keys = [venue_messages.venue_of(message.subject) for message in messages]
        unknown = {key for key in keys if key is not None} - self._venues.keys()
        if unknown:
            self._venues |= await receipts.venue_ids(unknown)
        incoming = []
        for message, key in zip(messages, keys, strict=True):
            if key is None or key not in self._venues:
                await self._bury(message, "no venue has this key")
                continue
            checked = venue_messages.check(message.subject, message.headers, message.data)
            receipt_id = checked.receipt_id or f"seq-{message.sequence}"
            incoming.append(_Incoming(message, key, self._venues[key], receipt_id, checked))
        return incoming

    def _answer(self, venue_key: str, receipt: Receipt, sequences: Sequence[int]) -> None:
        self._answers.put_nowait((venue_key, receipt, sequences))

    async def _publish(self) -> None:
        """Publish the receipts as they come; None is the last."""
        answers = self._answers
        while (answer := await answers.get()) is not None:
            venue_key, receipt, sequences = answer
            # Once for each message, and once when nobody waits: it is about to be read again.
            for sequence in sequences or [0]:
                await self._nc.publish(subjects.receipt(venue_key, receipt.id), _encode(receipt))
                self._ledger.settle(sequence)
            answers.task_done()

    async def _keep(self, position: Position, ending: asyncio.Event) -> None:
        """Move the stored position on, and look after what stays away too long."""
        quiet = 0
        try:
            while not ending.is_set():
                await pause(ending, _TICK)
                await self._flights.chase()
                quiet = quiet + 1 if self._ledger.done == position.sequence else 0
                position = await self._advance(position)
                # Taken away to have everything read anew, or moved by another process.
                if quiet % _LOOK_EVERY == _LOOK_EVERY - 1 and await readers.load(NAME) != position:
                    raise Overtaken(NAME)
        except asyncio.CancelledError:
            await self._advance(position)
            raise
        await self._advance(position)

    async def _advance(self, position: Position) -> Position:
        done = self._ledger.done
        if done == position.sequence:
            return position
        await bus.settle(self._nc)
        return await readers.advance(position, done)

    async def _land(self) -> None:
        """Before the end: let what is on its way come down, but not for long."""
        await self._flights.wait(_LAST_WORDS)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._answers.join(), _LAST_WORDS)


def _command(one: _Incoming, slot: SlotOffered | SlotWithdrawn) -> OfferSlot | WithdrawSlot:
    if isinstance(slot, SlotWithdrawn):
        return WithdrawSlot(
            id=ids.new(),
            venue_id=one.venue_id,
            venue_key=one.venue_key,
            receipt_id=one.receipt_id,
            slot=slot,
        )
    return OfferSlot(
        id=ids.new(),
        venue_id=one.venue_id,
        venue_key=one.venue_key,
        receipt_id=one.receipt_id,
        slot=slot,
    )


def _refusal(one: _Incoming, rejected: Rejected) -> Answer:
    receipt = Receipt(id=one.receipt_id, status="refused", errors=rejected.errors)
    return Answer(venue_id=one.venue_id, receipt=receipt, at=one.message.timestamp)
