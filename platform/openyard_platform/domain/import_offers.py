"""What a calendar file wants: slots, or stretches of busy time, and what can be neither."""

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from openyard_calendars import zones
from openyard_calendars.reading import ReadEvent
from openyard_calendars.unreadable import Unreadable
from openyard_events import venue_messages
from openyard_events.contracts import SlotKind, SlotOffered
from openyard_platform.domain import event_slots
from openyard_platform.domain.event_slots import Problem
from openyard_platform.domain.imports import Change, Instructions, Item, Other, Purpose

UNTITLED = "场馆自用"
_MINUTE = dt.timedelta(minutes=1)


class Wanted(NamedTuple):
    """Slots by their external ids; what cannot be one; what needs none, as others cover it.

    ``over``: of how many occurrences nothing is made because they are past.
    """

    offers: dict[str, SlotOffered]
    problems: list[Problem]
    covered: list[Item]
    over: list[Problem]


def wanted(found: Sequence[ReadEvent | Unreadable], told: Instructions, now: dt.datetime) -> Wanted:
    """All that the file says, each part of it somewhere."""
    events, over = _upcoming(found, told, now)
    unreadable = [
        Problem(where=one.uid or "file", code=one.code, message=one.message)
        for one in found
        if isinstance(one, Unreadable)
    ]
    result = Wanted({}, unreadable, [], over)
    if told.purpose is Purpose.BUSY:
        _add_busy(result, events, told)
    else:
        _add_slots(result, events, told)
    return result


def _upcoming(
    found: Iterable[ReadEvent | Unreadable], told: Instructions, now: dt.datetime
) -> tuple[list[ReadEvent], list[Problem]]:
    """Events that matter still; nobody can come to a slot that has begun."""
    events, past = [], Counter[str]()
    for event in found:
        if isinstance(event, ReadEvent):
            ends_at = event.ends_at if told.purpose is Purpose.BUSY else event.starts_at
            if ends_at <= now:
                past[event.uid] += 1
            else:
                events.append(event)
    return events, [
        Problem(where=uid, code="past", message=f"{count:,} past: nobody can come any more.")
        for uid, count in past.items()
    ]


def _add_slots(wanted: Wanted, events: Iterable[ReadEvent], told: Instructions) -> None:
    given: dict[str, Any] = {"space": told.space, "capacity": told.capacity, "kind": told.kind}
    if told.audiences is not None:
        given["audiences"] = told.audiences
    zone = zones.resolve(told.zone, {})
    for event in events:
        name = event_slots.external_id(event, told.prefix)
        for row in event_slots.of_event(event, name, 1, given, zone):
            _want(wanted, row)


def _add_busy(wanted: Wanted, events: Iterable[ReadEvent], told: Instructions) -> None:
    """Busy time, of which no two stretches overlap: a space cannot be busier than busy."""
    stretches = []
    for event in events:
        name = event_slots.external_id(event, told.prefix)
        if event.transparent:
            message = "The event is marked as free time."
            wanted.problems.append(Problem(where=name, code="transparent", message=message))
        else:
            stretches.append((*_whole_minutes(event), name, event_slots.title(event) or UNTITLED))
    last: SlotOffered | None = None
    for starts_at, ends_at, name, title in sorted(stretches, key=_first_and_longest):
        begins_at = starts_at if last is None else max(starts_at, last.ends_at)
        if last is not None and ends_at <= last.ends_at:
            wanted.covered.append(
                Item(
                    change=Change.COVERED,
                    external_id=name,
                    title=title,
                    starts_at=starts_at,
                    ends_at=ends_at,
                    others=[Other.of(last)],
                )
            )
            continue
        for piece in _pieces(begins_at, ends_at, name, title, told.space):
            _want(wanted, piece)
            last = piece if isinstance(piece, SlotOffered) else last


def _pieces(
    starts_at: dt.datetime, ends_at: dt.datetime, name: str, title: str, space: str
) -> Iterator[SlotOffered | Problem]:
    """One slot, or as many as it takes where the busy time is longer than a slot may be."""
    number = 0
    while starts_at < ends_at:
        until = min(ends_at, starts_at + venue_messages.LONGEST_SLOT)
        fields = {
            "external_id": f"{name[: event_slots.MAX_ID - 4]}+{number}" if number else name,
            "version": 1,
            "space": space,
            "starts_at": starts_at,
            "ends_at": until,
            "capacity": 1,
            "title": title,
            "kind": SlotKind.BUSY,
            "exclusive": True,  # of a shareable space it takes all there is
        }
        yield from event_slots.slot(name, fields)
        starts_at, number = until, number + 1


def _want(wanted: Wanted, row: SlotOffered | Problem) -> None:
    if isinstance(row, Problem):
        wanted.problems.append(row)
    elif row.external_id in wanted.offers:
        message = "Another event of this file has the same id."
        wanted.problems.append(Problem(where=row.external_id, code="repeated_id", message=message))
    else:
        wanted.offers[row.external_id] = row


def _whole_minutes(event: ReadEvent) -> tuple[dt.datetime, dt.datetime]:
    """All minutes that the event touches."""
    starts_at = event.starts_at.replace(second=0, microsecond=0)
    ends_at = event.ends_at.replace(second=0, microsecond=0)
    return starts_at, ends_at if ends_at == event.ends_at else ends_at + _MINUTE


def _first_and_longest(stretch: tuple[dt.datetime, dt.datetime, str, str]) -> tuple[Any, ...]:
    starts_at, ends_at, name, _ = stretch
    return starts_at, starts_at - ends_at, name
