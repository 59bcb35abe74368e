"""The form of a slot with a decider behind it: children who fit, refusals in the same words."""

import asyncio
import datetime as dt
from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from openyard_platform import clock
from openyard_platform.domain import words
from openyard_platform.domain.people import Role
from tests.integration import people
from tests.integration import venue_stage as stage
from tests.integration.test_pages import is_sound
from tests.integration.venue_stage import gallery, nats, staff, workers

__all__ = ["gallery", "nats", "staff", "workers"]


async def with_child(client: httpx.AsyncClient, age: int) -> str:
    year = (clock.now() + dt.timedelta(days=60)).year
    sent = {"display_name": "小宝", "birth_year": year - age, "consent": True}
    answer = await client.post("/api/v1/children", json=sent)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


@pytest.fixture
async def family(app):
    person = await people.person(Role.FAMILY)
    async with person.client(app) as client:
        yield client


async def sent(client: httpx.AsyncClient, slot: str, **form: Any) -> httpx.Response:
    return await client.post(f"/slots/{slot}/reserve", data={"waitlist": "1"} | form)


async def test_a_family_books_for_the_child_it_chose(family, staff):
    slot = await stage.opened(staff, grades={"min": 1, "max": 6})
    child = await with_child(family, 9)
    answer = await sent(family, slot, children=child, adults="1")
    assert answer.status_code == 303, answer.text
    page = is_sound((await family.get(answer.headers["location"])).text)
    assert "约好了" in page.text
    assert "1 人，成人 1 位" in page.text


async def test_a_child_that_does_not_fit_is_refused_in_the_words_of_the_api(family, staff):
    """Whoever sends what the page does not offer is told the same by both."""
    slot = await stage.opened(staff, ages={"min": 6, "max": 12})
    child = await with_child(family, 3)
    page = await sent(family, slot, children=child)
    wish = {"slot_id": slot, "seats": 1, "children": [child]}
    told = (await family.post("/api/v1/reservations", json=wish)).json()
    sentence = words.sentence({"code": "age_out_of_range", "min": 6, "max": 12})
    assert page.status_code == 409
    assert sentence in is_sound(page.text).text
    assert told["detail"] == sentence
    assert told["refusals"] == [{"code": "age_out_of_range", "min": 6, "max": 12}]


async def test_a_grandmother_books_for_the_child_that_is_entrusted_to_her(app, family, staff):
    slot = await stage.opened(staff, ages={"max": 12}, audiences=["family"])
    child = await with_child(family, 8)
    grandmother = await people.person(Role.VOLUNTEER)
    async with grandmother.client(app) as client:
        before = is_sound((await client.get(f"/slots/{slot}")).text)
        given = await family.post(
            f"/api/v1/children/{child}/delegations",
            json={"email": grandmother.account.email, "relation": "grandparent"},
        )
        assert given.status_code == 201, given.text
        page = is_sound((await client.get(f"/slots/{slot}")).text)
        answer = await sent(client, slot, children=child)
    assert "这一场只接待：家庭" in before.text
    assert [field["value"] for field in page.all("input") if field["name"] == "children"] == [child]
    assert answer.status_code == 303


async def test_what_is_kept_for_schools_is_refused_with_its_hour_on_page_and_api(family, staff):
    kept = [{"audience": "school", "seats": 2, "release_hours": 48}]
    slot = await stage.opened(staff, allotments=kept)
    free = await stage.opened(staff)
    page = await family.post(f"/slots/{slot}/reserve", data={"seats": "1"})
    wish = {"slot_id": slot, "seats": 1, "waitlist": False}
    told = (await family.post("/api/v1/reservations", json=wish)).json()
    (refusal,) = told["refusals"]
    assert (refusal["code"], refusal["audience"]) == ("allotment_reserved", "school")
    assert told["detail"] == words.sentence(refusal)
    text = is_sound(page.text).text
    assert told["detail"] in text
    # Both name another slot that has the seats.
    assert free in page.text
    assert free in [one["id"] for one in told["alternatives"]]


async def test_a_refusal_that_took_long_has_its_reasons_and_ways_out(app, family, staff, workers):
    slot, free = await stage.opened(staff), await stage.opened(staff)
    other = await people.person(Role.FAMILY)
    async with other.client(app) as client:
        await stage.reserved(client, slot, 2)
    await workers.stop()
    desk = app.state.desk
    kept, desk.settings = desk.settings, replace(desk.settings, decision_wait=0.05)
    try:
        wish = {"slot_id": slot, "seats": 1, "waitlist": False}
        answer = await family.post("/api/v1/reservations", json=wish)
        assert answer.status_code == 202
    finally:
        desk.settings = kept
        workers.start()
    location = answer.headers["location"]
    for _ in range(200):
        found = await family.get(location)
        if found.status_code == 200:
            break
        await asyncio.sleep(0.05)
    told = found.json()
    assert (told["status"], told["refusals"]) == ("refused", [{"code": "slot_full"}])
    assert free in [one["id"] for one in told["alternatives"]]
    page = is_sound((await family.get(f"/my/reservations/{told['id']}")).text)
    assert words.sentence({"code": "slot_full"}) in page.text
