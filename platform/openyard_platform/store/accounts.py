"""Accounts, to and from PostgreSQL."""

import datetime as dt
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from openyard_platform.domain.accounts import NewAccount
from openyard_platform.domain.people import Actor, Role
from openyard_platform.store import engine, parties
from openyard_platform.store.tables import AccountRow

# Sessions and tokens in one go; their texts have different beginnings, so none is the other.
_ACTORS = """
SELECT t.token_hash, a.id, a.role, a.display_name, a.family_id, a.organisation_id,
       o.key AS organisation_key, a.staff_role, coalesce(a.district_key, o.district_key) AS district
FROM (
    SELECT token_hash, account_id FROM api_token
    WHERE token_hash = ANY($1) AND revoked_at IS NULL
    UNION ALL
    SELECT token_hash, account_id FROM session
    WHERE token_hash = ANY($1) AND expires_at > $2
) t
JOIN account a ON a.id = t.account_id AND a.active
LEFT JOIN organisation o ON o.id = a.organisation_id
"""


_COLUMNS = (
    *("id", "email", "password_hash", "display_name", "role", "family_id"),
    *("organisation_id", "staff_role", "district_key"),
)


async def actors(digests: list[bytes], now: dt.datetime) -> dict[bytes, Actor]:
    """Whose tokens and sessions these are; unknown, revoked and expired ones are left out."""
    rows = await engine.fetch(_ACTORS, digests, now)
    return {row["token_hash"]: _actor(row) for row in rows}


def _actor(row: Any) -> Actor:
    return Actor(
        account_id=row["id"],
        role=Role(row["role"]),
        display_name=row["display_name"],
        family_id=row["family_id"],
        organisation_id=row["organisation_id"],
        organisation_key=row["organisation_key"],
        staff_role=row["staff_role"],
        district_key=row["district"],
    )


async def by_email(email: str) -> AccountRow | None:
    return await AccountRow.objects().where(AccountRow.email == email).first()


async def one(account_id: UUID) -> dict[str, Any] | None:
    """An account as its owner sees it, with its organisation's key and name."""
    row = await engine.fetch_one(
        """SELECT a.id, a.email, a.display_name, a.role, a.family_id, a.staff_role,
                  a.calendar_delivery, a.organisation_id,
                  o.key AS organisation_key, o.name AS organisation_name,
                  coalesce(a.district_key, o.district_key) AS district
           FROM account a LEFT JOIN organisation o ON o.id = a.organisation_id
           WHERE a.id = $1""",
        account_id,
    )
    return None if row is None else dict(row)


async def insert(accounts: Sequence[NewAccount], now: dt.datetime) -> None:
    """Accounts with their families, the parties they are, and the tokens they start with.

    Raises:
        asyncpg.UniqueViolationError: one of the addresses has an account already.
        asyncpg.ForeignKeyViolationError, CheckViolationError: role and organisation do not fit.
    """
    families = [account for account in accounts if account.family_id is not None]
    await engine.fetch(
        """INSERT INTO family (id, name, created_at)
           SELECT id, name, $3 FROM unnest($1::uuid[], $2::text[]) AS q (id, name)""",
        *([a.family_id for a in families], [a.display_name for a in families], now),
    )
    await engine.fetch(
        """INSERT INTO account (id, email, password_hash, display_name, role, family_id,
                                organisation_id, staff_role, district_key, created_at)
           SELECT q.*, $10 FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[],
                                       $6::uuid[], $7::uuid[], $8::text[], $9::text[]) AS q""",
        *([getattr(account, name) for account in accounts] for name in _COLUMNS),
        now,
    )
    volunteers = [account.id for account in accounts if account.role is Role.VOLUNTEER]
    await parties.insert([*(a.family_id for a in families if a.family_id), *volunteers])
    starting = [account for account in accounts if account.token_hash is not None]
    await engine.fetch(
        """INSERT INTO api_token (id, token_hash, account_id, name, created_at)
           SELECT id, hash, id, '', $3 FROM unnest($1::uuid[], $2::bytea[]) AS q (id, hash)""",
        *([a.id for a in starting], [a.token_hash for a in starting], now),
    )
