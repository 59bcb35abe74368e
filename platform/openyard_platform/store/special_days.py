"""Holidays and worked weekends of the country, for the feed that shows them."""

import datetime as dt
from uuid import UUID

from openyard_calendars.special_days import SpecialDay
from openyard_platform.domain import feed_kinds
from openyard_platform.store import engine


async def shown(
    feed_id: UUID, first: dt.date, last: dt.date
) -> tuple[int | None, list[SpecialDay]]:
    """The feed's revision and its days, from one statement: they must belong together."""
    rows = await engine.fetch(
        """
        SELECT s.revision, d.date, d.notice, d.kind = 'adjusted_workday' AS worked, d.updated_at
        FROM (SELECT $1::uuid AS feed) f
        LEFT JOIN feed_state s ON s.owner_id = f.feed
        LEFT JOIN calendar_day d ON d.district_key IS NULL AND d.date BETWEEN $2 AND $3
            AND d.kind IN ('holiday', 'adjusted_workday')
        ORDER BY d.date
        """,
        feed_id,
        first,
        last,
    )
    days = [
        SpecialDay(
            date=row["date"],
            name=feed_kinds.holiday_name(row["notice"]),
            worked=row["worked"],
            changed_at=row["updated_at"],
        )
        for row in rows
        if row["date"] is not None
    ]
    return rows[0]["revision"], days
