"""Writes a message for each fact that concerns somebody, then pokes who sends them."""

from collections.abc import Sequence
from uuid import UUID

from arq import ArqRedis

from openyard_events.contracts import AnyFact
from openyard_platform import clock
from openyard_platform.actions import notifications
from openyard_platform.settings import Settings
from openyard_workers.jobs import queue


class Notifier:
    name = "notifier"

    def __init__(self, settings: Settings, valkey: ArqRedis) -> None:
        self._by_mail = bool(settings.smtp_url)
        self._valkey = valkey
        self._new: list[UUID] = []

    async def apply(self, facts: Sequence[AnyFact]) -> None:
        self._new = await notifications.record(facts, clock.now(), by_mail=self._by_mail)

    async def idle(self) -> None:
        """Nothing was put off."""

    async def settled(self) -> None:
        """Poke for what was written; what gets lost here the sweeper finds."""
        new, self._new = self._new, []
        if self._by_mail:
            await queue.poke(self._valkey, [(one, 0) for one in new])
