"""Venues' commands on their way to the decider, each until its receipt is known."""

import asyncio
import datetime as dt
import logging
from collections.abc import Callable, Sequence
from functools import partial

import msgspec
from msgspec import Struct

from openyard_events import subjects
from openyard_events.commands import OfferSlot, Outcome, WithdrawSlot
from openyard_events.contracts import FieldError, Receipt
from openyard_events.gathering import Gatherer
from openyard_platform import ids
from openyard_platform.store import receipts
from openyard_platform.store.receipts import Answer, Key

_log = logging.getLogger(__name__)

# No answer for so long: it may be lost on the way, so look for it in the database.
_OVERDUE = 2.0
# No outcome there either: the command itself may be lost. Its repeat has at most one effect.
_LOST = 60.0


class Flight(Struct):
    """One command, and the messages that wait for its outcome."""

    key: Key
    venue_key: str
    command: OfferSlot | WithdrawSlot
    at: dt.datetime
    sequences: list[int]
    since: float = 0.0
    future: asyncio.Future[Outcome] | None = None


class Flights:
    """``landed``: called with the venue's key, the receipt and the sequences that it answers."""

    def __init__(
        self,
        gatherer: Gatherer,
        partitions: int,
        landed: Callable[[str, Receipt, Sequence[int]], None],
    ) -> None:
        self._gatherer = gatherer
        self._partitions = partitions
        self._tell = landed
        self._flights: dict[Key, Flight] = {}
        self._failed: list[Flight] = []
        self.refused = False

    def __len__(self) -> int:
        return len(self._flights)

    def __contains__(self, key: Key) -> bool:
        return key in self._flights

    def begin_again(self) -> None:
        """The messages are read again: who is still on the way will be joined anew."""
        self.refused = False
        for flight in self._flights.values():
            flight.sequences.clear()

    def send(self, flight: Flight) -> None:
        """Put it in its partition's line.

        Raises:
            NotConnected: nothing was sent.
        """
        self._submit(flight)
        self._flights[flight.key] = flight

    def join(self, key: Key, sequence: int) -> None:
        """The same event again, while the first is on its way: they share the answer."""
        self._flights[key].sequences.append(sequence)

    async def chase(self) -> None:
        """Look for what stays away too long."""
        failed, self._failed = self._failed, []
        if failed:
            kept = await receipts.keep([_failure(flight) for flight in failed])
            for flight in failed:
                self._landed(flight, kept[flight.key])
        now = asyncio.get_running_loop().time()
        overdue = [one for one in self._flights.values() if now - one.since > _OVERDUE]
        if not overdue:
            return
        found = await receipts.stored([flight.key for flight in overdue])
        for flight in overdue:
            receipt = found.get(flight.key)
            if receipt is not None:
                self._landed(flight, receipt)
            elif now - flight.since > _LOST and flight.key in self._flights:
                _log.warning("%s %s is sent again", flight.venue_key, flight.key[1])
                flight.command = msgspec.structs.replace(flight.command, id=ids.new())
                self._submit(flight)

    async def wait(self, seconds: float) -> None:
        """Until all have landed, but not longer."""
        futures = [one.future for one in self._flights.values() if one.future is not None]
        if futures:
            await asyncio.wait(futures, timeout=seconds)

    def _submit(self, flight: Flight) -> None:
        before = flight.future
        partition = subjects.partition_of(flight.venue_key, self._partitions)
        flight.future = self._gatherer.submit(partition, flight.command)
        flight.since = asyncio.get_running_loop().time()
        flight.future.add_done_callback(partial(self._decided, flight))
        if before is not None:
            before.cancel()

    def _decided(self, flight: Flight, future: asyncio.Future[Outcome]) -> None:
        if future.cancelled() or flight.future is not future:
            return
        if future.exception() is not None:
            # Read again and sent again, in order, once the stream takes something.
            self._flights.pop(flight.key, None)
            self.refused = True
            return
        outcome = future.result()
        if outcome.status == "failed":
            # Nobody has kept a receipt of that yet.
            self._failed.append(flight)
        else:
            self._landed(flight, _receipt(flight, outcome))

    def _landed(self, flight: Flight, receipt: Receipt) -> None:
        if self._flights.pop(flight.key, None) is not None:
            self._tell(flight.venue_key, receipt, flight.sequences)


def _failure(flight: Flight) -> Answer:
    error = FieldError(path="", code="failed", message="The platform failed on this message.")
    receipt = Receipt(id=flight.key[1], status="refused", errors=[error])
    return Answer(venue_id=flight.key[0], receipt=receipt, at=flight.at)


def _receipt(flight: Flight, outcome: Outcome) -> Receipt:
    values = {
        "id": flight.key[1],
        "status": outcome.status,
        "slot_id": outcome.slot_id,
        "version": outcome.version,
        "errors": outcome.errors,
    }
    return msgspec.convert(values, Receipt)
