"""The seats of slots now, as live pages read them."""

import datetime as dt
from collections.abc import Collection, Sequence
from uuid import UUID

from msgspec import Struct

from openyard_platform.domain import allotments as kept
from openyard_platform.domain.allotments import Allotment
from openyard_platform.store import allotments, engine


class Seats(Struct, frozen=True, kw_only=True):
    """How full a slot is, at one revision of it, and what is kept for whom."""

    slot_id: UUID
    revision: int
    status: str
    capacity: int
    taken: int
    waiting: int
    allotments: list[Allotment] = []

    def remaining(self, audiences: Collection[str], at: dt.datetime) -> int:
        """Seats that are free for these audiences."""
        free = self.capacity - self.taken
        return kept.share(self.allotments, free, audiences, at).seats


async def of_slots(slot_ids: Sequence[UUID]) -> list[Seats]:
    """How full each of these slots is; unknown ids and busy time are left out."""
    rows = await engine.fetch(
        f"""SELECT s.id AS slot_id, s.revision, s.status, s.capacity, s.taken, s.waiting,
                   {allotments.COLUMN}
            FROM slot s WHERE s.id = ANY ($1::uuid[]) AND s.kind <> 'busy'""",  # noqa: S608 - made of constants
        list(slot_ids),
    )
    return [
        Seats(**{**dict(row), "allotments": allotments.read(row["allotments"])}) for row in rows
    ]
