"""What a calendar file means for a venue's slots: a pure reckoning, nothing is applied here."""

import datetime as dt
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from openyard_calendars.reading import ReadEvent
from openyard_calendars.unreadable import Unreadable
from openyard_events.contracts import SlotOffered, SlotWithdrawn
from openyard_platform.domain import import_offers
from openyard_platform.domain.event_slots import Problem
from openyard_platform.domain.import_conflicts import conflicts, stands
from openyard_platform.domain.import_offers import Wanted
from openyard_platform.domain.imports import (
    Around,
    Change,
    Instructions,
    Item,
    Other,
    Purpose,
    Standing,
)

REASON = "日历里已没有这一场。"
# What was there before is meant to go; for anything else that cannot be read, it stays.
_MEANT = {"cancelled", "superseded", "no_occurrences", "beyond_horizon", "transparent"}
_TELLING = 100  # characters of a UID: longer ones are cut where they become an external id
_PARTS = re.compile("[/+]")  # an occurrence, or a piece of it, follows the UID


class Survey(Struct, frozen=True, kw_only=True):
    """``items``: what is published stands first, in the order in which it is."""

    items: list[Item]
    problems: list[Problem]


def survey(
    found: Sequence[ReadEvent | Unreadable],
    told: Instructions,
    around: Around,
    now: dt.datetime,
) -> Survey:
    """What to publish so that the calendar's slots are as the file has them, and what not."""
    wanted = import_offers.wanted(found, told, now)
    for name in [name for name, one in wanted.offers.items() if one.space not in around.spaces]:
        message = f"No space {wanted.offers.pop(name).space!r} here."
        wanted.problems.append(Problem(where=name, code="space_unknown", message=message))
    known = {one.slot.external_id: one for one in around.own}
    leaving, items = _missing(known, wanted, told, now)
    items += wanted.covered
    offers = dict(wanted.offers)
    for name, live in known.items():
        if name in offers and not live.is_open and live.reason != REASON:
            del offers[name]  # what people closed stays closed
            items.append(_kept(live, "withdrawn"))
    staying = [one for name, one in known.items() if one.is_open and name not in wanted.offers]
    staying = [one for one in staying if one.slot.external_id not in leaving]
    met = conflicts(offers, known, staying, around)
    for name, offer in offers.items():
        items.append(_compare(offer, known.get(name), met.get(name)))
    return Survey(items=_ordered(items), problems=[*wanted.problems, *wanted.over])


def waves(items: Iterable[tuple[int, Item]], most: int) -> Iterator[list[tuple[int, Item]]]:
    """What may be published side by side, wave after wave; moves go one by one, in their turn."""
    for change, group in itertools.groupby(items, key=lambda one: one[1].change):
        waiting = list(group)
        size = 1 if change is Change.MOVED else most
        for first in range(0, len(waiting), size):
            yield waiting[first : first + size]


def _missing(
    known: Mapping[str, Standing],
    wanted: Wanted,
    told: Instructions,
    now: dt.datetime,
) -> tuple[set[str], list[Item]]:
    """What stands and is not in the file: the ids of what goes; an item for all of it."""
    doubts = _Doubts(wanted.problems, told.prefix)
    leaving, items = set(), []
    for name, live in known.items():
        if name in wanted.offers or not live.is_open:
            continue
        reason = doubts.of(name)
        if told.purpose is Purpose.SLOTS and live.slot.starts_at <= now:
            reason = "started"
        if reason:
            items.append(_kept(live, reason))
            continue
        leaving.add(name)
        items.append(
            Item(
                change=Change.GONE,
                external_id=name,
                title=live.slot.title,
                starts_at=live.slot.starts_at,
                ends_at=live.slot.ends_at,
                before=live.as_other(),
                withdrawal=SlotWithdrawn(
                    external_id=name, version=live.slot.version + 1, reason=REASON
                ),
            )
        )
    return leaving, items


class _Doubts:
    """What could not be read, and may be one of the slots that the file seems to lack."""

    def __init__(self, problems: Iterable[Problem], prefix: str) -> None:
        self._prefix = prefix
        self._codes: dict[str, str] = {}
        for one in problems:
            if one.code not in _MEANT:
                # Some name the event, some the slot that it would be.
                for where in (one.where, one.where.removeprefix(prefix)):
                    self._codes[" ".join(where.split())[:_TELLING]] = one.code

    def of(self, name: str) -> str:
        """The code, for the slot itself or for all of its UID; nothing: no doubt."""
        whole = name.removeprefix(self._prefix)
        ends = [len(whole), _TELLING, *(found.start() for found in _PARTS.finditer(whole))]
        codes = (self._codes.get(whole[:end].rstrip()[:_TELLING], "") for end in ends)
        return next(filter(None, codes), "")


def _compare(offer: SlotOffered, live: Standing | None, met: list[Other] | None) -> Item:
    standing = live if live is not None and live.is_open else None
    if met:
        return replace(_item(Change.CONFLICT, offer, standing), others=met)
    newer = offer if live is None else replace(offer, version=live.slot.version + 1)
    if standing is None:
        return replace(_item(Change.ADDED, offer, None), offer=newer)
    if not stands(offer, standing):
        return replace(_item(Change.MOVED, offer, standing), offer=newer)
    if not _says(offer, standing):
        return replace(_item(Change.CHANGED, offer, standing), offer=newer)
    return _item(Change.SAME, offer, standing)


def _says(offer: SlotOffered, live: Standing) -> bool:
    """Whether the slot tells people what it should."""
    return replace(live.slot, version=offer.version) == offer


def _item(change: Change, offer: SlotOffered, live: Standing | None) -> Item:
    return Item(
        change=change,
        external_id=offer.external_id,
        title=offer.title,
        starts_at=offer.starts_at,
        ends_at=offer.ends_at,
        before=None if live is None else live.as_other(),
    )


def _kept(live: Standing, reason: str) -> Item:
    return Item(
        change=Change.KEPT,
        external_id=live.slot.external_id,
        title=live.slot.title,
        starts_at=live.slot.starts_at,
        ends_at=live.slot.ends_at,
        before=live.as_other(),
        reason=reason,
    )


def _ordered(items: Iterable[Item]) -> list[Item]:
    places = {change: place for place, change in enumerate(Change)}
    return sorted(items, key=lambda item: (places[item.change], *_turn(item)))


def _turn(item: Item) -> tuple[bool, float, str]:
    """By time. Of moves, who goes earlier goes first, from the front; later ones from the back.

    So nobody moves to where another of them still is.
    """
    if item.change is not Change.MOVED or item.before is None:
        return False, item.starts_at.timestamp(), item.external_id
    moment = item.before.starts_at.timestamp()
    later = item.starts_at > item.before.starts_at
    return later, -moment if later else moment, item.external_id
