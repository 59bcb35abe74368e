"""Parties: whoever cannot be in two places at once, by a small number of its own."""

import datetime as dt
from collections.abc import Sequence
from uuid import UUID

from msgspec import Struct

from openyard_platform.store import delegations, engine


class NamedChild(Struct, frozen=True, kw_only=True):
    """``delegation_id``: by which an account that is not of its family may name it."""

    id: UUID
    birth_year: int
    delegation_id: UUID | None


class NamedGroup(Struct, frozen=True, kw_only=True):
    grade: int
    size: int


class Member(Struct, frozen=True, kw_only=True):
    """A party of a reservation: a child, a study group, or (nothing known) a family or volunteer.

    ``is_nameable``: no child, or one that the account may still name.
    """

    birth_year: int | None
    grade: int | None
    size: int | None
    is_nameable: bool


# For a child ``c``: a delegation to the account $2 that holds on the day $4, where the child is not
# of the family $3 anyway.
_BY = f"""
    LEFT JOIN LATERAL (
        SELECT d.id FROM delegation d JOIN account a ON a.email = d.email
        WHERE a.id = $2 AND d.child_id = c.id AND c.family_id IS DISTINCT FROM $3
            AND {delegations.IN_FORCE.format(today="$4::date")} LIMIT 1) d ON true
"""  # noqa: S608 - made of constants


async def insert(refs: Sequence[UUID]) -> None:
    """``refs``: children, study groups, volunteers' accounts, families. Known ones stay."""
    await engine.fetch(
        """INSERT INTO party (ref) SELECT ref FROM unnest($1::uuid[]) AS q (ref) ORDER BY ref
           ON CONFLICT (ref) DO NOTHING""",
        list(refs),
    )


async def children(
    refs: Sequence[UUID], account_id: UUID, family_id: UUID | None, today: dt.date
) -> list[NamedChild]:
    """Those of these children that the account may name: its family's, and delegated ones."""
    rows = await engine.fetch(
        f"""SELECT c.id, c.birth_year, d.id AS delegation_id FROM child c {_BY}
            WHERE c.id = ANY($1) AND (c.family_id = $3 OR d.id IS NOT NULL)""",  # noqa: S608 - made of constants
        *(list(refs), account_id, family_id, today),
    )
    return [NamedChild(**dict(row)) for row in rows]


async def study_group(organisation_id: UUID, group_id: UUID) -> NamedGroup | None:
    row = await engine.fetch_one(
        "SELECT grade, size FROM study_group WHERE organisation_id = $1 AND id = $2",
        *(organisation_id, group_id),
    )
    return None if row is None else NamedGroup(**dict(row))


async def members(
    party_nos: Sequence[int], account_id: UUID, family_id: UUID | None, today: dt.date
) -> list[Member]:
    """Who the parties with these numbers are; a child that was forgotten is nobody any more."""
    rows = await engine.fetch(
        f"""SELECT c.birth_year, g.grade, g.size,
                   c.id IS NULL OR d.id IS NOT NULL OR c.family_id IS NOT DISTINCT FROM $3
                       AS is_nameable
            FROM party p LEFT JOIN child c ON c.id = p.ref LEFT JOIN study_group g ON g.id = p.ref
            {_BY} WHERE p.no = ANY($1)""",  # noqa: S608 - made of constants
        *(list(party_nos), account_id, family_id, today),
    )
    return [Member(**dict(row)) for row in rows]
