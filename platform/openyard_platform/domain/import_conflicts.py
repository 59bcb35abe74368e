"""Whether there is room for what a calendar wants, and who is there where there is none."""

import datetime as dt
import itertools
from collections.abc import Iterable, Iterator, Mapping

from openyard_events.contracts import FieldError, SlotKind, SlotOffered
from openyard_platform.domain.errors import Invalid
from openyard_platform.domain.import_offers import as_other
from openyard_platform.domain.imports import Around, Instructions, Other, Standing, Taken
from openyard_platform.domain.slots import Space

_DAY = dt.timedelta(days=1)
_MOST_OTHERS = 5
_MOST_LOOKS = 3_000_000  # a second or two; a venue's real calendar takes some ten thousand


def conflicts(
    offers: Mapping[str, SlotOffered],
    known: Mapping[str, Standing],
    staying: Iterable[Standing],
    around: Around,
    told: Instructions,
) -> dict[str, list[Other]]:
    """Offers for which there is no room, each with who is there.

    What stands where it should goes first, then what is to move, then what is new. Who cannot move
    stays, and may be in the way of the next: so this goes on until nobody new has to stay.

    Raises:
        Invalid: so many lie side by side, or push each other on, that it would take too long.
    """
    if not offers or told.kind in {SlotKind.SHIFT, SlotKind.OUTREACH}:
        return {}
    space = around.spaces[told.space]
    order = sorted(offers.values(), key=lambda one: (one.starts_at, one.external_id))
    settled = [one for one in order if stands(one, known.get(one.external_id))]
    unsettled = [one for one in order if not stands(one, known.get(one.external_id))]
    open_ones = {name for name, live in known.items() if live.is_open}
    unsettled.sort(key=lambda one: one.external_id not in open_ones)
    fixed: list[Standing | SlotOffered] = [*settled, *staying]
    met: dict[str, list[Other]] = {}
    looks = 0
    while True:
        room = _Room(space, around.taken, looks)
        for one in fixed:
            room.take(_takes(one, around.spaces[one.space]))
        new = {}
        for offer in [one for one in unsettled if one.external_id not in met]:
            in_the_way = room.without_room_for(offer)
            if in_the_way:
                new[offer.external_id] = in_the_way
            else:
                room.take(_takes(offer, space))
        met |= new
        stuck = [known[name] for name in new if name in open_ones]
        fixed += stuck
        if not stuck:
            return met
        looks = room.looks


class _Room:
    """Who is in a space, leaf by leaf and day by day. ``looks``: at how many of them, so far."""

    def __init__(self, space: Space, taken: Iterable[Taken], looks: int) -> None:
        self.looks = looks
        self._space = space
        self._leaves = set(space.leaves)
        self._days: dict[tuple[int, dt.date], list[Taken]] = {}
        self.take(taken)

    def take(self, taken: Iterable[Taken]) -> None:
        for one in taken:
            if one.leaf in self._leaves:
                for day in _days(one.starts_at, one.ends_at):
                    self._days.setdefault((one.leaf, day), []).append(one)
                    self._look(1)

    def without_room_for(self, offer: SlotOffered) -> list[Other]:
        """The first of those who keep it out; nobody: it has room."""
        met: dict[str, Other] = {}
        for wanted in _takes(offer, self._space):
            there = self._there(wanted)
            if there and not self._is_enough(wanted, there):
                met |= {one.by.external_id: one.by for one in there}
        return list(met.values())[:_MOST_OTHERS]

    def _there(self, wanted: Taken) -> list[Taken]:
        found: dict[str, Taken] = {}
        for day in _days(wanted.starts_at, wanted.ends_at):
            on_day = self._days.get((wanted.leaf, day), [])
            self._look(len(on_day))
            for one in on_day:
                if one.starts_at < wanted.ends_at and wanted.starts_at < one.ends_at:
                    found[one.by.external_id] = one
        return list(found.values())

    def _is_enough(self, wanted: Taken, there: list[Taken]) -> bool:
        room = self._space.shared.get(wanted.leaf)
        if room is None or wanted.seats is None:
            return False
        self._look(4 * len(there))
        steps = []
        for one in there:
            seats = room if one.seats is None else one.seats
            steps += [(max(one.starts_at, wanted.starts_at), seats), (one.ends_at, -seats)]
        # At the fullest moment; who leaves then does so before others come.
        fullest = max(itertools.accumulate(seats for _, seats in sorted(steps)))
        return fullest + wanted.seats <= room

    def _look(self, count: int) -> None:
        self.looks += count
        if self.looks > _MOST_LOOKS:
            message = "Too many of its events lie side by side, or push each other on."
            fault = FieldError(path="", code="too_costly", message=message)
            raise Invalid("The file takes too long.", code="calendar_unreadable", errors=[fault])


def stands(offer: SlotOffered, live: Standing | None) -> bool:
    """Whether the slot is open, at its time, in its space."""
    return (
        live is not None
        and live.is_open
        and (offer.starts_at, offer.ends_at, offer.space)
        == (live.starts_at, live.ends_at, live.space)
    )


def _takes(one: SlotOffered | Standing, space: Space) -> Iterator[Taken]:
    """Each leaf that a slot takes, and how much of it."""
    by = one.as_other() if isinstance(one, Standing) else as_other(one)
    for leaf in space.leaves:
        yield Taken(
            leaf=leaf,
            starts_at=one.starts_at,
            ends_at=one.ends_at,
            seats=one.capacity if space.is_shared and not one.exclusive else None,
            by=by,
        )


def _days(starts_at: dt.datetime, ends_at: dt.datetime) -> list[dt.date]:
    """Each day (UTC) it touches."""
    first, last = (at.astimezone(dt.UTC).date() for at in (starts_at, ends_at))
    return [first + number * _DAY for number in range((last - first).days + 1)]
