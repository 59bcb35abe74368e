"""The state of each feed: all that is read when a calendar program asks whether it changed."""

import datetime as dt
from typing import Any
from uuid import UUID

from msgspec import Struct

from openyard_platform.domain.feed_kinds import LinkHolder
from openyard_platform.store import engine


class PublicState(Struct, frozen=True, kw_only=True):
    """A public feed and its state; both None: nothing was ever in it.

    ``key``: of its venue or district. ``name``: of what it is about.
    """

    feed_id: UUID
    key: str
    name: str
    description: str
    own_changed_at: dt.datetime
    revision: int | None
    updated_at: dt.datetime | None


class PrivateState(Struct, frozen=True, kw_only=True):
    """A link and the state of the feed it leads to.

    ``caught_up``: everything in it is rendered; else it was never fetched so far.
    """

    feed_id: UUID
    holder: LinkHolder
    active: bool
    created_at: dt.datetime
    last_used_at: dt.datetime | None
    revoked_at: dt.datetime | None
    caught_up: bool
    revision: int | None
    updated_at: dt.datetime | None


async def of_venue(key: str) -> PublicState | None:
    return await _public(
        """
        SELECT o.id AS feed_id, o.key, o.name, o.description, o.updated_at AS own_changed_at,
               s.revision, s.updated_at
        FROM organisation o LEFT JOIN feed_state s ON s.owner_id = o.id
        WHERE o.key = $1
        """,
        key,
    )


async def of_programme(key: str, programme: str, feed_id: UUID) -> PublicState | None:
    """A programme of a venue, if there ever was a slot of it."""
    return await _public(
        """
        SELECT s.owner_id AS feed_id, o.key, o.name || ' ' || $2 AS name, o.description,
               o.updated_at AS own_changed_at, s.revision, s.updated_at
        FROM organisation o JOIN feed_state s ON s.owner_id = $3
        WHERE o.key = $1
        """,
        key,
        programme,
        feed_id,
    )


async def of_space(space_id: UUID) -> PublicState | None:
    return await _public(
        """
        SELECT p.id AS feed_id, o.key, o.name || ' ' || p.name AS name, o.description,
               o.updated_at AS own_changed_at, s.revision, s.updated_at
        FROM space p
        JOIN organisation o ON o.id = p.organisation_id
        LEFT JOIN feed_state s ON s.owner_id = p.id
        WHERE p.id = $1
        """,
        space_id,
    )


async def spaces_of(venue_key: str) -> list[UUID]:
    """A venue's spaces by their names."""
    rows = await engine.fetch(
        """
        SELECT p.id FROM space p JOIN organisation o ON o.id = p.organisation_id
        WHERE o.key = $1 ORDER BY p.name, p.id
        """,
        venue_key,
    )
    return [row["id"] for row in rows]


async def programmes_of(venue_key: str, since: dt.datetime) -> list[str]:
    """What there is at a venue from then on."""
    rows = await engine.fetch(
        """
        SELECT DISTINCT s.programme FROM slot s JOIN organisation o ON o.id = s.venue_id
        WHERE o.key = $1 AND s.status = 'open' AND s.starts_at >= $2 AND s.programme <> ''
        ORDER BY s.programme
        """,
        venue_key,
        since,
    )
    return [row["programme"] for row in rows]


async def of_district(key: str, feed_id: UUID, made_at: dt.datetime) -> PublicState | None:
    """One of the district's feeds. ``made_at``: what an empty one says of its last change."""
    return await _public(
        """
        SELECT $2::uuid AS feed_id, d.key, d.name, '' AS description,
               $3::timestamptz AS own_changed_at, s.revision, s.updated_at
        FROM district d LEFT JOIN feed_state s ON s.owner_id = $2
        WHERE d.key = $1
        """,
        key,
        feed_id,
        made_at,
    )


async def of_holidays(feed_id: UUID, made_at: dt.datetime) -> PublicState | None:
    return await _public(
        """
        SELECT $1::uuid AS feed_id, '' AS key, '中国' AS name,
               '法定节假日和调休上班日，以国务院办公厅的通知为准。' AS description,
               $2::timestamptz AS own_changed_at, s.revision, s.updated_at
        FROM (SELECT $1::uuid AS feed) f LEFT JOIN feed_state s ON s.owner_id = f.feed
        """,
        feed_id,
        made_at,
    )


async def _public(sql: str, *arguments: Any) -> PublicState | None:
    row = await engine.fetch_one(sql, *arguments)
    return None if row is None else PublicState(**dict(row))


async def private(token_hash: bytes) -> PrivateState | None:
    row = await engine.fetch_one(
        """
        SELECT l.owner_id AS feed_id, a.role, a.organisation_id, o.name AS organisation,
               g.name AS study_group, a.active, l.created_at, l.last_used_at, l.revoked_at,
               coalesce(a.family_id, CASE a.role WHEN 'school' THEN a.organisation_id END, a.id)
                   AS holder_id,
               x.caught_up_at IS NOT NULL AS caught_up, s.revision, s.updated_at
        FROM feed_link l
        JOIN account a ON a.id = l.account_id
        LEFT JOIN organisation o ON o.id = a.organisation_id
        LEFT JOIN study_group g ON g.id = l.owner_id AND g.organisation_id = a.organisation_id
        LEFT JOIN feed_state s ON s.owner_id = l.owner_id
        LEFT JOIN subscribed_feed x ON x.feed_id = l.owner_id
        WHERE l.token_hash = $1
        """,
        token_hash,
    )
    if row is None:
        return None
    values = dict(row)
    holder = LinkHolder(**{name: values.pop(name) for name in LinkHolder.__struct_fields__})
    return PrivateState(holder=holder, **values)
