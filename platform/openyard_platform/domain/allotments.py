"""Seats kept for an audience until a time (绿色通道), and what is free for whom meanwhile."""

import datetime as dt
from collections.abc import Collection, Sequence

from msgspec import Struct


class Allotment(Struct, kw_only=True):
    """A share of a slot's seats. ``used``: held by parties of the audience.

    ``waiting``: how many waiting parties may use it. ``released``: its release has been worked off.
    """

    audience: str
    seats: int
    release_hours: int
    releases_at: dt.datetime
    per_school: int | None = None
    used: int = 0
    waiting: int = 0
    released: bool = False

    def is_kept(self, at: dt.datetime) -> bool:
        return at < self.releases_at

    @property
    def left(self) -> int:
        return max(0, self.seats - self.used)


class Share(Struct, frozen=True):
    """What a party can have: so many seats of its own allotment, so many of those open to all."""

    own: Allotment | None
    of_own: int
    open: int

    @property
    def seats(self) -> int:
        return self.of_own + self.open

    def split(self, need: int) -> tuple[int, int]:
        """How many of ``need`` seats come from its own allotment, and how many from the rest."""
        of_own = min(need, self.of_own)
        return of_own, need - of_own


def kept_for(
    allotments: Sequence[Allotment], audiences: Collection[str], at: dt.datetime
) -> Allotment | None:
    """The first allotment that is still kept, and kept for one of these audiences."""
    for one in allotments:
        if one.audience in audiences and one.is_kept(at):
            return one
    return None


def share(
    allotments: Sequence[Allotment], free: int, audiences: Collection[str], at: dt.datetime
) -> Share:
    """What is free for a party of these audiences, of ``free`` seats of the slot altogether.

    Where more is kept than free (the venue keeps more than it did), nothing is open to all.
    """
    if not allotments:
        return Share(None, 0, max(0, free))
    own = kept_for(allotments, audiences, at)
    kept = sum(one.left for one in allotments if one.is_kept(at))
    of_own = 0 if own is None else min(own.left, max(0, free))
    return Share(own, of_own, max(0, free - kept))


def kept_from(
    allotments: Sequence[Allotment], audiences: Collection[str], at: dt.datetime
) -> list[Allotment]:
    """Those that still keep seats from a party of these audiences, the soonest released first."""
    own = kept_for(allotments, audiences, at)
    others = [one for one in allotments if one is not own and one.is_kept(at) and one.left]
    return sorted(others, key=lambda one: one.releases_at)


def at_once(
    allotments: Sequence[Allotment],
    free: int,
    waits: int,
    audiences: Collection[str],
    at: dt.datetime,
) -> int:
    """How many seats a newcomer would be given, where ``waits`` parties wait already.

    Newcomers queue behind; but seats kept for them they have before those who may not use them.
    The SQL function ``seats_at_once`` says the same for searches.
    """
    found = share(allotments, free, audiences, at)
    if waits == 0:
        return found.seats
    return found.of_own if found.own is not None and found.own.waiting == 0 else 0
