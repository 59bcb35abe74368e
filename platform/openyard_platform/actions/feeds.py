"""Calendar feeds: facts into fragments, fragments into bodies."""

import datetime as dt
import hashlib
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple
from urllib.parse import quote
from uuid import UUID

from msgspec import Struct, structs

from openyard_calendars import entry as entries
from openyard_calendars import feed
from openyard_calendars import special_days as special_day
from openyard_calendars.entry import Entry
from openyard_calendars.feed import Head
from openyard_events.contracts import (
    AnyFact,
    ReservationConfirmed,
    ReservationFact,
    ReservationPromoted,
    ReservationRefused,
    SlotOpened,
    SlotUpdated,
)
from openyard_platform.domain import feed_kinds
from openyard_platform.domain import feeds as domain
from openyard_platform.domain.feeds import ReservationView, SlotView
from openyard_platform.store import engine, special_days, subscribed_feeds
from openyard_platform.store import feed_states as states
from openyard_platform.store import feeds as records
from openyard_platform.store.feed_states import PrivateState, PublicState
from openyard_platform.store.feeds import Fragment

# Part of every ETag: raise it when the same fragments are put together differently.
_LAYOUT = 3
# What an empty feed of a district says of its last change.
_MADE_AT = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
# So many are rendered in one transaction while nothing else waits.
_AT_ONCE = 500


class Edition(Struct, frozen=True, kw_only=True):
    """All that the bytes of a feed depend on, known before a single event is read.

    ``etag``: strong, without quotes. ``modified_at``: when the feed last became another.
    """

    feed_id: UUID
    revision: int | None
    head: Head
    window: domain.Window
    etag: str
    modified_at: dt.datetime


class _Event(NamedTuple):
    changed_at: dt.datetime
    body: bytes


async def project(
    facts: Sequence[AnyFact], slots: Collection[UUID], base_url: str, now: dt.datetime
) -> set[UUID]:
    """Bring the fragments of reservations up to date that these facts speak of, and of ``slots``.

    Part of a transaction. Reads the rows as they are now, so order and repetition of facts do not
    matter. Returns the feeds that are others now.
    """
    # A change of the slot shows in the calendars of all who are booked on it.
    changed = {fact.slot_id for fact in facts if isinstance(fact, SlotOpened | SlotUpdated)}
    told = [
        fact
        for fact in facts
        if isinstance(fact, ReservationFact) and not isinstance(fact, ReservationRefused)
    ]
    confirmed = {
        fact.reservation_id
        for fact in told
        if isinstance(fact, ReservationConfirmed | ReservationPromoted)
    }
    fragments = _slot_fragments(await records.outdated_slots(slots), base_url)
    reservations = await records.outdated_reservations(
        {fact.reservation_id for fact in told}, changed, confirmed
    )
    fragments += [_reservation_fragment(one, base_url) for one in reservations]
    return await records.put(fragments, now)


async def refresh(base_url: str, now: dt.datetime) -> int:
    """Render what no fact will bring any more: facts were lost, or a version renders otherwise.

    Returns how many slots and reservations that were.
    """
    since = domain.window(now).since
    slots, reservations = await records.behind(since), await records.missing_reservations(since)
    for first in range(0, len(slots), _AT_ONCE):
        async with engine.transaction():
            some = await records.outdated_slots(slots[first : first + _AT_ONCE])
            await records.put(_slot_fragments(some, base_url), now)
    for first in range(0, len(reservations), _AT_ONCE):
        async with engine.transaction():
            of_some = reservations[first : first + _AT_ONCE]
            found = await records.outdated_reservations(of_some, [], [])
            await records.put([_reservation_fragment(one, base_url) for one in found], now)
    return len(slots) + len(reservations)


async def catch_up(feed_id: UUID, base_url: str, now: dt.datetime) -> None:
    """Render what a private feed that nobody has fetched before holds so far.

    In two steps: what was decided before the first is committed is found by the second, and what
    is decided later is rendered by the projector. Whoever dies in between is followed by the next
    who fetches it.
    """
    await subscribed_feeds.subscribe(feed_id)
    found = await records.earlier_reservations(feed_id, domain.window(now).since)
    for first in range(0, len(found), _AT_ONCE):
        some = [_reservation_fragment(one, base_url) for one in found[first : first + _AT_ONCE]]
        async with engine.transaction():
            await records.put(some, now)
    await subscribed_feeds.caught_up(feed_id, now)


async def venue_edition(key: str, base_url: str, now: dt.datetime) -> Edition | None:
    """The public feed of a venue as it stands; None: there is no such venue."""
    state = await states.of_venue(key)
    page, source = f"/slots?venue={key}", f"/venues/{key}/calendar.ics"
    return _public(state, "开放场次", page, source, base_url, now)


async def programme_edition(
    key: str, programme: str, base_url: str, now: dt.datetime
) -> Edition | None:
    """What a venue offers of one programme; None: there never was any."""
    feed_id = feed_kinds.programme_id(key, programme)
    state = await states.of_programme(key, programme, feed_id)
    page = f"/slots?venue={key}"
    source = f"/venues/{key}/calendar.ics?programme={quote(programme, safe='')}"
    return _public(state, "开放场次", page, source, base_url, now)


async def space_edition(space_id: UUID, base_url: str, now: dt.datetime) -> Edition | None:
    """The public feed of a space and of all that it contains."""
    state = await states.of_space(space_id)
    page = f"/slots?venue={state.key}" if state else ""
    source = f"/spaces/{space_id}/calendar.ics"
    return _public(state, "开放场次", page, source, base_url, now)


