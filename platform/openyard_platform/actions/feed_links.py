"""Links to private feeds: which an account may have, given, changed for another, revoked."""

import datetime as dt
from uuid import UUID

from msgspec import Struct

from openyard_platform.domain import feed_kinds
from openyard_platform.domain import feeds as domain
from openyard_platform.domain.errors import NotFound
from openyard_platform.domain.feed_kinds import PrivateFeed
from openyard_platform.domain.people import Actor, Role
from openyard_platform.store import engine, feed_states, study_groups, subscribed_feeds
from openyard_platform.store import feed_links as records
from openyard_platform.store.feed_links import Link
from openyard_platform.store.feed_states import PrivateState


class FeedAddress(Struct, frozen=True, kw_only=True):
    """Where somebody's private feed is; ``url`` is a secret."""

    url: str
    webcal_url: str
    created_at: dt.datetime
    last_used_at: dt.datetime | None


class OwnFeed(Struct, frozen=True, kw_only=True):
    """A feed that an account may have, and the link to it if it has been given.

    ``key``: what to ask for when asking for a link.
    """

    key: str
    name: str
    link: FeedAddress | None


async def look_up(token: str) -> PrivateState | None:
    return await feed_states.private(domain.token_hash(token))


async def note_use(token: str, now: dt.datetime) -> None:
    await records.touch_link(domain.token_hash(token), now)


async def choices(actor: Actor) -> list[PrivateFeed]:
    """The feeds this account may have, the likeliest first."""
    if actor.organisation_id is None or actor.role not in (Role.SCHOOL, Role.VENUE):
        return feed_kinds.choices(actor, None, [])
    venue = await records.name_with_spaces(actor.organisation_id)
    groups = []
    if actor.role is Role.SCHOOL:
        rows = await study_groups.of_school(actor.organisation_id)
        groups = [(row.id, row.name) for row in rows]
    return feed_kinds.choices(actor, venue, groups)


async def chosen(actor: Actor, key: str | None) -> PrivateFeed:
    """One of the account's feeds; without a key the likeliest.

    Raises:
        NotFound: there is no such feed, or it is not this account's.
    """
    for feed in await choices(actor):
        if key in (None, feed.key):
            return feed
    raise NotFound("没有这个日历。", code="feed_unknown")


async def own_feeds(actor: Actor, *, secret_key: str, base_url: str) -> list[OwnFeed]:
    """Every feed of this account, with the links that it has."""
    links = {link.owner_id: link for link in await records.live_links(actor.account_id)}
    return [
        OwnFeed(
            key=feed.key,
            name=feed.name,
            link=_address(link, secret_key, base_url)
            if (link := links.get(feed.owner_id))
            else None,
        )
        for feed in await choices(actor)
    ]


async def is_revoked(account_id: UUID, owner_id: UUID) -> bool:
    """Whether there was a link, and none is left."""
    given = await records.was_given(account_id, owner_id, 0)
    return given and await records.live_link(account_id, owner_id) is None


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
    """Make the link useless, without a new one. A feed without any is rendered no longer.

    Raises:
        NotFound: there is no link to revoke.
    """
    async with engine.transaction():
        await _lock(account_id)
        if not await records.revoke_links(account_id, owner_id, now):
            raise NotFound("还没有日历订阅地址。", code="feed_unknown")
        await subscribed_feeds.end(owner_id)


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
