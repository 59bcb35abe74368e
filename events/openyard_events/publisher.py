"""What a venue's own system needs: publish slots, and get the platform's answer to each."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Protocol, Self

import nats.errors
from nats.aio.client import Client

from openyard_events import bus, subjects
from openyard_events.contracts import Receipt, SlotOffered, SlotWithdrawn
from openyard_events.endings import end
from openyard_events.slot_publisher import (
    PATIENCE,
    NoReceipt,
    PublishingFailed,
    PublishRefused,
    SlotPublisher,
)

__all__ = [
    "NoReceipt",
    "PublishRefused",
    "Publisher",
    "PublishingFailed",
    "SlotPublisher",
    "VenuePublisher",
]


class Publisher(Protocol):
    """What a venue's code is written against; its twin for tests is in ``testing``."""

    async def offer(self, slot: SlotOffered, *, ce_id: str | None = None) -> Receipt: ...

    async def change(self, slot: SlotOffered, *, ce_id: str | None = None) -> Receipt: ...

    async def withdraw(self, slot: SlotWithdrawn, *, ce_id: str | None = None) -> Receipt: ...


class VenuePublisher:
    """One venue's connection to the platform.

    ::

        async with VenuePublisher("nats://…", "museum", user="museum", password="…") as venue:
            receipt = await venue.offer(SlotOffered(external_id="2026-12-05", version=1, …))
            if receipt.status == "refused":
                print(receipt.errors)
    """

    def __init__(
        self,
        nats_url: str,
        key: str,
        *,
        user: str | None = None,
        password: str | None = None,
        patience: float = PATIENCE,
    ) -> None:
        self.key = subjects.token(key)
        self._url = nats_url
        self._login = None if user is None else (user, password or "")
        self._patience = patience
        self._nc: Client | None = None
        self._publisher: SlotPublisher | None = None

    async def __aenter__(self) -> Self:
        """Connect.

        Raises:
            nats.errors.Error: wrong credentials.
            OSError: nobody listens there.
            PublishRefused: the user may not read this venue's receipts.
        """
        refusals: list[Exception] = []

        async def hear(error: Exception) -> None:
            refusals.append(error)
            if self._publisher is not None:
                await self._publisher.denied(error)

        self._nc = await bus.connect(
            self._url,
            name=f"venue {self.key}",
            inbox=f"_INBOX_{self.key}",
            login=self._login,
            error_cb=hear,
        )
        self._publisher = SlotPublisher(self._nc, patience=self._patience)
        try:
            await self._publisher.listen(self.key)
        except BaseException:
            await self._nc.close()
            raise
        if refusals:
            await self._nc.close()
            raise PublishRefused(f"{self.key}: {refusals[0]}")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._nc is not None:
            with contextlib.suppress(nats.errors.Error):
                await self._nc.flush()
            await self._nc.close()

    async def offer(self, slot: SlotOffered, *, ce_id: str | None = None) -> Receipt:
        """Offer a slot, or state it anew with a higher version.

        Raises:
            PublishRefused, NoReceipt: see there.
        """
        return await self._open().publish(self.key, slot, ce_id=ce_id)

    async def change(self, slot: SlotOffered, *, ce_id: str | None = None) -> Receipt:
        """The same with the word "changed"; the slot is stated in full."""
        return await self._open().publish(self.key, slot, changed=True, ce_id=ce_id)

    async def withdraw(self, slot: SlotWithdrawn, *, ce_id: str | None = None) -> Receipt:
        return await self._open().publish(self.key, slot, ce_id=ce_id)

    async def publish_many(
        self,
        slots: Sequence[SlotOffered],
        concurrency: int = 64,
        *,
        done: Callable[[int, Receipt], None] | None = None,
    ) -> list[Receipt]:
        """Offer many, in this order; their receipts in the same order.

        ``done``: called with the index and the receipt of each as it comes.

        Raises:
            PublishRefused, NoReceipt: the first that failed; the others may have been published.
        """
        gate = asyncio.Semaphore(concurrency)

        async def one(index: int, slot: SlotOffered) -> Receipt:
            async with gate:
                receipt = await self.offer(slot)
            if done is not None:
                done(index, receipt)
            return receipt

        tasks = [asyncio.create_task(one(index, slot)) for index, slot in enumerate(slots)]
        try:
            return await asyncio.gather(*tasks)
        finally:
            await end(*tasks)

    def _open(self) -> SlotPublisher:
        if self._publisher is None:
            raise RuntimeError("Use the publisher as a context manager: async with …")
        return self._publisher
