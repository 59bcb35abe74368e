"""Remembers on which day a token was last used, off the path of the requests."""

import asyncio
import datetime as dt
import logging

from openyard_platform import clock
from openyard_platform.domain.people import Actor
from openyard_platform.store import accounts, tokens

_log = logging.getLogger(__name__)

_PAUSE = 60.0
# Twenty thousand families at eight o'clock must not become twenty thousand updates at eight.
_AT_ONCE = 500
_MOST = 10_000
_PRECISION = dt.timedelta(days=1)


class Usage:
    """What Lookup asks the database, with a note of whose tokens were seen."""

    def __init__(self) -> None:
        self._seen: set[bytes] = set()

    async def find(self, digests: list[bytes]) -> dict[bytes, Actor]:
        found = await accounts.actors(digests, clock.now())
        if len(self._seen) < _MOST:
            self._seen.update(found)
        return found

    async def run(self) -> None:
        """Write the notes down, a few at a time; what cannot be written is no loss."""
        while True:
            await asyncio.sleep(_PAUSE)
            try:
                await self.write(clock.now())
            except Exception as error:  # noqa: BLE001 - the next minute brings the next try
                _log.warning("the last use of tokens was not written: %s", error)

    async def write(self, now: dt.datetime) -> None:
        batch = sorted(self._seen)[:_AT_ONCE]
        self._seen.difference_update(batch)
        if batch:
            await tokens.mark_used(batch, now, now - _PRECISION)
