"""Links that lead to private feeds; only the hash of each token is stored."""

import datetime as dt
from uuid import UUID

from msgspec import Struct

from openyard_platform.store import engine


class Link(Struct, frozen=True, kw_only=True):
    account_id: UUID
    owner_id: UUID
    generation: int
    created_at: dt.datetime
    last_used_at: dt.datetime | None


async def touch_link(token_hash: bytes, now: dt.datetime) -> None:
    await engine.fetch(
        "UPDATE feed_link SET last_used_at = $2 WHERE token_hash = $1", token_hash, now
    )


async def lock_account(account_id: UUID) -> int | None:
    """Keep others from changing this account's links until the transaction ends.

    Returns its current feed generation, or None for an unknown account.
    """
    row = await engine.fetch_one(
        "SELECT feed_generation FROM account WHERE id = $1 FOR NO KEY UPDATE", account_id
    )
    return None if row is None else int(row["feed_generation"])


async def set_generation(account_id: UUID, generation: int) -> None:
    await engine.fetch(
        "UPDATE account SET feed_generation = $2 WHERE id = $1", account_id, generation
    )


async def live_link(account_id: UUID, owner_id: UUID) -> Link | None:
    row = await engine.fetch_one(
        """
        SELECT account_id, owner_id, generation, created_at, last_used_at FROM feed_link
        WHERE account_id = $1 AND owner_id = $2 AND revoked_at IS NULL
        ORDER BY generation DESC LIMIT 1
        """,
        account_id,
        owner_id,
    )
    return None if row is None else Link(**dict(row))


async def live_links(account_id: UUID) -> list[Link]:
    rows = await engine.fetch(
        """
        SELECT account_id, owner_id, generation, created_at, last_used_at FROM feed_link
        WHERE account_id = $1 AND revoked_at IS NULL
        """,
        account_id,
    )
    return [Link(**dict(row)) for row in rows]


async def name_with_spaces(organisation_id: UUID) -> str | None:
    """The organisation's name, if it has spaces and therefore slots of its own."""
    row = await engine.fetch_one(
        """
        SELECT name FROM organisation o
        WHERE id = $1 AND EXISTS (SELECT FROM space s WHERE s.organisation_id = o.id)
        """,
        organisation_id,
    )
    return None if row is None else str(row["name"])


async def was_given(account_id: UUID, owner_id: UUID, generation: int) -> bool:
    row = await engine.fetch_one(
        "SELECT 1 FROM feed_link WHERE account_id = $1 AND owner_id = $2 AND generation >= $3",
        account_id,
        owner_id,
        generation,
    )
    return row is not None


async def add_link(link: Link, token_hash: bytes) -> None:
    await engine.fetch(
        "INSERT INTO feed_link (token_hash, account_id, owner_id, generation, created_at)"
        " VALUES ($1, $2, $3, $4, $5)",
        token_hash,
        link.account_id,
        link.owner_id,
        link.generation,
        link.created_at,
    )


async def revoke_links(account_id: UUID, owner_id: UUID, now: dt.datetime) -> int:
    rows = await engine.fetch(
        "UPDATE feed_link SET revoked_at = $3"
        " WHERE account_id = $1 AND owner_id = $2 AND revoked_at IS NULL RETURNING 1",
        account_id,
        owner_id,
        now,
    )
    return len(rows)
