"""A yard: the slots of one round of crashes, and everything that was asked about them."""

import asyncio
import datetime as dt
from typing import Any

from msgspec import Struct, field

from openyard_events.contracts import Receipt, SlotOffered
from openyard_platform import clock

# Past the demo's weeks; each yard has a day of its own, so that it never meets an earlier one.
_FIRST_DAY = 90
_RASTER = dt.timedelta(hours=2)
HOURS = 12  # slots of one venue in one yard at most
DAYS = 300  # yards at most: feeds show no more than 400 days ahead


class Place(Struct, kw_only=True):
    """A slot as its venue states it now. ``open``: as far as its venue knows."""

    id: str
    venue: str
    partition: int
    stated: SlotOffered
    moved: bool = False
    open: bool = True
    idle: bool = True


class Ask(Struct, kw_only=True):
    """What a family wanted, and what it was told in the end.

    ``asked`` and ``answered``: seconds of the loop's clock. ``queued``: ids that a 202 promised a
    decision for. ``tries``: how often it had to be said.
    """

    kind: str  # reserve, cancel, change, accept, decline
    slot: str  # it asks about; of a change: where to
    partition: int
    asked: float
    seats: int = 0
    key: str = ""
    reservation: str = ""
    queued: list[str] = field(default_factory=list)
    tries: int = 0
    answered: float | None = None
    status: int = 0
    told: dict[str, Any] = field(default_factory=dict)


class Statement(Struct, kw_only=True):
    """What a venue published, and its receipt. ``tells``: every holder hears of it."""

    kind: str  # offer, change, withdraw
    venue: str
    ce_id: str
    external_id: str
    version: int
    asked: float
    tells: bool = False
    answered: float | None = None
    receipt: Receipt | None = None


class Yard:
    """``strange``: what should never have happened, in words."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.places: dict[str, Place] = {}
        self.asks: list[Ask] = []
        self.statements: list[Statement] = []
        self.strange: list[str] = []
        self._hours: dict[str, int] = {}
        day = clock.now().replace(minute=0, second=0, microsecond=0, hour=0)
        self._begin = day + dt.timedelta(days=_FIRST_DAY + number)

    def next_hour(self, venue: str) -> dt.datetime | None:
        """When a further slot of this venue may begin; the same hours in all venues."""
        used = self._hours.get(venue, 0)
        if used == HOURS:
            return None
        self._hours[venue] = used + 1
        return self._begin + used * _RASTER

    def open_places(self) -> list[Place]:
        return [place for place in self.places.values() if place.open]

    @property
    def requests(self) -> list[Ask | Statement]:
        """Everything that was asked, in the order of asking."""
        return sorted([*self.asks, *self.statements], key=lambda one: one.asked)


def now() -> float:
    return asyncio.get_running_loop().time()
