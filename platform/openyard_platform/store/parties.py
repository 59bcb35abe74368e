"""Parties: whoever cannot be in two places at once, by a small number of its own."""

from collections.abc import Sequence
from uuid import UUID

from openyard_platform.store import engine


async def insert(refs: Sequence[UUID]) -> None:
    """``refs``: children, study groups, volunteers' accounts, families. Known ones stay."""
    await engine.fetch(
        """INSERT INTO party (ref) SELECT ref FROM unnest($1::uuid[]) AS q (ref) ORDER BY ref
           ON CONFLICT (ref) DO NOTHING""",
        list(refs),
    )
