"""Bringing the database to the newest schema, once, whoever else tries at the same time."""

import contextlib
import io
import os
import sys
from pathlib import Path
from typing import Any

import asyncpg

import openyard_platform
from openyard_platform.store import engine

_FOLDER = Path(openyard_platform.__file__).parent / "store" / "migrations"
_LOCK = 0x6F70656E  # "open"; piccolo itself takes no lock


class MigrationFailed(Exception):
    """The schema stays as it was; the message says why."""


async def migrate(database_url: str) -> list[str]:
    """Apply what is missing, all of it or nothing; the names of what was applied.

    Raises:
        MigrationFailed: piccolo refused.
        asyncpg.PostgresError: a statement failed.
    """
    await engine.connect(database_url, size=2, application="openyard migrate")
    try:
        # Piccolo's own transactions nest into this one, and so does its list of what ran.
        async with engine.transaction() as connection:
            await connection.execute("SET LOCAL statement_timeout = 0")
            await connection.execute("SET LOCAL lock_timeout = '60s'")
            await connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
            before = await _applied(connection)
            await _forwards()
            return sorted(await _applied(connection) - before)
    finally:
        await engine.disconnect()


async def missing(connection: Any) -> list[str]:
    """The migrations this version of the program knows and the database does not."""
    known = {
        line.split('"')[1]
        for file in _FOLDER.glob("*.py")
        for line in file.read_text("utf-8").splitlines()
        if line.startswith("ID = ")
    }
    return sorted(known - await _applied(connection))


async def _applied(connection: asyncpg.Connection) -> set[str]:
    if await connection.fetchval("SELECT to_regclass('migration')") is None:
        return set()
    rows = await connection.fetch("SELECT name FROM migration WHERE app_name = 'openyard'")
    return {row["name"] for row in rows}


async def _forwards() -> None:
    os.environ["PICCOLO_CONF"] = "openyard_platform.piccolo_conf"
    from piccolo.apps.migrations.commands.forwards import (  # noqa: PLC0415
        run_forwards,  # It looks for PICCOLO_CONF on its way in.
    )

    path = list(sys.path)
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            outcome = await run_forwards("openyard")
    finally:
        sys.path[:] = path  # Piccolo puts the folder of the migrations in front.
    if not outcome.success:
        raise MigrationFailed(outcome.message or said.getvalue().strip()[-500:])
