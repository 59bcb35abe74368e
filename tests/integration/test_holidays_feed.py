"""The feed of holidays follows the country's calendar."""

import datetime as dt

import icalendar
import pytest

from openyard_platform.domain.people import Role
from openyard_platform.store import engine
from tests.integration import people
from tests.integration.conftest import browser

YEAR = dt.datetime.now(dt.UTC).year  # noqa: TID251 - the feed shows the years around today


@pytest.fixture
async def client(app):
    async with browser(app) as made:
        yield made


@pytest.fixture
async def supervisor(app):
    person = await people.person(Role.SUPERVISOR)
    async with person.client(app) as made:
        yield made


async def days(client) -> dict[dt.date, str]:
    answer = await client.get("/holidays.ics")
    assert answer.status_code == 200
    calendar = icalendar.Calendar.from_ical(answer.content)
    return {event.start: str(event["X-APPLE-SPECIAL-DAY"]) for event in calendar.walk("VEVENT")}


async def test_every_holiday_and_worked_weekend_of_the_year_is_shown(client, supervisor):
    for day, kind in (("10-01", "holiday"), ("10-02", "adjusted_workday")):
        stated = await supervisor.put(f"/api/v1/calendar-days/{YEAR}-{day}", json={"kind": kind})
        assert stated.status_code == 200
    rows = await engine.fetch(
        "SELECT date, kind FROM calendar_day WHERE extract(year FROM date) = $1"
        " AND kind IN ('holiday', 'adjusted_workday') AND district_key IS NULL",
        YEAR,
    )
    marks = {"holiday": "WORK-HOLIDAY", "adjusted_workday": "ALTERNATE-WORKDAY"}
    assert set(marks) == {row["kind"] for row in rows}
    shown = await days(client)
    assert {date: mark for date, mark in shown.items() if date.year == YEAR} == {
        row["date"]: marks[row["kind"]] for row in rows
    }


async def test_a_supervisors_change_is_in_the_feed_at_once(client, supervisor):
    known = await client.get("/holidays.ics")
    same = await client.get("/holidays.ics", headers={"If-None-Match": known.headers["etag"]})
    assert same.status_code == 304
    day = dt.date(YEAR, 3, 12)
    answer = await supervisor.put(
        f"/api/v1/calendar-days/{day}", json={"kind": "holiday", "notice": "植树节"}
    )
    assert answer.status_code == 200
    changed = await client.get("/holidays.ics", headers={"If-None-Match": known.headers["etag"]})
    assert changed.status_code == 200
    assert (await days(client))[day] == "WORK-HOLIDAY"
    assert "植树节（休）".encode() in changed.content
