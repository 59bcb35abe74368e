"""Keeps the fragments of calendar feeds up to date with the facts."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

from openyard_events.contracts import AnyFact, ReservationFact
from openyard_platform import clock
from openyard_platform.actions import feeds
from openyard_platform.settings import Settings
from openyard_platform.store import engine

# Seconds. Under a rush the seats of a slot change many times a second, and whoever looks at them in
# a calendar asks by the hour. One's own reservation, and what a venue states, come at once.
SEATS_EVERY = 2.0


class Feeds:
    """``seats_every``: seconds between two renderings of slots of which only seats have changed.

    What is put off is remembered in this process. Whoever starts anew renders it, see
    ``feeds.refresh``.
    """

    name = "feeds"

    def __init__(self, settings: Settings, *, seats_every: float = SEATS_EVERY) -> None:
        self._base_url = settings.base_url
        self._seats_every = seats_every
        self._next = 0.0
        self._put_off: set[UUID] = set()
        # What is put off once the running transaction is committed, and whether any was rendered.
        self._left: set[UUID] = set()
        self._rendered = False

    async def apply(self, facts: Sequence[AnyFact]) -> None:
        seats = {fact.slot_id for fact in facts if isinstance(fact, ReservationFact)}
        stated = {fact.slot_id for fact in facts if not isinstance(fact, ReservationFact)}
        waiting = self._put_off | seats
        self._rendered = bool(waiting) and self._is_time()
        slots = stated | waiting if self._rendered else stated
        await feeds.project(facts, slots, self._base_url, clock.now())
        self._left = waiting - slots

    async def settled(self) -> None:
        """Nobody waits for a feed: calendars come and ask."""
        self._put_off = self._left
        if self._rendered:
            self._next = asyncio.get_running_loop().time() + self._seats_every

    async def idle(self) -> None:
        if self._put_off and self._is_time():
            async with engine.transaction():
                await self.apply(())
            await self.settled()

    def _is_time(self) -> bool:
        return asyncio.get_running_loop().time() >= self._next
