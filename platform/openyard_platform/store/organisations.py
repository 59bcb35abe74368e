"""Organisations and their spaces, to and from PostgreSQL."""

import datetime as dt
from collections.abc import Sequence
from uuid import UUID

from openyard_platform.domain.organisations import NewOrganisation, NewSpace
from openyard_platform.store import engine
from openyard_platform.store.tables import OrganisationRow


async def school_id(key: str) -> UUID | None:
    """The id of the school with this key."""
    row = (
        await OrganisationRow.select(OrganisationRow.id)
        .where(OrganisationRow.key == key)
        .where(OrganisationRow.kind == "school")
        .first()
    )
    return None if row is None else row["id"]


async def insert(organisations: Sequence[NewOrganisation], now: dt.datetime) -> None:
    await engine.fetch(
        """INSERT INTO organisation (id, key, name, kind, category, district_key, address,
                                     latitude, longitude, description, updated_at)
           SELECT q.*, $11 FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[],
               $6::text[], $7::text[], $8::float8[], $9::float8[], $10::text[]) AS q""",
        *(
            [getattr(each, name) for each in organisations]
            for name in NewOrganisation.__struct_fields__
        ),
        now,
    )


async def insert_spaces(spaces: Sequence[NewSpace]) -> None:
    """Parents may stand in the same call, in any order: they are checked at its end."""
    await engine.fetch(
        """INSERT INTO space (id, organisation_id, key, name, parent_id, shareable, capacity)
           SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::uuid[],
                                $6::bool[], $7::int[])""",
        *([getattr(each, name) for each in spaces] for name in NewSpace.__struct_fields__),
    )
