"""The check that nobody is in two places, planned one way only."""

from pathlib import Path

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from openyard_platform.store import engine

ID = "2026-11-28T14:55:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "One by one"


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="openyard", description=DESCRIPTION)

    async def run() -> None:
        script = Path(__file__).parent / "0061_one_by_one.sql"
        await engine.run_script(script.read_text("utf-8"))

    manager.add_raw(run)
    return manager
