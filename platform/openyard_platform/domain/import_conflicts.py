"""Whether there is room for what a calendar wants, and who is there where there is none."""

import datetime as dt
import itertools
from collections.abc import Iterable, Iterator, Mapping

from openyard_events.contracts import Claim, FieldError, SlotKind, SlotOffered
from openyard_platform.domain.errors import Invalid
from openyard_platform.domain.imports import Around, Other, Standing, Taken

_DAY = dt.timedelta(days=1)
_MINUTE = dt.timedelta(minutes=1)
_NOWHERE = {SlotKind.SHIFT, SlotKind.OUTREACH}  # they take no space
_MOST_OTHERS = 5
_MOST_LOOKS = 3_000_000  # a second or two; a venue's real calendar takes some ten thousand


def conflicts(
    offers: Mapping[str, SlotOffered],
    known: Mapping[str, Standing],
    staying: Iterable[Standing],
    around: Around,
) -> dict[str, list[Other]]:
    """Offers for which there is no room, each with who is there.

    What stands where it should goes first, then what is to move, then what is new. Who cannot move
    stays, and may be in the way of the next: so this goes on until nobody new has to stay.

    Raises:
        Invalid: so many lie side by side, or push each other on, that it would take too long.
    """
    order = sorted(offers.values(), key=lambda one: (one.starts_at, one.external_id))
    settled = [one for one in order if stands(one, known.get(one.external_id))]
    unsettled = [one for one in order if not stands(one, known.get(one.external_id))]
    open_ones = {name for name, live in known.items() if live.is_open}
    unsettled.sort(key=lambda one: one.external_id not in open_ones)
    fixed: list[Standing | SlotOffered] = [*settled, *staying]
    met: dict[str, list[Other]] = {}
    looks = 0
    while unsettled:
        room = _Room(around, unsettled, looks)
        for one in fixed:
            room.take(one)
        new = {}
        for offer in [one for one in unsettled if one.external_id not in met]:
            in_the_way = room.without_room_for(offer)
            if in_the_way:
                new[offer.external_id] = in_the_way
            else:
                room.take(offer)
        met |= new
        stuck = [known[name] for name in new if name in open_ones]
        fixed += stuck
        if not stuck:
            break
        looks = room.looks
    return met


class _Room:
    """Who is in the spaces, leaf by leaf and day by day. ``looks``: at how many, so far."""

    def __init__(self, around: Around, wanted: Iterable[SlotOffered], looks: int) -> None:
        self.looks = looks
        self._spaces = around.spaces
        # Nobody need look at leaves that nobody wants.
        self._leaves = {leaf for one in wanted for leaf in around.spaces[one.space].leaves}
        self._days: dict[tuple[int, dt.date], list[Taken]] = {}
        self._take(around.taken)

    def take(self, one: SlotOffered | Standing) -> None:
        self._take(self._taken_by(one))

    def without_room_for(self, offer: SlotOffered) -> list[Other]:
        """The first of those who keep it out; nobody: it has room."""
        met: dict[str, Other] = {}
        shared = self._spaces[offer.space].shared
        for wanted in self._taken_by(offer):
            there = self._there(wanted)
            if there and not self._is_enough(wanted, there, shared.get(wanted.leaf)):
                met |= {one.by.external_id: one.by for one in there}
        return list(met.values())[:_MOST_OTHERS]

    def _take(self, taken: Iterable[Taken]) -> None:
        for one in taken:
            if one.leaf in self._leaves:
                for day in _days(one.starts_at, one.ends_at):
                    self._days.setdefault((one.leaf, day), []).append(one)
                    self._look(1)

    def _taken_by(self, one: SlotOffered | Standing) -> Iterator[Taken]:
        """Each leaf that it takes, and how much of it; buffers are in it."""
        standing = one if isinstance(one, Standing) else None
        slot = one.slot if isinstance(one, Standing) else one
        held = standing is not None and standing.taken > 0
        if slot.kind in _NOWHERE or (slot.claim is Claim.ON_BOOKING and not held):
            return
        space = self._spaces[slot.space]
        for leaf in space.leaves:
            yield Taken(
                leaf=leaf,
                starts_at=slot.starts_at - slot.buffer_before_minutes * _MINUTE,
                ends_at=slot.ends_at + slot.buffer_after_minutes * _MINUTE,
                seats=slot.capacity if space.is_shared and not slot.exclusive else None,
                by=Other.of(slot) if standing is None else standing.as_other(),
            )

    def _there(self, wanted: Taken) -> list[Taken]:
        found: dict[str, Taken] = {}
        for day in _days(wanted.starts_at, wanted.ends_at):
            on_day = self._days.get((wanted.leaf, day), [])
            self._look(len(on_day))
            for one in on_day:
                if one.starts_at < wanted.ends_at and wanted.starts_at < one.ends_at:
                    found[one.by.external_id] = one
        return list(found.values())

    def _is_enough(self, wanted: Taken, there: list[Taken], room: int | None) -> bool:
        """``room``: people that a shareable leaf has room for; None: it is none."""
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
        == (live.slot.starts_at, live.slot.ends_at, live.slot.space)
    )


def _days(starts_at: dt.datetime, ends_at: dt.datetime) -> list[dt.date]:
    """Each day (UTC) it touches."""
    first, last = (at.astimezone(dt.UTC).date() for at in (starts_at, ends_at))
    return [first + number * _DAY for number in range((last - first).days + 1)]
