"""Sessions: only the SHA-256 of an id is stored, and nothing for who is not logged in."""

import datetime as dt
from uuid import UUID

from openyard_platform.store import engine
from openyard_platform.store.tables import SessionRow


async def insert(
    digest: bytes, account_id: UUID, created_at: dt.datetime, expires_at: dt.datetime
) -> None:
    await SessionRow.insert(
        SessionRow(
            token_hash=digest, account_id=account_id, created_at=created_at, expires_at=expires_at
        )
    )


async def delete(digest: bytes) -> None:
    await SessionRow.delete().where(SessionRow.token_hash == digest)


async def delete_expired(account_id: UUID, now: dt.datetime) -> None:
    await (
        SessionRow.delete()
        .where(SessionRow.account_id == account_id)
        .where(SessionRow.expires_at <= now)
    )


async def delete_all(account_id: UUID) -> list[bytes]:
    """Every session and token of an account; their digests, for who keeps them in memory."""
    rows = await engine.fetch(
        "DELETE FROM session WHERE account_id = $1 RETURNING token_hash", account_id
    )
    return [row["token_hash"] for row in rows]
