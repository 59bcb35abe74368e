"""Live seats: one subscription a process, told on to every open page as server-sent events."""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import AsyncGenerator, Collection, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import nats.errors
from litestar import Litestar
from litestar.types import Receive, Scope, Send
from msgspec import Struct
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from openyard_events import bus, subjects
from openyard_platform import clock
from openyard_platform.domain.errors import NotFound, TooMany, Unavailable
from openyard_platform.domain.people import ANYBODY
from openyard_platform.store import seats as records
from openyard_platform.store.seats import Seats

PER_PROCESS = 2000
PER_ADDRESS = 60  # a whole school may sit behind one address
GAP = 0.25  # seconds between two updates: at most four a second for each reader
HEARTBEAT = 15.0
PATIENCE = 10.0  # seconds a reader may keep us from writing before it is dropped
LIFETIME = 1800.0  # then the browser connects anew, perhaps to another process
RETRY_AFTER = 30

_DATABASE_AWAY = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
)
_OF_SLOTS = "openyard.slot."
_SLOT_CLOSED = "openyard.slot.closed.v1"

_log = logging.getLogger(__name__)


class _Heard(Struct, frozen=True, kw_only=True):
    """What live pages need of any fact; everything else in it is passed over."""

    type: str
    slot_id: UUID
    slot_revision: int
    capacity: int
    taken: int
    waiting: int


class Told(Struct, frozen=True, kw_only=True):
    """The data of one event, as the page receives it. ``remaining``: free for who reads."""

    slot_id: UUID
    revision: int
    status: str
    capacity: int
    taken: int
    remaining: int
    waiting: int


_facts = msgspec.json.Decoder(_Heard)


class _Channel:
    """The readers of one slot and the newest seats known; a later fact replaces an unread one."""

    def __init__(self, latest: Seats) -> None:
        self.latest = latest
        self.readers: set[_Reader] = set()


class _Reader:
    def __init__(self) -> None:
        self.changed = asyncio.Event()
        self.gone = False

    def leave(self) -> None:
        self.gone = True
        self.changed.set()


class Hub:
    """All live readers of this process."""

    def __init__(self, nc: Client) -> None:
        self._nc = nc
        self._subscription: Subscription | None = None
        self._beginning = asyncio.Lock()
        self._channels: dict[UUID, _Channel] = {}
        self._addresses: Counter[str] = Counter()
        self._closing = False
        self._stale: set[UUID] = set()
        self._reading: asyncio.Task[None] | None = None

    @property
    def readers(self) -> int:
        return self._addresses.total()

    async def listen(self) -> None:
        """Hear every fact from now on; over when the server knows. Lost ones the sweep makes good.

        Only while somebody reads: in a rush on a slot nobody watches, hearing of each of its
        decisions would cost this process a tenth of its time.

        Raises:
            nats.errors.Error: the bus does not answer; seats come by the sweep alone.
        """
        async with self._beginning:
            if self._subscription is None:
                heard = await self._nc.subscribe(subjects.FACT_SUBJECTS, cb=self._heard)
                await bus.settle(self._nc)
                self._subscription = heard

    async def _stop_listening(self) -> None:
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            await subscription.unsubscribe()

    async def _heard(self, message: Msg) -> None:
        try:
            fact = _facts.decode(message.data)
        except msgspec.MsgspecError as error:
            _log.warning("cannot read a fact on %s: %s", message.subject, error)
            return
        self._tell_fact(fact)

    def tell(self, seats: Seats) -> None:
        """Pass on how full a slot is, unless something newer is known."""
        channel = self._channels.get(seats.slot_id)
        if channel is None or seats.revision <= channel.latest.revision:
            return
        channel.latest = seats
        for reader in channel.readers:
            reader.changed.set()

    def _tell_fact(self, fact: _Heard) -> None:
        channel = self._channels.get(fact.slot_id)
        if channel is None or fact.slot_revision <= channel.latest.revision:
            return
        restated = fact.type.startswith(_OF_SLOTS) and fact.type != _SLOT_CLOSED
        if channel.latest.allotments or restated:
            # What is kept for whom stands in no fact.
            self._read_again(fact.slot_id)
            return
        # Only a slot's own facts say whether it is still offered.
        status = channel.latest.status
        if fact.type.startswith(_OF_SLOTS):
            status = "withdrawn" if fact.type == _SLOT_CLOSED else "open"
        self.tell(
            Seats(
                slot_id=fact.slot_id,
                revision=fact.slot_revision,
                status=status,
                capacity=fact.capacity,
                taken=fact.taken,
                waiting=fact.waiting,
            )
        )

    def _read_again(self, slot_id: UUID) -> None:
        """Read a slot's seats soon; however many facts come, a few times a second at most."""
        self._stale.add(slot_id)
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read_stale())

    async def _read_stale(self) -> None:
        while self._stale:
            asked = list(self._stale)
            self._stale.clear()
            try:
                found = await records.of_slots(asked)
            except _DATABASE_AWAY as error:
                # The sweep makes it good.
                _log.warning("cannot read the seats of watched slots: %s", error)
                return
            for seats in found:
                self.tell(seats)
            await asyncio.sleep(GAP)

    async def sweep(self) -> None:
        """Read the seats of every watched slot again: core NATS may lose what it was told."""
        if not self._channels:
            await self._stop_listening()
            return
        for seats in await records.of_slots(list(self._channels)):
            self.tell(seats)

    async def keep_sweeping(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT)
            try:
                await self.sweep()
            except (*_DATABASE_AWAY, nats.errors.Error) as error:
                _log.warning("cannot read the seats of watched slots: %s", error)

    def close(self) -> None:
        """Send every reader home: the server waits for open responses before it stops."""
        self._closing = True
        if self._reading is not None:
            self._reading.cancel()
        for channel in self._channels.values():
            for reader in channel.readers:
                reader.leave()

    def check_room(self, address: str) -> None:
        """Raises Unavailable or TooMany where no further reader fits."""
        if self._closing or self.readers >= PER_PROCESS:
            raise Unavailable("Too many live readers here.", retry_after=RETRY_AFTER)
        if self._addresses[address] >= PER_ADDRESS:
            raise TooMany("Too many live readers from your address.", retry_after=RETRY_AFTER)

    @contextmanager
    def reading(self, seats: Seats, address: str) -> Iterator[tuple[_Channel, _Reader]]:
        channel = self._channels.setdefault(seats.slot_id, _Channel(seats))
        reader = _Reader()
        channel.readers.add(reader)
        self._addresses[address] += 1
        try:
            yield channel, reader
        finally:
            channel.readers.discard(reader)
            if not channel.readers:
                self._channels.pop(seats.slot_id, None)
            self._addresses[address] -= 1
            if not self._addresses[address]:
                del self._addresses[address]


