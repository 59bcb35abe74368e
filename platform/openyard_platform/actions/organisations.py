"""Making organisations and their spaces."""

import datetime as dt
from collections.abc import Sequence

import asyncpg

from openyard_platform.domain.errors import Conflict, Invalid
from openyard_platform.domain.organisations import NewOrganisation, NewSpace, check_spaces
from openyard_platform.store import organisations as records
from openyard_platform.store.engine import transaction


async def create(
    organisations: Sequence[NewOrganisation], spaces: Sequence[NewSpace], now: dt.datetime
) -> None:
    """Organisations with all their spaces, or nothing.

    Raises:
        Conflict: a key is taken.
        Invalid: a district, an organisation or a parent is not there, a key is no token, or a
            space cannot be shared as it says.
    """
    check_spaces(spaces)
    try:
        async with transaction():
            await records.insert(organisations, now)
            await records.insert_spaces(spaces)
    except asyncpg.UniqueViolationError as error:
        raise Conflict("An organisation or a space has this key already.", code="taken") from error
    except (asyncpg.ForeignKeyViolationError, asyncpg.CheckViolationError) as error:
        raise Invalid(f"This does not fit: {error.constraint_name}.") from error
