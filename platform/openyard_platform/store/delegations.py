"""Delegations, to and from PostgreSQL: what a guardian gave, and what an account was given."""

import datetime as dt
from uuid import UUID

import msgspec

from openyard_platform.domain.delegations import Delegation, Entrusted, NewDelegation
from openyard_platform.store import engine

# A delegation ``d`` that holds on the day ``{today}``.
IN_FORCE = "d.revoked_at IS NULL AND (d.ends_on IS NULL OR d.ends_on >= {today})"


async def lock_child(child_id: UUID, family_id: UUID) -> bool:
    """Whether the family has such a child; of two requests about it the second waits."""
    rows = await engine.fetch(
        "SELECT FROM child WHERE id = $1 AND family_id = $2 FOR NO KEY UPDATE", child_id, family_id
    )
    return bool(rows)


async def is_guardian(family_id: UUID, email: str) -> bool:
    row = await engine.fetch_one(
        "SELECT FROM account WHERE family_id = $1 AND email = $2", family_id, email
    )
    return row is not None


async def insert(new: NewDelegation, granted_by: UUID, now: dt.datetime) -> None:
    await engine.fetch(
        """INSERT INTO delegation (id, child_id, email, relation, ends_on, granted_by, granted_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7)""",
        *(new.id, new.child_id, new.email, new.relation.value, new.ends_on, granted_by, now),
    )


async def of_family(family_id: UUID, today: dt.date) -> list[Delegation]:
    """What a family has given and what holds on that day, the oldest first."""
    rows = await engine.fetch(
        f"""SELECT d.id, d.child_id, d.email, d.relation, d.ends_on, d.granted_at
            FROM delegation d JOIN child c ON c.id = d.child_id
            WHERE c.family_id = $1 AND {IN_FORCE.format(today="$2")}
            ORDER BY d.granted_at, d.id""",  # noqa: S608 - made of constants
        family_id,
        today,
    )
    return [msgspec.convert(dict(row), Delegation) for row in rows]


async def revoke(delegation_id: UUID, child_id: UUID, family_id: UUID, now: dt.datetime) -> bool:
    """Whether this child of the family had such a delegation that was not revoked before."""
    rows = await engine.fetch(
        """UPDATE delegation d SET revoked_at = $4 FROM child c
           WHERE d.id = $1 AND d.child_id = $2 AND d.revoked_at IS NULL
               AND c.id = d.child_id AND c.family_id = $3
           RETURNING d.id""",
        *(delegation_id, child_id, family_id, now),
    )
    return bool(rows)


async def to_account(account_id: UUID, family_id: UUID | None, today: dt.date) -> list[Entrusted]:
    """The children that others have entrusted to this account and that are not its family's."""
    rows = await engine.fetch(
        f"""SELECT c.id AS child_id, d.id AS delegation_id, c.display_name, c.birth_year,
                   d.relation, d.ends_on
            FROM account a JOIN delegation d ON d.email = a.email JOIN child c ON c.id = d.child_id
            WHERE a.id = $1 AND c.family_id IS DISTINCT FROM $2
                AND {IN_FORCE.format(today="$3")}
            ORDER BY d.granted_at, d.id""",  # noqa: S608 - made of constants
        *(account_id, family_id, today),
    )
    return [msgspec.convert(dict(row), Entrusted) for row in rows]
