"""Spaces of venues, with the leaf spaces below each."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from openyard_platform.domain.organisations import ListedSpace
from openyard_platform.domain.slots import Space
from openyard_platform.store import engine


async def of_venues(connection: Any, venue_ids: Collection[UUID]) -> dict[tuple[UUID, str], Space]:
    """Every space of these venues by (venue, key)."""
    rows = await connection.fetch(
        """SELECT id, no, organisation_id, key, parent_id, shareable, capacity FROM space
           WHERE organisation_id = ANY($1)""",
        list(venue_ids),
    )
    children: dict[UUID, list[Any]] = {}
    for row in rows:
        if row["parent_id"] is not None:
            children.setdefault(row["parent_id"], []).append(row)
    room = {row["no"]: row["capacity"] for row in rows if row["shareable"]}
    return {
        (row["organisation_id"], row["key"]): _space(row, sorted(_leaves(row, children)), room)
        for row in rows
    }


def _space(row: Any, leaves: list[int], room: dict[int, int]) -> Space:
    return Space(
        id=row["id"],
        key=row["key"],
        leaves=tuple(leaves),
        shared={leaf: room[leaf] for leaf in leaves if leaf in room},
        is_shared=row["no"] in room and leaves == [row["no"]],
    )


async def named(venue_id: UUID) -> dict[str, str]:
    """The names of a venue's spaces by their keys, in the order they were made."""
    rows = await engine.fetch(
        "SELECT key, name FROM space WHERE organisation_id = $1 ORDER BY no", venue_id
    )
    return {row["key"]: row["name"] for row in rows}


async def listed(venue_id: UUID) -> list[ListedSpace]:
    """A venue's spaces, in the order they were made."""
    rows = await engine.fetch(
        """SELECT s.key, s.name, p.key AS parent, s.shareable, s.capacity
           FROM space s LEFT JOIN space p ON p.id = s.parent_id
           WHERE s.organisation_id = $1 ORDER BY s.no""",
        venue_id,
    )
    return [ListedSpace(**dict(row)) for row in rows]


def _leaves(row: Any, children: dict[UUID, list[Any]]) -> list[int]:
    below = children.get(row["id"])
    if not below:
        return [row["no"]]
    return [leaf for child in below for leaf in _leaves(child, children)]
