"""From a token to the account behind it: one query for all that arrive together."""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Iterable, Iterator

from openyard_platform.domain.people import Actor

Query = Callable[[list[bytes]], Awaitable[dict[bytes, Actor]]]

# Under a rush every request brings another token; waiting so long makes one query of many.
_TICK = 0.0015
_LIFETIME = 10.0
_SIZE = 8192
_BATCH = 1024


class Lookup:
    """Actors by the SHA-256 of their token, in this process.

    What was found is kept for ``lifetime`` seconds; what was not found is asked for again. One
    query runs at a time: what arrives meanwhile makes the next one larger, not more of them.
    """

    def __init__(
        self, query: Query, *, tick: float = _TICK, lifetime: float = _LIFETIME, size: int = _SIZE
    ) -> None:
        self._query = query
        self._tick = tick
        self._lifetime = lifetime
        self._size = size
        self._kept: dict[bytes, tuple[float, Actor]] = {}
        self._waiting: dict[bytes, list[asyncio.Future[Actor | None]]] = {}
        self._dropped: set[bytes] = set()
        self._task: asyncio.Task[None] | None = None

    async def actor(self, digest: bytes) -> Actor | None:
        """Who this is, or None.

        Raises:
            OSError, TimeoutError, asyncpg's errors: the database does not answer.
        """
        loop = asyncio.get_running_loop()
        kept = self._kept.get(digest)
        if kept is not None:
            if kept[0] > loop.time():
                return kept[1]
            del self._kept[digest]
        future: asyncio.Future[Actor | None] = loop.create_future()
        self._waiting.setdefault(digest, []).append(future)
        if self._task is None:
            # An empty context: a task started inside a transaction would work inside it.
            self._task = loop.create_task(self._run(), context=contextvars.Context())
        return await future

    def drop(self, digests: Iterable[bytes]) -> None:
        """Forget them at once: revoked or logged out."""
        for digest in digests:
            self._kept.pop(digest, None)
            if self._task is not None:
                # A query under way may have seen it still valid.
                self._dropped.add(digest)

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        try:
            await asyncio.sleep(self._tick)
            while self._waiting:
                await self._answer(dict(list(self._waiting.items())[:_BATCH]))
        finally:
            self._task = None
            self._dropped.clear()
            for futures in self._waiting.values():
                for future in futures:
                    future.cancel()
            self._waiting.clear()

    async def _answer(self, batch: dict[bytes, list[asyncio.Future[Actor | None]]]) -> None:
        for digest in batch:
            del self._waiting[digest]
        try:
            found = await self._query(list(batch))
        except Exception as error:  # noqa: BLE001 - each that waits gets it
            for future in _open(batch.values()):
                future.set_exception(error)
            return
        for digest, futures in batch.items():
            for future in _open([futures]):
                future.set_result(found.get(digest))
        self._keep(found)

    def _keep(self, found: dict[bytes, Actor]) -> None:
        until = asyncio.get_running_loop().time() + self._lifetime
        for digest, actor in found.items():
            if digest not in self._dropped:
                self._kept[digest] = (until, actor)
        while len(self._kept) > self._size:
            del self._kept[next(iter(self._kept))]  # the oldest


def _open(
    groups: Iterable[list[asyncio.Future[Actor | None]]],
) -> Iterator[asyncio.Future[Actor | None]]:
    """Those whose request has not gone away meanwhile."""
    return (future for group in groups for future in group if not future.done())
