"""API tokens: only the SHA-256 is stored; each query takes the account whose they are."""

import datetime as dt
from uuid import UUID

from openyard_platform.store import engine
from openyard_platform.store.tables import ApiTokenRow


async def of_account(account_id: UUID) -> list[ApiTokenRow]:
    """Those that are valid, oldest first."""
    rows: list[ApiTokenRow] = (
        await ApiTokenRow.objects()
        .where(ApiTokenRow.account_id == account_id)
        .where(ApiTokenRow.revoked_at.is_null())
        .order_by(ApiTokenRow.created_at)
        .order_by(ApiTokenRow.id)
    )
    return rows


async def insert(
    token_id: UUID, digest: bytes, account_id: UUID, name: str, now: dt.datetime
) -> None:
    await ApiTokenRow.insert(
        ApiTokenRow(
            id=token_id, token_hash=digest, account_id=account_id, name=name, created_at=now
        )
    )


async def count(account_id: UUID) -> int:
    """Locks the account, so that two requests do not both find room for one more."""
    await engine.fetch("SELECT FROM account WHERE id = $1 FOR NO KEY UPDATE", account_id)
    row = await engine.fetch_one(
        "SELECT count(*) AS n FROM api_token WHERE account_id = $1 AND revoked_at IS NULL",
        account_id,
    )
    return int(row["n"]) if row else 0


async def revoke(token_id: UUID, account_id: UUID, now: dt.datetime) -> bytes | None:
    """The digest of what was revoked; None: this account has no such valid token."""
    row = await engine.fetch_one(
        """UPDATE api_token SET revoked_at = $3
           WHERE id = $1 AND account_id = $2 AND revoked_at IS NULL RETURNING token_hash""",
        *(token_id, account_id, now),
    )
    return None if row is None else row["token_hash"]


async def mark_used(digests: list[bytes], now: dt.datetime, since: dt.datetime) -> None:
    """Remember that these were used, unless that was remembered after ``since`` already."""
    await engine.fetch(
        """UPDATE api_token SET last_used_at = $2
           WHERE token_hash = ANY($1) AND coalesce(last_used_at, '-infinity') < $3""",
        *(digests, now, since),
    )
