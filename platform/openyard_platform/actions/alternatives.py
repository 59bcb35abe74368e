"""The way out of a refusal: other slots where the same party would get its seats now."""

import asyncio
import contextvars
import datetime as dt
from collections import OrderedDict
from collections.abc import Sequence
from uuid import UUID

from openyard_platform.store import slots
from openyard_platform.store.slots import Slot

MOST = 5

# In a rush hundreds are refused in one second, all on the same slot: one query serves them.
_FRESH = 2.0  # seconds
_KEPT = 512

_Key = tuple[UUID, int, tuple[str, ...], bool]


class Alternatives:
    """What one process has found, and for how long it may say it again."""

    def __init__(self) -> None:
        self._found: OrderedDict[_Key, tuple[float, asyncio.Task[list[Slot]]]] = OrderedDict()

    async def of(
        self,
        slot_id: UUID,
        seats: int,
        audiences: Sequence[str],
        now: dt.datetime,
        *,
        unfit: bool = False,
    ) -> list[Slot]:
        """Up to five, the most similar first.

        ``unfit``: those who come are not of the ages or grades that this slot asks for.

        Raises:
            OSError, TimeoutError, asyncpg's errors: the database does not answer.
        """
        key = (slot_id, seats, tuple(audiences), unfit)
        loop = asyncio.get_running_loop()
        found = self._found.get(key)
        if found is None or found[0] < loop.time():
            # An empty context: a task started inside a transaction would work inside it.
            asking = loop.create_task(
                slots.similar(slot_id, seats, audiences, now, MOST, unfit=unfit),
                context=contextvars.Context(),
            )
            found = (loop.time() + _FRESH, asking)
            self._found[key] = found
            self._found.move_to_end(key)
            if len(self._found) > _KEPT:
                self._found.popitem(last=False)
        try:
            return await asyncio.shield(found[1])
        except Exception:
            self._found.pop(key, None)
            raise
