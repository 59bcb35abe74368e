"""One query for all that ask at the same time."""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from openyard_events.endings import end

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

# Under a rush every request brings another key; waiting so long makes one query of many.
TICK = 0.0015
_MOST = 1024  # keys of one query


class Together(Generic[Key, Value]):
    """Asks ``query`` for many keys at once.

    One query runs at a time: what arrives meanwhile makes the next one larger, not more of them.
    ``tick``: seconds the first key waits for others.
    """

    def __init__(
        self, query: Callable[[list[Key]], Awaitable[dict[Key, Value]]], *, tick: float = TICK
    ) -> None:
        self._query = query
        self._tick = tick
        self._waiting: dict[Key, list[asyncio.Future[Value | None]]] = {}
        self._task: asyncio.Task[None] | None = None

    @property
    def busy(self) -> bool:
        """A query is under way, or about to be."""
        return self._task is not None

    async def get(self, key: Key) -> Value | None:
        """What the query finds under the key, or None.

        Raises:
            Exception: whatever the query raised.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Value | None] = loop.create_future()
        self._waiting.setdefault(key, []).append(future)
        if self._task is None:
            # An empty context: a task started inside a transaction would work inside it.
            self._task = loop.create_task(self._run(), context=contextvars.Context())
        return await future

    async def close(self) -> None:
        if self._task is not None:
            await end(self._task)

    async def _run(self) -> None:
        try:
            await asyncio.sleep(self._tick)
            while self._waiting:
                await self._answer(dict(list(self._waiting.items())[:_MOST]))
        finally:
            self._task = None
            for futures in self._waiting.values():
                for future in futures:
                    future.cancel()
            self._waiting.clear()

    async def _answer(self, batch: dict[Key, list[asyncio.Future[Value | None]]]) -> None:
        for key in batch:
            del self._waiting[key]
        found: dict[Key, Value] = {}
        failure: Exception | None = None
        try:
            found = await self._query(list(batch))
        except Exception as error:  # noqa: BLE001 - each that waits gets it
            failure = error
        for key, futures in batch.items():
            for future in futures:
                if future.done():
                    continue  # Its request has gone away meanwhile.
                if failure is None:
                    future.set_result(found.get(key))
                else:
                    future.set_exception(failure)
