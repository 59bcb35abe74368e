"""The terms of each district's schools."""

import datetime as dt

from msgspec import Struct

from openyard_calendars import opening
from openyard_platform.store import engine


class Term(Struct, frozen=True, kw_only=True):
    """Both days belong to it."""

    key: str
    name: str
    starts_on: dt.date
    ends_on: dt.date


async def of_district(district: str) -> list[Term]:
    """In the order of their days."""
    rows = await engine.fetch(
        """SELECT key, name, starts_on, ends_on FROM term WHERE district_key = $1
           ORDER BY starts_on, key""",
        district,
    )
    return [Term(**row) for row in rows]


async def calendar(district: str) -> list[opening.Term]:
    """The same for an expansion."""
    return [
        opening.Term(starts_on=term.starts_on, ends_on=term.ends_on)
        for term in await of_district(district)
    ]


async def put(district: str, term: Term, now: dt.datetime) -> None:
    await engine.fetch(
        """INSERT INTO term (district_key, key, name, starts_on, ends_on, updated_at)
           VALUES ($1, $2, $3, $4, $5, $6)
           ON CONFLICT (district_key, key) DO UPDATE
           SET name = excluded.name, starts_on = excluded.starts_on,
               ends_on = excluded.ends_on, updated_at = excluded.updated_at""",
        *(district, term.key, term.name, term.starts_on, term.ends_on, now),
    )


async def delete(district: str, key: str) -> bool:
    """Whether there was such a term."""
    rows = await engine.fetch(
        "DELETE FROM term WHERE district_key = $1 AND key = $2 RETURNING key", *(district, key)
    )
    return bool(rows)
