"""Keeps the fragments of calendar feeds up to date with the facts."""

from collections.abc import Sequence

from openyard_events.contracts import AnyFact
from openyard_platform import clock
from openyard_platform.actions import feeds
from openyard_platform.settings import Settings


class Feeds:
    name = "feeds"

    def __init__(self, settings: Settings) -> None:
        self._base_url = settings.base_url

    async def apply(self, facts: Sequence[AnyFact]) -> None:
        await feeds.project(facts, self._base_url, clock.now())

    async def settled(self) -> None:
        """Nobody waits for a feed: calendars come and ask."""
