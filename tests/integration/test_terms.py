"""The term calendar: who may change it, and schedules that know it."""

from collections.abc import AsyncIterator

import httpx
import pytest

from openyard_platform.domain.people import Role
from openyard_platform.store import engine
from tests.integration import people

TERMS = "/api/v1/terms"
SPRING = {"name": "春季学期", "starts_on": "2026-03-02", "ends_on": "2026-07-10"}


@pytest.fixture(scope="module")
async def city(app) -> AsyncIterator[httpx.AsyncClient]:
    await people.organisation()
    async with (await people.person(Role.SUPERVISOR)).client(app) as client:
        yield client


async def test_a_term_is_stated_changed_and_taken_back(city):
    await city.put(f"{TERMS}/liubei/spring", json=SPRING)
    changed = await city.put(f"{TERMS}/liubei/spring", json=SPRING | {"ends_on": "2026-07-03"})

    assert changed.json() == {"key": "spring", **SPRING, "ends_on": "2026-07-03"}
    assert (await city.get(f"{TERMS}/liubei")).json()["items"] == [changed.json()]
    assert (await city.delete(f"{TERMS}/liubei/spring")).status_code == 204
    assert (await city.get(f"{TERMS}/liubei")).json()["items"] == []
    assert (await city.delete(f"{TERMS}/liubei/spring")).status_code == 404
    rows = await engine.fetch("SELECT action FROM audit WHERE action LIKE 'term.%' ORDER BY id")
    actions = [row["action"] for row in rows]
    assert actions == ["term.stated", "term.stated", "term.taken_back"]


@pytest.mark.parametrize(
    ("path", "changes", "status", "code"),
    [
        ("liubei/spring", {"ends_on": "2026-01-01"}, 422, "ends_before_start"),
        ("liubei/spring", {"starts_on": "soon"}, 422, "invalid"),
        ("atlantis/spring", {}, 422, "district_unknown"),
        ("liubei/a.b", {}, 404, "not_found"),
    ],
)
async def test_a_term_that_cannot_be_is_refused(city, path, changes, status, code):
    answer = await city.put(f"{TERMS}/{path}", json=SPRING | changes)

    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_a_district_leaves_other_districts_terms_alone(app, city):
    assert city
    person = await people.person(Role.SUPERVISOR)
    await engine.fetch(
        "INSERT INTO district (key, name, ordinal) VALUES ('yufeng', '鱼峰区', 3)"
        " ON CONFLICT DO NOTHING"
    )
    await engine.fetch(
        "UPDATE account SET district_key = 'yufeng' WHERE id = $1", person.account.id
    )
    async with person.client(app) as client:
        own = await client.put(f"{TERMS}/yufeng/spring", json=SPRING)
        others = await client.put(f"{TERMS}/liubei/spring", json=SPRING)

    assert (own.status_code, others.status_code) == (200, 403)


async def test_a_schedule_may_open_in_terms_only(app, city):
    await city.put(f"{TERMS}/liubei/spring", json=SPRING)
    person = await people.person(Role.VENUE)
    venue = await engine.fetch_one(
        "SELECT id, key FROM organisation WHERE id = $1", person.account.organisation_id
    )
    await engine.fetch(
        "INSERT INTO space (id, organisation_id, key, name) VALUES ($1, $1, 'hall', '大厅')",
        venue["id"],
    )
    plan = {
        "title": "周末开放",
        "spaces": ["hall"],
        "rrule": "FREQ=WEEKLY;BYDAY=SU",
        "starts_on": "2026-02-20",
        "ends_on": "2026-03-10",
        "from": "09:00",
        "to": "10:00",
        "slot_minutes": 60,
        "capacity": 20,
        "audiences": ["family"],
    }
    address = f"/api/v1/venues/{venue['key']}/schedules/preview"
    async with person.client(app) as client:
        always = (await client.post(address, json=plan)).json()
        in_term = (await client.post(address, json=plan | {"in_term_only": True})).json()

    assert len(always["slots"]) == 3
    assert [slot["starts_at"][:10] for slot in in_term["slots"]] == ["2026-03-08"]
    assert [(day["date"], day["reason"]) for day in in_term["skipped"]] == [
        ("2026-02-22", "outside_term"),
        ("2026-03-01", "outside_term"),
    ]
