"""Whole feeds kept in memory: made once for each edition, however many ask at the same time."""

import asyncio
import gzip
from collections import OrderedDict

from msgspec import Struct

from openyard_platform.actions import feeds
from openyard_platform.actions.feeds import Edition

# What one process keeps at most; a whole feed of a thousand events takes half a megabyte.
ROOM = 64 * 1024 * 1024
_ADDRESSES = 4096
# Compressing less than this is quicker than handing it to a thread.
_SMALL = 16 * 1024


class Body(Struct, frozen=True):
    """One edition, ready to be sent plain or compressed."""

    edition: Edition
    plain: bytes
    zipped: bytes

    @property
    def size(self) -> int:
        return len(self.plain) + len(self.zipped)


class Bodies:
    """The most recently asked-for bodies, up to ``room`` bytes. ``used``: how many they take."""

    def __init__(self, room: int = ROOM) -> None:
        self._room = room
        self.used = 0
        self._kept: OrderedDict[str, Body] = OrderedDict()
        self._making: dict[str, asyncio.Task[Body | None]] = {}
        self._last: OrderedDict[str, str] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    async def get(self, address: str, edition: Edition) -> Body | None:
        """The body of this edition; None: the feed has become another in the meantime."""
        body = self._kept.get(edition.etag)
        if body is None:
            body = await asyncio.shield(self._make(edition))
        if body is not None:
            self._note(address, edition.etag)
        return body

    def last(self, address: str) -> Body | None:
        """What this address answered last, for when the database does not."""
        etag = self._last.get(address)
        return None if etag is None else self._kept.get(etag)

    def forget(self, address: str) -> None:
        """The address leads nowhere any more."""
        self._last.pop(address, None)

    def _make(self, edition: Edition) -> asyncio.Task[Body | None]:
        task = self._making.get(edition.etag)
        if task is None:
            # In a task of its own: if the first who asks goes away, the others still wait for it.
            task = asyncio.get_running_loop().create_task(self._render(edition))
            self._making[edition.etag] = task
            task.add_done_callback(lambda made: self._made(edition.etag, made))
        return task

    def _made(self, etag: str, task: asyncio.Task[Body | None]) -> None:
        self._making.pop(etag, None)
        if not task.cancelled():
            # Looked at here, so that nothing complains when all who waited have gone away.
            task.exception()

    async def _render(self, edition: Edition) -> Body | None:
        plain = await feeds.body(edition)
        if plain is None:
            return None
        if len(plain) < _SMALL:
            zipped = gzip.compress(plain, mtime=0)
        else:
            zipped = await asyncio.to_thread(gzip.compress, plain, mtime=0)
        body = Body(edition, plain, zipped)
        self._keep(body)
        return body

    def _keep(self, body: Body) -> None:
        self._kept[body.edition.etag] = body
        self.used += body.size
        while self.used > self._room and self._kept:
            _, oldest = self._kept.popitem(last=False)
            self.used -= oldest.size

    def _note(self, address: str, etag: str) -> None:
        if etag in self._kept:
            self._kept.move_to_end(etag)
        self._last[address] = etag
        self._last.move_to_end(address)
        if len(self._last) > _ADDRESSES:
            self._last.popitem(last=False)
