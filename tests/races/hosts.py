"""Venues that offer, change and withdraw slots over NATS, with their own credentials."""

import asyncio
import datetime as dt
import random
import uuid
from contextlib import AsyncExitStack
from typing import Self

from msgspec.structs import replace

from openyard_events import subjects
from openyard_events.contracts import Audience, Receipt, SlotOffered, SlotWithdrawn
from openyard_events.publisher import PublishingFailed, VenuePublisher
from tests.races.yards import Place, Statement, Yard, now
from tests.stack import Stack

PARTITIONS = 4  # two for each decider
_VENUES_EACH = 2  # of each partition
_AT_FIRST = 5  # slots of each venue
_SEATS = 12
_PACE = 0.8  # seconds between two statements of a venue
_MOST = 6  # statements of a venue on their way


class Hosts:
    """Two venues of each partition."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._venues = _some_of_each_partition(stack)
        self._publishers: dict[str, VenuePublisher] = {}
        self._exits = AsyncExitStack()
        self._random = random.Random(2)  # noqa: S311 - nothing secret

    async def __aenter__(self) -> Self:
        for key in self._venues:
            known = self._stack.venues[key]
            self._publishers[key] = await self._exits.enter_async_context(
                VenuePublisher(
                    self._stack.nats_address,
                    key,
                    user=known["nats_user"],
                    password=known["nats_password"],
                )
            )
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._exits.aclose()

    async def open(self, yard: Yard) -> None:
        """Offer the first slots of a yard."""
        await asyncio.gather(
            *(self._offer(yard, venue) for venue in self._venues for _ in range(_AT_FIRST))
        )

    async def state(self, yard: Yard, stop: asyncio.Event) -> None:
        """State things until ``stop``, then wait for the last receipt."""
        await asyncio.gather(*(self._host(yard, venue, stop) for venue in self._venues))

    async def _host(self, yard: Yard, venue: str, stop: asyncio.Event) -> None:
        under_way: set[asyncio.Task[None]] = set()
        while not stop.is_set():
            if len(under_way) < _MOST:
                task = asyncio.create_task(self._something(yard, venue))
                under_way.add(task)
                task.add_done_callback(under_way.discard)
            await asyncio.sleep(_PACE * self._random.uniform(0.5, 1.5))
        if under_way:
            await asyncio.wait(under_way)

    async def _something(self, yard: Yard, venue: str) -> None:
        places = [one for one in yard.open_places() if one.venue == venue and one.idle]
        if not places:
            return
        place = self._random.choice(places)
        place.idle = False
        try:
            what = self._random.random()
            if what < 0.1:
                await self._replace(yard, place)
            elif what < 0.15 and not place.moved:
                place.moved = True
                await self._change(yard, place, tells=True, later=dt.timedelta(minutes=30))
            elif what < 0.2:
                await self._change(yard, place, tells=True, title=f"{place.stated.title}·新")
            else:
                await self._change(yard, place, capacity=place.stated.capacity + 1)
        except Exception as error:  # noqa: BLE001 - whatever it was, the reckoning shows it
            yard.strange.append(f"{venue}: {error!r}")
        finally:
            place.idle = True

    async def _offer(self, yard: Yard, venue: str) -> None:
        starts_at = yard.next_hour(venue)
        if starts_at is None:
            return
        slot = SlotOffered(
            external_id=f"yard-{yard.number}-{uuid.uuid4().hex}",
            version=1,
            space=self._stack.venues[venue]["spaces"][0],
            starts_at=starts_at,
            ends_at=starts_at + dt.timedelta(hours=1),
            capacity=_SEATS,
            title="周五八点",
            audiences=[Audience.FAMILY],
        )
        receipt = await self._said(yard, venue, "offer", slot)
        if receipt.status != "accepted" or receipt.slot_id is None:
            raise AssertionError(f"{slot.external_id}: {receipt}")
        partition = subjects.partition_of(venue, PARTITIONS)
        place = Place(id=str(receipt.slot_id), venue=venue, partition=partition, stated=slot)
        yard.places[place.id] = place

    async def _change(
        self,
        yard: Yard,
        place: Place,
        *,
        tells: bool = False,
        later: dt.timedelta = dt.timedelta(),
        **changes: object,
    ) -> None:
        stated = place.stated
        slot = replace(
            stated,
            version=stated.version + 1,
            starts_at=stated.starts_at + later,
            ends_at=stated.ends_at + later,
            **changes,
        )
        receipt = await self._said(yard, place.venue, "change", slot, tells=tells)
        if receipt.status != "accepted" or str(receipt.slot_id) != place.id:
            raise AssertionError(f"{slot.external_id}: {receipt}")
        place.stated = slot

    async def _replace(self, yard: Yard, place: Place) -> None:
        """Withdraw a slot, and offer another one."""
        stated = place.stated
        withdrawn = SlotWithdrawn(
            external_id=stated.external_id, version=stated.version + 1, reason="停电"
        )
        place.open = False
        receipt = await self._said(yard, place.venue, "withdraw", withdrawn)
        if receipt.status != "accepted" or str(receipt.slot_id) != place.id:
            raise AssertionError(f"{stated.external_id}: {receipt}")
        await self._offer(yard, place.venue)

    async def _said(
        self,
        yard: Yard,
        venue: str,
        kind: str,
        slot: SlotOffered | SlotWithdrawn,
        *,
        tells: bool = False,
    ) -> Receipt:
        said = Statement(
            kind=kind,
            venue=venue,
            ce_id=uuid.uuid4().hex,
            external_id=slot.external_id,
            version=slot.version,
            asked=now(),
            tells=tells,
        )
        yard.statements.append(said)
        publisher = self._publishers[venue]
        said.receipt = await _publish(publisher, kind, slot, said.ce_id)
        said.answered = now()
        if self._random.random() < 0.1:
            # A venue's system that forgot what it was told: the same id, the same answer.
            again = await _publish(publisher, kind, slot, said.ce_id)
            if again != said.receipt:
                yard.strange.append(f"two receipts for {said.ce_id}: {said.receipt}, {again}")
        return said.receipt


async def _publish(
    publisher: VenuePublisher, kind: str, slot: SlotOffered | SlotWithdrawn, ce_id: str
) -> Receipt:
    try:
        if isinstance(slot, SlotWithdrawn):
            return await publisher.withdraw(slot, ce_id=ce_id)
        if kind == "offer":
            return await publisher.offer(slot, ce_id=ce_id)
        return await publisher.change(slot, ce_id=ce_id)
    except PublishingFailed as error:
        raise AssertionError(f"no receipt within a minute: {error}") from error


def _some_of_each_partition(stack: Stack) -> list[str]:
    chosen: dict[int, list[str]] = {}
    for key in sorted(stack.venues):
        chosen.setdefault(subjects.partition_of(key, PARTITIONS), []).append(key)
    return [key for keys in chosen.values() for key in keys[:_VENUES_EACH]]
