"""Children, to and from PostgreSQL: each query takes the family whose they are."""

import datetime as dt
from typing import Any
from uuid import UUID

from openyard_platform.domain.accounts import NewChild
from openyard_platform.store import engine


async def of_family(family_id: UUID) -> list[dict[str, Any]]:
    rows = await engine.fetch(
        """SELECT c.id, c.display_name, c.birth_year, o.key AS school, c.consented_at
           FROM child c LEFT JOIN organisation o ON o.id = c.school_id
           WHERE c.family_id = $1 ORDER BY c.created_at, c.birth_year, c.id""",
        family_id,
    )
    return [dict(row) for row in rows]


async def insert(
    child: NewChild, family_id: UUID, school_id: UUID | None, now: dt.datetime
) -> None:
    """Consent is given with the same act."""
    await engine.fetch(
        """INSERT INTO child (id, family_id, display_name, birth_year, school_id, consented_at,
                              created_at) VALUES ($1, $2, $3, $4, $5, $6, $6)""",
        *(child.id, family_id, child.display_name, child.birth_year, school_id, now),
    )


async def count(family_id: UUID) -> int:
    """Locks the family, so that two requests do not both find room for one more."""
    await engine.fetch("SELECT FROM family WHERE id = $1 FOR NO KEY UPDATE", family_id)
    row = await engine.fetch_one("SELECT count(*) AS n FROM child WHERE family_id = $1", family_id)
    return int(row["n"]) if row else 0


async def delete(child_id: UUID, family_id: UUID) -> bool:
    """Whether there was such a child in this family."""
    rows = await engine.fetch(
        "DELETE FROM child WHERE id = $1 AND family_id = $2 RETURNING id", child_id, family_id
    )
    return bool(rows)
