"""Watching from outside: what was asked, in which order, what was told of it, and mailed."""

import asyncio
import bisect
import contextlib
import datetime as dt
import os
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import msgspec
from msgspec import Struct
from nats.aio.client import Client

from openyard_events import bus, commands, subjects
from openyard_events.commands import Reserve
from openyard_events.contracts import AnyFact
from openyard_events.reader import Delivered, OrderedReader
from tests.races.hosts import PARTITIONS
from tests.races.yards import now

_LOOK = 0.2  # seconds between two looks into the postbox

_EVER = dt.datetime.min.replace(tzinfo=dt.UTC)

_facts = msgspec.json.Decoder(AnyFact)


class Told(Struct, frozen=True):
    """A fact in its stream. ``at``: when it was read here, in seconds of the loop's clock."""

    event_id: str
    fact: AnyFact
    at: float


class Gap(NamedTuple):
    """Messages of a line that were purged before they were read here came in between."""

    after: dt.datetime
    before: dt.datetime


class Heard(Struct, frozen=True):
    """A request for seats in its line. ``at``: when the stream took it in.

    ``gaps`` of its line before it: in one of them it may have been accepted for the first time,
    and this is its repeat.
    """

    id: str
    at: dt.datetime
    gaps: tuple[Gap, ...] = ()


class Watches:
    """Reads FACT and every line of commands from now on, whatever happens to the server.

    ``facts`` are by slot, in the order of the stream, repeats left in. ``line`` holds, by slot,
    the requests for seats in the order of acceptance, repeats left in; what a purge takes away
    before it is read here is missing there. After a freeze that is much: the deciders may be back
    sooner, decide all that was held up, and purge it.
    """

    def __init__(self, nats_url: str) -> None:
        self._url = nats_url
        self._nc: Client | None = None
        self._readers: dict[str, OrderedReader] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self.read: dict[str, int] = {}
        self.facts: dict[str, list[Told]] = {}
        self.line: dict[str, list[Heard]] = {}
        self._gaps: dict[str, list[Gap]] = {}
        self._latest: dict[str, dt.datetime] = {}

    async def __aenter__(self) -> Self:
        self._nc = await bus.connect(self._url, name="watch")
        lines = {subjects.command_stream(p): subjects.command(p) for p in range(PARTITIONS)}
        for stream, subject in {subjects.FACT_STREAM: subjects.FACT_SUBJECTS, **lines}.items():
            info = await self._nc.jetstream().stream_info(stream)
            self.read[stream] = info.state.last_seq
            reader = OrderedReader(self._nc, stream, subject, info.state.last_seq + 1)
            await reader.start()
            self._readers[stream] = reader
            self._tasks.append(asyncio.create_task(self._follow(stream, reader)))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for reader in self._readers.values():
            await reader.stop()
        if self._nc is not None:
            await self._nc.close()

    async def ends(self) -> dict[str, int]:
        """The last message of each stream.

        Raises:
            nats.errors.Error: the server does not answer.
        """
        assert self._nc is not None
        js = self._nc.jetstream(timeout=2)
        return {stream: (await js.stream_info(stream)).state.last_seq for stream in self._readers}

    def check(self) -> None:
        """Raise what has ended a watch."""
        for task in self._tasks:
            if task.done():
                task.result()

    async def _follow(self, stream: str, reader: OrderedReader) -> None:
        while True:
            for message in await reader.take(500, 1.0):
                if stream == subjects.FACT_STREAM:
                    fact = _facts.decode(message.data)
                    told = Told(message.headers["ce-id"], fact, now())
                    self.facts.setdefault(str(fact.slot_id), []).append(told)
                else:
                    self._hear(stream, message)
                self.read[stream] = message.sequence

    def _hear(self, stream: str, message: Delivered) -> None:
        at, gaps = message.timestamp, self._gaps.setdefault(stream, [])
        if message.sequence > self.read[stream] + 1:
            gaps.append(Gap(self._latest.get(stream, _EVER), at))
        self._latest[stream] = at
        for command in commands.decode_batch(message.data).commands:
            if isinstance(command, Reserve):
                heard = Heard(str(command.id), at, tuple(gaps))
                self.line.setdefault(str(command.slot_id), []).append(heard)


class Postbox:
    """Takes every mail that is kept as a file, as it comes. ``names``: a repeat has the same."""

    def __init__(self, directory: Path) -> None:
        self.names: set[str] = set()
        self._directory = directory
        self._came: list[float] = []

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._watch())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def nth_after(self, since: float, number: int) -> float | None:
        """When so many mails had come after a moment of the loop's clock."""
        index = bisect.bisect_left(self._came, since) + number - 1
        return self._came[index] if index < len(self._came) else None

    async def _watch(self) -> None:
        while True:
            self.empty()
            await asyncio.sleep(_LOOK)

    def empty(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            for entry in os.scandir(self._directory):
                if entry.name.endswith(".eml"):
                    self.names.add(entry.name)
                    self._came.append(now())
                    Path(entry.path).unlink()
