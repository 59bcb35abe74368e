"""The demo city's organisations and people, into an empty database in one go."""

import datetime as dt
from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from openyard_infra.demo import credentials
from openyard_infra.demo.city import City
from openyard_infra.demo.organisations import Organisation
from openyard_infra.demo.people import Account
from openyard_platform.domain import feeds
from openyard_platform.domain.accounts import NewAccount
from openyard_platform.domain.organisations import NewOrganisation, NewSpace
from openyard_platform.domain.people import Role
from openyard_platform.store import accounts, organisations, parties


class Keys(Struct, frozen=True, kw_only=True):
    """``secret``: the directory's. ``secret_key``: the platform's, which signs feed links."""

    secret: str
    secret_key: str
    password_hash: str


async def insert(connection: Any, city: City, keys: Keys, at: dt.datetime) -> None:
    """Write everything but the slots inside the running transaction.

    Raises:
        asyncpg.UniqueViolationError: somebody else's organisation or account has such a key.
    """
    await connection.executemany(
        "INSERT INTO district (key, name, ordinal) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        [(each.key, each.name, ordinal) for ordinal, each in enumerate(city.districts, 1)],
    )
    await organisations.insert([_organisation(each) for each in city.organisations], at)
    await organisations.insert_spaces(
        [space for each in city.organisations for space in _spaces(each)]
    )
    await accounts.insert([_account(each, keys) for each in city.accounts], at)
    await _children(connection, city, at)
    await _study_groups(connection, city, at)
    await _feed_links(connection, city, keys, at)


def _organisation(organisation: Organisation) -> NewOrganisation:
    return NewOrganisation(
        id=organisation.id,
        key=organisation.key,
        name=organisation.name,
        kind=organisation.kind,
        category=organisation.category,
        district_key=organisation.district,
        address=organisation.address,
        latitude=organisation.latitude,
        longitude=organisation.longitude,
        description=organisation.description,
    )


def _spaces(organisation: Organisation) -> list[NewSpace]:
    ids = {space.key: space.id for space in organisation.spaces}
    return [
        NewSpace(
            id=space.id,
            organisation_id=organisation.id,
            key=space.key,
            name=space.name,
            parent_id=ids[space.parent] if space.parent else None,
            shareable=space.room is not None,
            capacity=space.room,
        )
        for space in organisation.spaces
    ]


def _account(account: Account, keys: Keys) -> NewAccount:
    return NewAccount(
        id=account.id,
        email=account.login,
        display_name=account.name,
        role=account.role,
        password_hash=keys.password_hash,
        family_id=account.family_id,
        organisation_id=account.organisation.id if account.organisation else None,
        staff_role="owner" if account.role in (Role.SCHOOL, Role.VENUE) else None,
        district_key=account.district.key if account.district else None,
        token_hash=credentials.token_hash(credentials.token(keys.secret, account.login)),
    )


async def _children(connection: Any, city: City, at: dt.datetime) -> None:
    columns = "id family_id display_name birth_year school_id consented_at created_at"
    born = [(child, each.family_id) for each in city.accounts for child in each.children]
    records = (
        (child.id, family_id, child.name, at.year - child.age, child.school_id, at, at)
        for child, family_id in born
    )
    await _copy(connection, "child", columns, records)
    await parties.insert([child.id for child, _ in born])


async def _study_groups(connection: Any, city: City, at: dt.datetime) -> None:
    columns = "id organisation_id name grade size adults created_at"
    records = (
        (each.id, each.organisation_id, each.name, each.grade, each.size, each.adults, at)
        for each in city.study_groups
    )
    await _copy(connection, "study_group", columns, records)
    await parties.insert([each.id for each in city.study_groups])


async def _feed_links(connection: Any, city: City, keys: Keys, at: dt.datetime) -> None:
    columns = "token_hash account_id owner_id generation created_at"
    records = (
        (
            feeds.token_hash(feeds.token(keys.secret_key, each.id, each.feed_id, 1)),
            each.id,
            each.feed_id,
            1,
            at,
        )
        for each in city.accounts
    )
    await _copy(connection, "feed_link", columns, records)


async def _copy(
    connection: Any, table: str, columns: str, records: Iterable[tuple[object, ...]]
) -> None:
    await connection.copy_records_to_table(table, columns=columns.split(), records=records)