class Stream:
    """The response: a snapshot, then updates until somebody leaves. An ASGI application.

    ``eyes``: the audiences who reads belongs to; seats kept for others are not free for them.
    """

    def __init__(
        self, hub: Hub, slot_id: UUID, address: str, eyes: Collection[str] = ANYBODY
    ) -> None:
        self.hub = hub
        self.slot_id = slot_id
        self.address = address
        self.eyes = eyes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del scope
        known = await records.of_slots([self.slot_id])
        if not known:
            raise NotFound("There is no such slot.")
        with self.hub.reading(known[0], self.address) as (channel, reader):
            with contextlib.suppress(nats.errors.Error):
                await self.hub.listen()
            # What was told while the reader was not registered yet is in the second reading.
            for seats in await records.of_slots([self.slot_id]):
                self.hub.tell(seats)
            leaving = asyncio.create_task(_until_disconnected(receive, reader))
            try:
                await self._run(channel, reader, send)
            except TimeoutError:
                _log.info("dropped a slow live reader of slot %s", self.slot_id)
            finally:
                leaving.cancel()

    async def _run(self, channel: _Channel, reader: _Reader, send: Send) -> None:
        await _patiently(send, _START)
        loop = asyncio.get_running_loop()
        until = loop.time() + LIFETIME
        reader.changed.clear()
        await _patiently(send, _body(_event("snapshot", channel.latest, self.eyes)))
        sent = channel.latest.revision
        while not reader.gone and loop.time() < until:
            await asyncio.sleep(GAP)
            try:
                async with asyncio.timeout(HEARTBEAT):
                    await reader.changed.wait()
            except TimeoutError:
                await _patiently(send, _body(b":\n\n"))
                continue
            reader.changed.clear()
            if not reader.gone and channel.latest.revision > sent:
                sent = channel.latest.revision
                await _patiently(send, _body(_event("update", channel.latest, self.eyes)))
        await _patiently(send, {"type": "http.response.body", "body": b"", "more_body": False})


_START: dict[str, Any] = {
    "type": "http.response.start",
    "status": 200,
    "headers": [
        (b"content-type", b"text/event-stream; charset=utf-8"),
        (b"cache-control", b"no-store"),
        # A buffering proxy would keep the seats to itself.
        (b"x-accel-buffering", b"no"),
    ],
}


def _event(name: str, seats: Seats, eyes: Collection[str]) -> bytes:
    told = Told(
        slot_id=seats.slot_id,
        revision=seats.revision,
        status=seats.status,
        capacity=seats.capacity,
        taken=seats.taken,
        remaining=seats.remaining(eyes, clock.now()),
        waiting=seats.waiting,
    )
    data = msgspec.json.encode(told)
    return b"event: %b\nid: %d\ndata: %b\n\n" % (name.encode(), seats.revision, data)


def _body(data: bytes) -> dict[str, Any]:
    return {"type": "http.response.body", "body": data, "more_body": True}


async def _patiently(send: Send, message: Any) -> None:
    async with asyncio.timeout(PATIENCE):
        await send(message)


async def _until_disconnected(receive: Receive, reader: _Reader) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    reader.leave()


@asynccontextmanager
async def opened(app: Litestar) -> AsyncGenerator[None, None]:
    """Put a hub that listens and sweeps into ``app.state.live``; needs ``app.state.nats``."""
    hub = Hub(app.state.nats)
    sweeping = asyncio.create_task(hub.keep_sweeping())
    app.state.live = hub
    try:
        yield
    finally:
        hub.close()
        sweeping.cancel()
