"""Calendar feeds: facts into fragments, fragments into bodies, and links to private ones."""

import datetime as dt
import hashlib
from collections.abc import Iterable, Sequence
from uuid import UUID

from msgspec import Struct

from openyard_calendars import entry as entries
from openyard_calendars import feed
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
from openyard_platform.domain import feeds as domain
from openyard_platform.domain.errors import NotFound
from openyard_platform.domain.feeds import ReservationView, SlotView
from openyard_platform.store import engine
from openyard_platform.store import feeds as records
from openyard_platform.store.feeds import Fragment, Link, PrivateState, PublicState

# Part of every ETag: raise it when the same fragments are put together differently.
_LAYOUT = 1


class FeedAddress(Struct, frozen=True, kw_only=True):
    """Where somebody's private feed is; ``url`` is a secret."""

    url: str
    webcal_url: str
    created_at: dt.datetime
    last_used_at: dt.datetime | None


class Edition(Struct, frozen=True, kw_only=True):
    """All that the bytes of a feed depend on, known before a single event is read.

    ``etag``: strong, without quotes. ``modified_at``: when the feed last became another.
    """

    owner_id: UUID
    revision: int | None
    head: Head
    window: domain.Window
    etag: str
    modified_at: dt.datetime


async def project(facts: Sequence[AnyFact], base_url: str, now: dt.datetime) -> set[UUID]:
    """Bring the fragments up to date that these facts speak of; part of a transaction.

    Reads the rows as they are now, so order and repetition of facts do not matter. Returns the
    owners whose feed is another.
    """
    slots = {fact.slot_id for fact in facts}
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
    fragments = [_slot_fragment(slot, base_url) for slot in await records.outdated_slots(slots)]
    reservations = await records.outdated_reservations(
        {fact.reservation_id for fact in told}, changed, confirmed
    )
    fragments += [_reservation_fragment(one, base_url) for one in reservations]
    return await records.put(fragments, now)


async def public_edition(venue_key: str, base_url: str, now: dt.datetime) -> Edition | None:
    """The public feed of a venue as it stands; None: there is no such venue."""
    state = await records.public_state(venue_key)
    if state is None:
        return None
    head = Head(
        name=domain.public_name(state.name),
        description=state.description,
        changed_at=state.own_changed_at,
        url=f"{base_url}/slots?venue={state.key}",
        source=f"{base_url}/venues/{state.key}/calendar.ics",
    )
    return _edition(state, head, now)


def private_edition(state: PrivateState, now: dt.datetime) -> Edition:
    """The feed behind a link that was looked up with ``private_link``."""
    head = Head(
        name=domain.private_name(state.role),
        description="预约成功的场次会自动出现在这里。请勿把这个地址转给他人。",
        changed_at=state.created_at,
        colour="seagreen",
        private=True,
    )
    return _edition(state, head, now)


async def private_link(token: str) -> PrivateState | None:
    return await records.private_state(domain.token_hash(token))


async def note_use(token: str, now: dt.datetime) -> None:
    await records.touch_link(domain.token_hash(token), now)


async def body(edition: Edition) -> bytes | None:
    """The whole feed; None: it has become another since, so look up its edition again.

    When it would be too long, the soonest events are kept.
    """
    revision, rows = await records.shown(edition.owner_id, edition.window, feed.MAX_EVENTS)
    if revision != edition.revision:
        return None
    kept = rows[: len(feed.fitting(row.body for row in rows))]
    kept.sort(key=lambda row: (row.starts_at, row.uid))
    # From the events, not from the projector's clock: a feed built anew has the same bytes.
    changed_at = max((row.changed_at for row in kept), default=edition.head.changed_at)
    head = feed.Head(
        name=edition.head.name,
        description=edition.head.description,
        changed_at=changed_at,
        colour=edition.head.colour,
        url=edition.head.url,
        source=edition.head.source,
        private=edition.head.private,
    )
    return feed.assemble(head, (row.body for row in kept))


async def address(
    account_id: UUID, owner_id: UUID, *, secret_key: str, base_url: str, now: dt.datetime
) -> FeedAddress:
    """The account's link to its feed, made if it has none.

    Raises:
        NotFound: there is no such account.
    """
    async with engine.transaction():
        generation = await _lock(account_id)
        link = await records.live_link(account_id, owner_id)
        if link is None:
            link = await _make(account_id, owner_id, generation, secret_key, now)
    return _address(link, secret_key, base_url)


async def rotate(
    account_id: UUID, owner_id: UUID, *, secret_key: str, base_url: str, now: dt.datetime
) -> FeedAddress:
    """A new link; the old address answers 410 from now on.

    Raises:
        NotFound: there is no such account.
    """
    async with engine.transaction():
        generation = await _lock(account_id)
        await records.revoke_links(account_id, owner_id, now)
        link = await _make(account_id, owner_id, generation, secret_key, now)
    return _address(link, secret_key, base_url)


async def revoke(account_id: UUID, owner_id: UUID, now: dt.datetime) -> None:
    """Make the link useless, without a new one.

    Raises:
        NotFound: there is no link to revoke.
    """
    async with engine.transaction():
        await _lock(account_id)
        if not await records.revoke_links(account_id, owner_id, now):
            raise NotFound("还没有日历订阅地址。", code="feed_unknown")


async def _lock(account_id: UUID) -> int:
    generation = await records.lock_account(account_id)
    if generation is None:
        raise NotFound("没有这个账号。")
    return generation


async def _make(
    account_id: UUID, owner_id: UUID, generation: int, secret_key: str, now: dt.datetime
) -> Link:
    # An address once given is never given again: who kept the old one must stay outside.
    if await records.was_given(account_id, owner_id, generation):
        generation += 1
        await records.set_generation(account_id, generation)
    link = Link(
        account_id=account_id,
        owner_id=owner_id,
        generation=generation,
        created_at=now,
        last_used_at=None,
    )
    token = domain.token(secret_key, account_id, owner_id, generation)
    await records.add_link(link, domain.token_hash(token))
    return link


def _address(link: Link, secret_key: str, base_url: str) -> FeedAddress:
    token = domain.token(secret_key, link.account_id, link.owner_id, link.generation)
    url = f"{base_url}/feeds/{token}.ics"
    return FeedAddress(
        url=url,
        webcal_url="webcal://" + url.split("://", 1)[1],
        created_at=link.created_at,
        last_used_at=link.last_used_at,
    )


def _edition(state: PublicState | PrivateState, head: Head, now: dt.datetime) -> Edition:
    window = domain.window(now)
    own = state.own_changed_at if isinstance(state, PublicState) else state.created_at
    # Each day some events leave the window and others come in.
    modified_at = max(own, window.today, state.updated_at or own)
    parts: Iterable[object] = (
        _LAYOUT,
        state.owner_id,
        state.revision,
        state.updated_at,
        window.day,
        head,
    )
    digest = hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()
    return Edition(
        owner_id=state.owner_id,
        revision=state.revision,
        head=head,
        window=window,
        etag=digest[:32],
        modified_at=modified_at,
    )


def _slot_fragment(slot: SlotView, base_url: str) -> Fragment:
    entry = domain.slot_entry(slot, base_url)
    return Fragment(
        owner_id=slot.owner_id,
        uid=entry.uid,
        starts_at=slot.starts_at,
        ends_at=slot.ends_at,
        cancelled_at=slot.updated_at if entry.cancelled else None,
        slot_revision=slot.revision,
        changed_at=slot.updated_at,
        body=entries.fragment(entry),
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
    )