async def district_edition(key: str, base_url: str, now: dt.datetime) -> Edition | None:
    """All slots of a district."""
    state = await states.of_district(key, feed_kinds.district_id(key), _MADE_AT)
    page, source = f"/slots?district={key}", f"/districts/{key}/calendar.ics"
    return _public(state, "开放场次", page, source, base_url, now)


async def weekends_edition(key: str, base_url: str, now: dt.datetime) -> Edition | None:
    """A district's open spaces on Saturdays and Sundays."""
    state = await states.of_district(key, feed_kinds.weekends_id(key), _MADE_AT)
    page = f"/slots?district={key}&kind=access"
    source = f"/districts/{key}/open-weekends.ics"
    return _public(state, "周末开放", page, source, base_url, now)


async def holidays_edition(base_url: str, now: dt.datetime) -> Edition | None:
    """The country's holidays and worked weekends."""
    state = await states.of_holidays(feed_kinds.HOLIDAYS, _MADE_AT)
    return _public(state, "节假日与调休", "/slots", "/holidays.ics", base_url, now)


def private_edition(state: PrivateState, now: dt.datetime) -> Edition | None:
    """The feed behind a link that was looked up; None: its holder may not see it any more."""
    name = feed_kinds.private_name(state.holder, state.feed_id)
    if name is None or not state.active:
        return None
    head = Head(
        name=name,
        description="新的安排会自动出现在这里。请勿把这个地址转给他人。",
        changed_at=state.created_at,
        colour="seagreen",
        private=True,
    )
    return _edition(state, head, state.created_at, now)


async def body(edition: Edition) -> bytes | None:
    """The whole feed; None: it has become another since, so look up its edition again.

    When it would be too long, the soonest events are kept.
    """
    is_holidays = edition.feed_id == feed_kinds.HOLIDAYS
    revision, events = await (_days if is_holidays else _events)(edition)
    if revision != edition.revision:
        return None
    # From the events, not from the projector's clock: a feed built anew has the same bytes.
    changed_at = max((one.changed_at for one in events), default=edition.head.changed_at)
    head = structs.replace(edition.head, changed_at=changed_at)
    return feed.assemble(head, (one.body for one in events))


async def _events(edition: Edition) -> tuple[int | None, list[_Event]]:
    revision, rows = await records.shown(
        edition.feed_id, edition.window, feed.MAX_EVENTS, private=edition.head.private
    )
    kept = rows[: len(feed.fitting(row.body for row in rows))]
    kept.sort(key=lambda row: (row.starts_at, row.uid))
    return revision, [_Event(row.changed_at, row.body) for row in kept]


async def _days(edition: Edition) -> tuple[int | None, list[_Event]]:
    """Of the last year and this one, and of the next as soon as its notice is out."""
    day = edition.window.day
    first, last = dt.date(day.year - 1, 1, 1), dt.date(day.year + 1, 12, 31)
    revision, days = await special_days.shown(edition.feed_id, first, last)
    return revision, [_Event(day.changed_at, special_day.fragment(day)) for day in days]


def _public(  # noqa: PLR0913 - what a feed says of itself
    state: PublicState | None,
    what: str,
    page: str,
    source: str,
    base_url: str,
    now: dt.datetime,
) -> Edition | None:
    if state is None:
        return None
    name = f"{state.name} · {what}"
    head = Head(
        name=name,
        description=state.description,
        changed_at=state.own_changed_at,
        url=base_url + page,
        source=base_url + source,
    )
    return _edition(state, head, state.own_changed_at, now)


def _edition(
    state: PublicState | PrivateState, head: Head, own: dt.datetime, now: dt.datetime
) -> Edition:
    window = domain.window(now)
    # Each day some events leave the window and others come in.
    modified_at = max(own, window.today, state.updated_at or own)
    parts: Iterable[object] = (
        _LAYOUT,
        state.feed_id,
        state.revision,
        state.updated_at,
        window.day,
        head,
    )
    digest = hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()
    return Edition(
        feed_id=state.feed_id,
        revision=state.revision,
        head=head,
        window=window,
        etag=digest[:32],
        modified_at=modified_at,
    )


def _slot_fragments(slots: Iterable[SlotView], base_url: str) -> list[Fragment]:
    """Two of each slot: for everybody, and for the staff."""
    return [
        fragment
        for slot in slots
        for fragment in (_public_fragment(slot, base_url), _staff_fragment(slot, base_url))
    ]


def _public_fragment(slot: SlotView, base_url: str) -> Fragment:
    also_in = feed_kinds.public_feeds(slot)
    return _slot_fragment(slot, slot.owner_id, domain.slot_entry(slot, base_url), also_in)


def _staff_fragment(slot: SlotView, base_url: str) -> Fragment:
    entry = domain.staff_entry(slot, base_url)
    return _slot_fragment(slot, feed_kinds.staff_id(slot.owner_id), entry, [])


def _slot_fragment(slot: SlotView, owner_id: UUID, entry: Entry, also_in: list[UUID]) -> Fragment:
    return Fragment(
        owner_id=owner_id,
        uid=entry.uid,
        starts_at=slot.starts_at,
        ends_at=slot.ends_at,
        cancelled_at=slot.updated_at if entry.cancelled else None,
        slot_revision=slot.revision,
        changed_at=slot.updated_at,
        body=entries.fragment(entry),
        also_in=also_in,
    )


def _reservation_fragment(reservation: ReservationView, base_url: str) -> Fragment:
    entry = domain.reservation_entry(reservation, base_url)
    return Fragment(
        owner_id=reservation.owner_id,
        uid=entry.uid,
        starts_at=reservation.starts_at,
        ends_at=reservation.ends_at,
        cancelled_at=reservation.updated_at if entry.cancelled else None,
        slot_revision=reservation.revision,
        changed_at=reservation.updated_at,
        body=entries.fragment(entry),
        also_in=reservation.study_group_ids,
    )
