"""The calendar of holidays and exam days: who may change it, and what counts where."""

import datetime as dt
from collections.abc import AsyncIterator

import httpx
import msgspec
import pytest

from openyard_calendars.day_kinds import DayKind, DayKinds
from openyard_platform.domain.people import Role
from openyard_platform.store import calendar_days, engine
from tests.integration import people

DAYS = "/api/v1/calendar-days"


@pytest.fixture(scope="module")
async def city(app) -> AsyncIterator[httpx.AsyncClient]:
    async with (await people.person(Role.SUPERVISOR)).client(app) as client:
        yield client


@pytest.fixture(scope="module")
async def liubei(app) -> AsyncIterator[httpx.AsyncClient]:
    await people.organisation()
    person = await people.person(Role.SUPERVISOR)
    await engine.fetch(
        "UPDATE account SET district_key = 'liubei' WHERE id = $1", person.account.id
    )
    async with person.client(app) as client:
        yield client


async def kind(client: httpx.AsyncClient, day: str, **query) -> dict:
    answer = await client.get(f"{DAYS}/", params={"from": day, "to": day, **query})
    assert answer.status_code == 200
    return answer.json()["items"][0]


async def test_the_years_with_a_notice_are_there_and_others_are_unknown(app, city):
    assert app
    days = await calendar_days.between(None, dt.date(2026, 1, 1), dt.date(2026, 12, 31))
    worked = [day.date for day in days if day.kind is DayKind.ADJUSTED_WORKDAY]

    assert [f"{day:%m-%d}" for day in worked] == [
        *("01-04", "02-14", "02-28", "05-09", "09-20", "10-10")
    ]
    assert (await kind(city, "2026-10-01"))["source"] == "chinesecalendar"
    assert await kind(city, "2030-10-01") == {
        "date": "2030-10-01",
        "kind": "unknown",
        "exam": False,
        "source": None,
        "notice": "",
    }


async def test_a_district_changes_its_own_days_and_may_take_that_back(liubei):
    said = {"kind": "holiday", "exam": True, "notice": "三月三"}

    answer = await liubei.put(f"{DAYS}/2026-04-20", json=said)

    assert answer.json()["source"] == "supervisor"
    own = await kind(liubei, "2026-04-20", district="liubei")
    assert (own["kind"], own["exam"], own["notice"]) == ("holiday", True, "三月三")
    assert (await kind(liubei, "2026-04-20"))["kind"] == "workday"
    known = await calendar_days.kinds("liubei", dt.date(2026, 4, 20), dt.date(2026, 4, 21))
    assert known == DayKinds(
        kinds={
            dt.date(2026, 4, 20): DayKind.HOLIDAY,
            dt.date(2026, 4, 21): DayKind.WORKDAY,
        },
        exams=frozenset({dt.date(2026, 4, 20)}),
    )
    assert (await liubei.delete(f"{DAYS}/2026-04-20")).status_code == 204
    assert (await kind(liubei, "2026-04-20", district="liubei"))["kind"] == "workday"
    assert (await liubei.delete(f"{DAYS}/2026-04-20")).status_code == 404


async def test_an_exam_day_alone_leaves_the_kind_to_the_country(liubei):
    await liubei.put(f"{DAYS}/2026-06-07", json={"exam": True})

    found = await kind(liubei, "2026-06-07", district="liubei")
    assert (found["kind"], found["exam"]) == ("weekend", True)


async def test_the_city_speaks_for_all_and_the_audit_log_knows_who(city):
    answer = await city.put(f"{DAYS}/2030-01-01", json={"kind": "holiday"})

    assert answer.json()["kind"] == "holiday"
    assert (await kind(city, "2030-01-01", district="liubei"))["kind"] == "holiday"
    entry = await engine.fetch_one("SELECT * FROM audit ORDER BY id DESC LIMIT 1")
    assert (entry["action"], entry["detail"]["date"]) == ("calendar_day.stated", "2030-01-01")
    assert entry["actor_id"] is not None


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("2026-04-20", {"district": "yufeng"}, 403, "not_allowed"),
        ("2026-04-20", {"kind": "unknown"}, 422, "invalid"),
        ("2026-04-20", {"colour": "red"}, 422, "invalid"),
        ("2026-04-31", {}, 404, "not_found"),
    ],
)
async def test_what_cannot_be_said_is_refused(liubei, path, body, status, code):
    answer = await liubei.put(f"{DAYS}/{path}", json=body)

    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_a_district_that_is_not_there_is_refused(city):
    answer = await city.put(f"{DAYS}/2026-04-20", json={"district": "atlantis"})

    assert (answer.status_code, answer.json()["code"]) == (422, "district_unknown")
    assert (await city.delete(f"{DAYS}/2026-04-20")).status_code == 404


async def test_a_stretch_that_is_too_long_is_refused(city):
    answer = await city.get(f"{DAYS}/", params={"from": "2026-01-01", "to": "2027-12-31"})

    assert answer.status_code == 422


async def test_only_supervisors_change_the_calendar(app):
    async with (await people.person(Role.VENUE)).client(app) as client:
        answer = await client.put(f"{DAYS}/2026-04-20", json={"kind": "holiday"})

    assert answer.status_code == 403


async def test_days_are_written_as_they_are_read(city):
    found = await kind(city, "2026-02-17")

    assert msgspec.convert(found, calendar_days.CalendarDay).kind is DayKind.HOLIDAY
