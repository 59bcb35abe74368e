"""The demo city's organisations and people, into an empty database in one go."""

import datetime as dt
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from openyard_infra.demo import credentials
from openyard_infra.demo.city import City
from openyard_infra.demo.people import Account
from openyard_infra.demo.stable import stable_id
from openyard_platform.domain import feeds
from openyard_platform.domain.people import Role


async def insert(  # noqa: PLR0913 - everything that the rows are made of
    connection: Any,
    city: City,
    seed: int,
    at: dt.datetime,
    *,
    secret: str,
    secret_key: str,
    password_hash: str,
) -> None:
    """Write everything but the slots inside the running transaction.

    Raises:
        asyncpg.UniqueViolationError: somebody else's organisation or account has such a key.
    """
    await _districts(connection, city)
    await _organisations(connection, city, at)
    await _people(connection, city, at, password_hash)
    await _keys(connection, city, seed, at, secret, secret_key)


async def _districts(connection: Any, city: City) -> None:
    await connection.executemany(
        "INSERT INTO district (key, name, ordinal) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        [(each.key, each.name, ordinal) for ordinal, each in enumerate(city.districts, 1)],
    )


async def _organisations(connection: Any, city: City, at: dt.datetime) -> None:
    columns = (
        "id key name kind category district_key address latitude longitude description updated_at"
    )
    await _copy(
        connection,
        "organisation",
        columns,
        (
            (
                each.id,
                each.key,
                each.name,
                each.kind,
                each.category,
                each.district,
                each.address,
                each.latitude,
                each.longitude,
                each.description,
                at,
            )
            for each in city.organisations
        ),
    )
    await _copy(
        connection,
        "space",
        "id organisation_id key name parent_id",
        (
            (space.id, each.id, space.key, space.name, _id_of(space.parent, each.spaces))
            for each in city.organisations
            for space in each.spaces
        ),
    )
    await _copy(
        connection,
        "study_group",
        "id organisation_id name grade size adults created_at",
        (
            (each.id, each.organisation_id, each.name, each.grade, each.size, each.adults, at)
            for each in city.study_groups
        ),
    )


async def _people(connection: Any, city: City, at: dt.datetime, password_hash: str) -> None:
    families = [each for each in city.accounts if each.family_id is not None]
    await _copy(
        connection, "family", "id name created_at", ((e.family_id, e.name, at) for e in families)
    )
    columns = (
        "id email password_hash display_name role family_id organisation_id staff_role"
        " district_key created_at"
    )
    await _copy(
        connection,
        "account",
        columns,
        (
            (
                each.id,
                each.login,
                password_hash,
                each.name,
                str(each.role),
                each.family_id,
                each.organisation.id if each.organisation else None,
                "owner" if each.role in (Role.SCHOOL, Role.VENUE) else None,
                each.district.key if each.district else None,
                at,
            )
            for each in city.accounts
        ),
    )
    await _copy(
        connection,
        "child",
        "id family_id display_name birth_year school_id consented_at created_at",
        (
            (child.id, each.family_id, child.name, at.year - child.age, child.school_id, at, at)
            for each in families
            for child in each.children
        ),
    )


async def _keys(  # noqa: PLR0913 - two secrets, two kinds of keys
    connection: Any, city: City, seed: int, at: dt.datetime, secret: str, secret_key: str
) -> None:
    """API tokens and feed links; of both only the hashes are stored."""
    await _copy(
        connection,
        "api_token",
        "id token_hash account_id name created_at",
        (
            (
                stable_id(seed, "token", each.login),
                credentials.token_hash(credentials.token(secret, each.login)),
                each.id,
                "demo",
                at,
            )
            for each in city.accounts
        ),
    )
    await _copy(
        connection,
        "feed_link",
        "token_hash account_id owner_id generation created_at",
        ((_feed_hash(each, secret_key), each.id, each.holder_id, 1, at) for each in city.accounts),
    )


def _feed_hash(account: Account, secret_key: str) -> bytes:
    return feeds.token_hash(feeds.token(secret_key, account.id, account.holder_id, 1))


def _id_of(key: str | None, spaces: Iterable[Any]) -> UUID | None:
    return next((space.id for space in spaces if space.key == key), None)


async def _copy(
    connection: Any, table: str, columns: str, records: Iterable[tuple[object, ...]]
) -> None:
    await connection.copy_records_to_table(table, columns=columns.split(), records=records)
