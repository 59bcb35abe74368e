"""HTTP for the calendar of holidays, worked weekends and exam days."""

import datetime as dt
from typing import Annotated, Any, Literal

from litestar import Request, Router, delete, get, put
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import Struct

from openyard_calendars.day_kinds import DayKind
from openyard_platform import clock
from openyard_platform.actions import calendar_days as actions
from openyard_platform.actions.calendar_days import Statement
from openyard_platform.domain.errors import Invalid, NotFound
from openyard_platform.domain.people import Role
from openyard_platform.store import calendar_days as records
from openyard_platform.store.calendar_days import CalendarDay
from openyard_platform.web import auth
from openyard_platform.web.fields import Key, Text

_MOST_DAYS = 400


class DayIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is left out stays as the country has it.

    ``district``: without it, the city's supervisors speak for all, a district's for their own.
    """

    kind: Literal["workday", "weekend", "holiday", "adjusted_workday"] | None = None
    exam: bool | None = None
    notice: Text = ""
    district: Key | None = None


class Days(Struct, frozen=True, kw_only=True):
    items: list[CalendarDay]


@get("/", operation_id="listCalendarDays", opt=auth.PUBLIC)
async def index(
    first: Annotated[dt.date, QueryParameter(name="from")],
    last: Annotated[dt.date, QueryParameter(name="to")],
    district: FromQuery[str | None] = None,
) -> Days:
    """Every day of a stretch as it counts in a district, or in the country."""
    if not 0 <= (last - first).days < _MOST_DAYS:
        raise Invalid(f"Ask for 1 to {_MOST_DAYS} days.", code="parameter_invalid")
    return Days(items=await records.between(district, first, last))


@put("/{day:str}", operation_id="stateCalendarDay", opt=auth.require(Role.SUPERVISOR))
async def state(
    request: Request[Any, Any, Any], day: FromPath[str], data: JSONBody[DayIn]
) -> CalendarDay:
    """Say what a day is; it counts at once."""
    date = _date(day)
    said = Statement(
        date=date,
        kind=None if data.kind is None else DayKind(data.kind),
        exam=data.exam,
        notice=data.notice,
    )
    scope = await actions.state(auth.current(request), data.district, said, clock.now())
    return (await records.between(scope, date, date))[0]


@delete("/{day:str}", operation_id="takeBackCalendarDay", opt=auth.require(Role.SUPERVISOR))
async def take_back(
    request: Request[Any, Any, Any],
    day: FromPath[str],
    district: FromQuery[str | None] = None,
) -> None:
    """Let the country's calendar count again for a district's day."""
    await actions.take_back(auth.current(request), district, _date(day), clock.now())


def _date(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError as error:
        raise NotFound("There is no such day.") from error


router = Router(
    "/api/v1/calendar-days", route_handlers=[index, state, take_back], tags=["calendars"]
)
