"""Accounts, to and from PostgreSQL."""

import datetime as dt

from openyard_platform.domain.people import Actor, Role
from openyard_platform.store import engine

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


async def actors(digests: list[bytes], now: dt.datetime) -> dict[bytes, Actor]:
    """Whose tokens and sessions these are; unknown, revoked and expired ones are left out."""
    rows = await engine.fetch(_ACTORS, digests, now)
    return {row["token_hash"]: _actor(row) for row in rows}


def _actor(row: dict[str, object]) -> Actor:
    return Actor(
        account_id=row["id"],  # type: ignore[arg-type]
        role=Role(row["role"]),  # type: ignore[arg-type]
        display_name=row["display_name"],  # type: ignore[arg-type]
        family_id=row["family_id"],  # type: ignore[arg-type]
        organisation_id=row["organisation_id"],  # type: ignore[arg-type]
        organisation_key=row["organisation_key"],  # type: ignore[arg-type]
        staff_role=row["staff_role"],  # type: ignore[arg-type]
        district_key=row["district"],  # type: ignore[arg-type]
    )
