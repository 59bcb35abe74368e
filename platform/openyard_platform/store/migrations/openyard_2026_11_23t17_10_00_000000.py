"""The country's calendar, with the years whose notices the installed chinesecalendar knows."""

import datetime as dt
from pathlib import Path

from chinese_calendar import constants
from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from openyard_calendars import day_kinds
from openyard_platform.store import engine

ID = "2026-11-23T17:10:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "Kinds of days"


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="openyard", description=DESCRIPTION)

    async def run() -> None:
        script = Path(__file__).parent / "0002_calendar_days.sql"
        await engine.run_script(script.read_text("utf-8"))
        names: dict[dt.date, str] = {**constants.holidays, **constants.workdays}
        kinds: dict[dt.date, day_kinds.DayKind] = {}
        for year in {day.year for day in names}:
            kinds |= day_kinds.of_year(
                year,
                {day for day in constants.holidays if day.year == year},
                {day for day in constants.workdays if day.year == year},
            )
        await engine.fetch(
            """INSERT INTO calendar_day (date, kind, source, notice, updated_at)
               SELECT date, kind, 'chinesecalendar', notice, now()
               FROM unnest($1::date[], $2::text[], $3::text[]) AS q (date, kind, notice)""",
            list(kinds),
            [kind.value for kind in kinds.values()],
            [str(names.get(day, "")) for day in kinds],
        )

    manager.add_raw(run)
    return manager
