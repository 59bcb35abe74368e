"""The platform's clock: what is due on a slot that nobody asks for is asked for by itself.

A due slot is found by an index, and asked about in its partition's line like anything else, so that
it is decided in order, once, and by whoever holds the partition.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

import nats.errors
import nats.js.errors
from nats.aio.client import Client

from openyard_events import commands, subjects
from openyard_events.commands import CommandBatch, ReleaseDue
from openyard_platform import clock, ids
from openyard_platform.store import slots
from openyard_workers.outages import OUTAGE, pause

_log = logging.getLogger(__name__)

_TICK = 0.25  # seconds
_AT_ONCE = 64  # slots in one command
_MOST = 1024
# Nobody waits for the answer.
_NOBODY = "clock"
# What was asked and is still due is in line behind others: it is asked again only after this.
_PATIENCE = 2.0


class Line(Protocol):
    """A partition's line. ``decided``: up to which message; None: another process decides it."""

    partition: int
    decided: int | None


class Clock:
    """Asks for what is due in those lines that its process decides. ``lines``: all there are."""

    def __init__(self, nc: Client, lines: Sequence[Line]) -> None:
        self._js = nc.jetstream()
        self._lines = lines
        self._asked: dict[int, float] = {}
        self._sequences: dict[int, int] = {}

    async def serve(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                await self.tick()
            except (*OUTAGE, nats.js.errors.Error) as error:
                _log.warning("The clock waits: %r", error)
            await pause(stop, _TICK)

    async def tick(self) -> None:
        """Ask once for all that is due in partitions where the last time is answered."""
        mine = {
            line.partition
            for line in self._lines
            if line.decided is not None and not self._is_in_line(line.partition, line.decided)
        }
        if not mine:
            return
        found: dict[int, list[UUID]] = defaultdict(list)
        for slot_id, venue_key in await slots.due(clock.now(), _MOST):
            partition = subjects.partition_of(venue_key, len(self._lines))
            if partition in mine:
                found[partition].append(slot_id)
        for partition, due in found.items():
            await self._ask(partition, due)

    def _is_in_line(self, partition: int, decided: int) -> bool:
        asked_at = self._asked.get(partition, 0.0)
        late = asyncio.get_running_loop().time() - asked_at > _PATIENCE
        return self._sequences.get(partition, 0) > decided and not late

    async def _ask(self, partition: int, due: list[UUID]) -> None:
        batch = CommandBatch(
            reply_to=_NOBODY,
            commands=[
                ReleaseDue(id=ids.new(), slot_ids=tuple(due[first : first + _AT_ONCE]))
                for first in range(0, len(due), _AT_ONCE)
            ],
        )
        ack = await self._js.publish(subjects.command(partition), commands.encode(batch))
        self._sequences[partition] = ack.seq
        self._asked[partition] = asyncio.get_running_loop().time()
