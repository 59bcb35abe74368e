"""What kind of day each day is: everywhere, and what a district says otherwise."""

import datetime as dt
from collections.abc import Mapping, Sequence

from msgspec import Struct

from openyard_calendars.day_kinds import DayKind, DayKinds
from openyard_platform.store import engine

_KINDS = {kind.value: kind for kind in DayKind}


class CalendarDay(Struct, frozen=True, kw_only=True):
    """A day as it counts in a district. ``source``: who said its kind last; None: nobody."""

    date: dt.date
    kind: DayKind
    exam: bool
    source: str | None
    notice: str


async def between(district_key: str | None, first: dt.date, last: dt.date) -> list[CalendarDay]:
    """Every day from the first to the last, for a district or (None) everywhere."""
    rows = await engine.fetch(
        """SELECT d::date AS date,
                  coalesce(own.kind, country.kind, 'unknown') AS kind,
                  coalesce(own.exam, country.exam, false) AS exam,
                  coalesce(own.source, country.source) AS source,
                  coalesce(nullif(own.notice, ''), country.notice, '') AS notice
           FROM generate_series($2::date, $3::date, interval '1 day') AS d
           LEFT JOIN calendar_day country
               ON country.district_key IS NULL AND country.date = d::date
           LEFT JOIN calendar_day own ON own.district_key = $1 AND own.date = d::date
           ORDER BY d""",
        *(district_key, first, last),
    )
    return [CalendarDay(**{**row, "kind": DayKind(row["kind"])}) for row in rows]


async def kinds(district_key: str | None, first: dt.date, last: dt.date) -> DayKinds:
    """The same for an expansion, without the days that nobody has told about."""
    rows = await engine.fetch(
        """SELECT date, coalesce(own.kind, country.kind, 'unknown') AS kind,
                  coalesce(own.exam, country.exam, false) AS exam
           FROM (SELECT * FROM calendar_day
                 WHERE district_key IS NULL AND date BETWEEN $2 AND $3) country
           FULL JOIN (SELECT * FROM calendar_day
                      WHERE district_key = $1 AND date BETWEEN $2 AND $3) own USING (date)""",
        *(district_key, first, last),
    )
    return DayKinds(
        kinds={row["date"]: _KINDS[row["kind"]] for row in rows},
        exams=frozenset(row["date"] for row in rows if row["exam"]),
    )


async def everywhere(dates: Sequence[dt.date]) -> dict[tuple[str, dt.date], DayKind]:
    """The kind of each of these days in every district."""
    rows = await engine.fetch(
        """SELECT district.key, day.date, coalesce(own.kind, country.kind, 'unknown') AS kind
           FROM district CROSS JOIN unnest($1::date[]) AS day (date)
           LEFT JOIN calendar_day country
               ON country.district_key IS NULL AND country.date = day.date
           LEFT JOIN calendar_day own
               ON own.district_key = district.key AND own.date = day.date""",
        list(dates),
    )
    return {(row["key"], row["date"]): _KINDS[row["kind"]] for row in rows}


async def hold() -> None:
    """Let nobody else change the calendar until this transaction is over; all may read it."""
    await engine.fetch("LOCK TABLE calendar_day IN SHARE ROW EXCLUSIVE MODE")


async def put(  # noqa: PLR0913 - a row has them all
    district_key: str | None,
    date: dt.date,
    *,
    kind: DayKind | None,
    exam: bool | None,
    notice: str,
    now: dt.datetime,
) -> None:
    await engine.fetch(
        """INSERT INTO calendar_day (district_key, date, kind, exam, source, notice, updated_at)
           VALUES ($1, $2, $3, $4, 'supervisor', $5, $6)
           ON CONFLICT ON CONSTRAINT calendar_day_once DO UPDATE
           SET kind = excluded.kind, exam = excluded.exam, source = excluded.source,
               notice = excluded.notice, updated_at = excluded.updated_at""",
        *(district_key, date, None if kind is None else kind.value, exam, notice, now),
    )


async def delete(district_key: str, date: dt.date) -> bool:
    """Whether the district had said anything about the day."""
    rows = await engine.fetch(
        "DELETE FROM calendar_day WHERE district_key = $1 AND date = $2 RETURNING date",
        *(district_key, date),
    )
    return bool(rows)


async def load(
    kinds: Mapping[dt.date, DayKind], notices: Mapping[dt.date, str], now: dt.datetime
) -> int:
    """Write what a notice says, everywhere; exams stay. How many days are different now."""
    rows = await engine.fetch(
        """INSERT INTO calendar_day (date, kind, source, notice, updated_at)
           SELECT date, kind, 'notice', notice, $4
           FROM unnest($1::date[], $2::text[], $3::text[]) AS q (date, kind, notice)
           ON CONFLICT ON CONSTRAINT calendar_day_once DO UPDATE
           SET kind = excluded.kind, source = excluded.source, notice = excluded.notice,
               updated_at = excluded.updated_at
           WHERE calendar_day.kind IS DISTINCT FROM excluded.kind
           RETURNING date""",
        *(list(kinds), [kind.value for kind in kinds.values()]),
        *([notices.get(day, "") for day in kinds], now),
    )
    return len(rows)
