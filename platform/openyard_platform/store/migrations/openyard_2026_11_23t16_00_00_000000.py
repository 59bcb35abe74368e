"""The first schema, as plain SQL: no column type of Piccolo's makes ranges or exclusions."""

from pathlib import Path

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from openyard_platform.store import engine

ID = "2026-11-23T16:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "The first schema"


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="openyard", description=DESCRIPTION)

    async def run() -> None:
        await engine.run_script((Path(__file__).parent / "0001_initial.sql").read_text("utf-8"))

    manager.add_raw(run)
    return manager
