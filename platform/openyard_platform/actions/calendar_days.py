"""Supervisors' changes of the calendar, and a year's notice: schedules follow at once."""

import datetime as dt
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager

import asyncpg
from msgspec import Struct

from openyard_calendars.day_kinds import DayKind
from openyard_platform.domain import day_changes
from openyard_platform.domain.errors import Invalid, NotAllowed, NotFound
from openyard_platform.domain.people import Actor
from openyard_platform.store import audit, notifications, schedules
from openyard_platform.store import calendar_days as records
from openyard_platform.store.engine import transaction


class Statement(Struct, frozen=True, kw_only=True):
    """What a supervisor says about a day. ``kind``, ``exam``: None leaves it to the country."""

    date: dt.date
    kind: DayKind | None
    exam: bool | None
    notice: str


async def state(
    actor: Actor, district: str | None, said: Statement, now: dt.datetime
) -> str | None:
    """Say what a day is, in a district or (by the city's supervisors) everywhere.

    Returns the district it counts in.

    Raises:
        NotAllowed: it is another district's.
        Invalid: there is no such district.
    """
    scope = _scope(actor, district)
    try:
        async with transaction():
            async with _told([said.date], now):
                await records.put(
                    *(scope, said.date),
                    kind=said.kind,
                    exam=said.exam,
                    notice=said.notice,
                    now=now,
                )
            await schedules.hurry(scope, now)
            await audit.record(
                *(now, actor.account_id, "calendar_day.stated", None),
                date=said.date.isoformat(),
                district=scope,
                kind=said.kind,
                exam=said.exam,
            )
    except asyncpg.ForeignKeyViolationError as error:
        raise Invalid("There is no such district.", code="district_unknown") from error
    return scope


async def take_back(actor: Actor, district: str | None, date: dt.date, now: dt.datetime) -> None:
    """Let the country's calendar count again for a day of a district.

    Raises:
        NotAllowed: it is another district's.
        NotFound: the district has said nothing about the day.
    """
    scope = _scope(actor, district)
    async with transaction():
        async with _told([date], now):
            if scope is None or not await records.delete(scope, date):
                raise NotFound("The district has said nothing about this day.")
        await schedules.hurry(scope, now)
        await audit.record(
            *(now, actor.account_id, "calendar_day.taken_back", None),
            date=date.isoformat(),
            district=scope,
        )


async def load_year(
    kinds: Mapping[dt.date, DayKind], notices: Mapping[dt.date, str], now: dt.datetime
) -> int:
    """Take over the notice of a year, by an operator; how many days are different now."""
    async with transaction():
        async with _told(list(kinds), now):
            changed = await records.load(kinds, notices, now)
        await schedules.hurry(None, now)
        year = min(kinds).year
        await audit.record(now, None, "calendar_year.loaded", None, year=year, changed=changed)
    return changed


@asynccontextmanager
async def _told(dates: Sequence[dt.date], now: dt.datetime) -> AsyncGenerator[None, None]:
    """Tell who has a reservation on one of these days, if what happens inside changes its kind.

    Schedules follow later, and whoever they move or send home is told again then.
    """
    await records.hold()
    before = await records.everywhere(dates)
    yield
    after = await records.everywhere(dates)
    await notifications.add_of_days(day_changes.between(before, after), now)


def _scope(actor: Actor, district: str | None) -> str | None:
    """None: everywhere. A district's supervisor speaks for it without naming it."""
    if actor.district_key is None:
        return district
    if district not in {None, actor.district_key}:
        raise NotAllowed("This is another district's calendar.")
    return actor.district_key
