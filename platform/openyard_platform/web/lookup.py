"""From a token to the account behind it: one query for all that arrive together."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from openyard_platform.domain.people import Actor
from openyard_platform.together import TICK, Together

Query = Callable[[list[bytes]], Awaitable[dict[bytes, Actor]]]

_LIFETIME = 10.0
_SIZE = 8192


class Lookup:
    """Actors by the SHA-256 of their token, in this process.

    What was found is kept for ``lifetime`` seconds; what was not found is asked for again.
    """

    def __init__(
        self, query: Query, *, tick: float = TICK, lifetime: float = _LIFETIME, size: int = _SIZE
    ) -> None:
        self._query = query
        self._lifetime = lifetime
        self._size = size
        self._kept: dict[bytes, tuple[float, Actor]] = {}
        self._dropped: set[bytes] = set()
        self._together = Together(self._find, tick=tick)

    async def actor(self, digest: bytes) -> Actor | None:
        """Who this is, or None.

        Raises:
            OSError, TimeoutError, asyncpg's errors: the database does not answer.
        """
        kept = self._kept.get(digest)
        if kept is not None:
            if kept[0] > asyncio.get_running_loop().time():
                return kept[1]
            del self._kept[digest]
        return await self._together.get(digest)

    def drop(self, digests: Iterable[bytes]) -> None:
        """Forget them at once: revoked or logged out."""
        for digest in digests:
            self._kept.pop(digest, None)
            if self._together.busy:
                # A query under way may have seen it still valid.
                self._dropped.add(digest)

    async def close(self) -> None:
        await self._together.close()

    async def _find(self, digests: list[bytes]) -> dict[bytes, Actor]:
        self._dropped.clear()
        found = await self._query(digests)
        until = asyncio.get_running_loop().time() + self._lifetime
        for digest, actor in found.items():
            if digest not in self._dropped:
                self._kept[digest] = (until, actor)
        while len(self._kept) > self._size:
            del self._kept[next(iter(self._kept))]  # the oldest
        return found
