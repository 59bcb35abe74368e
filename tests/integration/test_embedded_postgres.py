"""The embedded PostgreSQL: what it promises the application."""

import asyncpg

from tests.conftest import Databases


async def test_the_application_connects_as_owner_and_not_as_superuser(postgres: Databases):
    connection = await asyncpg.connect(postgres.url)
    row = await connection.fetchrow(
        "SELECT current_user::text AS name, usesuper, usecreatedb, "
        "(SELECT datdba = usesysid FROM pg_database WHERE datname = current_database()) AS owns "
        "FROM pg_user WHERE usename = current_user"
    )
    await connection.close()
    assert tuple(row) == ("openyard_app", False, False, True)


async def test_a_fresh_database_is_migrated_and_empty(database_url: str):
    connection = await asyncpg.connect(database_url)
    assert await connection.fetchval("SELECT count(*) FROM account") == 0
    await connection.close()
