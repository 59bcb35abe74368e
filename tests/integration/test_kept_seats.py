"""Seats that are kept for others are free for nobody else: in searches, on pages, live."""

import asyncio
import datetime as dt
import random
from typing import Any
from uuid import UUID

import pytest

from openyard_platform import clock
from openyard_platform.domain import allotments
from openyard_platform.domain.people import Role
from openyard_platform.store import engine, slots
from openyard_platform.store.slots import Search
from tests.integration import people
from tests.integration import slots_stage as stage
from tests.integration.conftest import browser
from tests.integration.test_pages import Page, is_sound
from tests.integration.test_slots import publish, reading

pytestmark = pytest.mark.usefixtures("app")

RELEASED = stage.at(2)


async def keep(slot: UUID, audience: str = "school", seats: int = 30, **changes: Any) -> None:
    columns = {
        "slot_id": slot,
        "audience": audience,
        "seats": seats,
        "release_hours": 72,
        "releases_at": RELEASED,
        "ordinal": 0,
    } | changes
    places = ", ".join(f"${number}" for number in range(1, len(columns) + 1))
    await engine.fetch(
        f"INSERT INTO slot_allotment ({', '.join(columns)}) VALUES ({places})",  # noqa: S608
        *columns.values(),
    )
    await engine.fetch("UPDATE slot SET allotment_count = allotment_count + 1 WHERE id = $1", slot)


async def found(venue: stage.Venue, seats: int, *eyes: str, at: dt.datetime | None = None) -> bool:
    wanted = Search(since=stage.at(0, 0), venue=venue.key, seats=seats, eyes=eyes, at=at)
    return bool((await slots.search(wanted)).slots)


async def test_a_search_for_seats_does_not_count_those_kept_for_others():
    venue = await stage.venue()
    await keep(await stage.slot(venue, taken=4), used=4)
    assert await found(venue, 10, "family", "resident")
    assert not await found(venue, 11, "family", "resident")
    assert await found(venue, 36, "school")
    assert not await found(venue, 37, "school")


async def test_from_their_release_on_all_of_them_count():
    venue = await stage.venue()
    await keep(await stage.slot(venue))
    assert not await found(venue, 40, "family", at=RELEASED - dt.timedelta(seconds=1))
    assert await found(venue, 40, "family", at=RELEASED)


async def test_the_search_counts_as_the_rules_do():
    """The function in SQL and the one the deciders use, on a thousand slots made up at random."""
    dice = random.Random(30)  # noqa: S311 - nothing secret
    slot = await stage.slot(await stage.venue())
    audiences = ["school", "family", "community", "resident"]
    now = clock.now()
    for _ in range(200):
        await engine.fetch("DELETE FROM slot_allotment WHERE slot_id = $1", slot)
        for ordinal, audience in enumerate(dice.sample(audiences, dice.randint(0, 3))):
            seats = dice.randint(1, 20)
            await keep(
                slot,
                audience,
                seats,
                used=dice.randint(0, seats),
                waiting=dice.randint(0, 1),
                releases_at=now + dt.timedelta(hours=dice.choice([-1, 1])),
                ordinal=ordinal,
            )
        shown = await slots.find(slot)
        for _ in range(5):
            free, waits = dice.randint(0, 40), dice.randint(0, 1)
            eyes = dice.sample(audiences, dice.randint(0, 2))
            row = await engine.fetch_one(
                "SELECT seats_at_once($1, $2, $3, $4, $5) AS n", slot, free, waits, eyes, now
            )
            assert row["n"] == allotments.at_once(shown.allotments, free, waits, eyes, now)


async def test_each_role_sees_the_seats_that_it_can_have(app):
    venue = await stage.venue()
    slot = await stage.slot(venue, taken=4)
    await keep(slot, used=4, per_school=10)
    seen = {}
    for role in Role:
        person = await people.person(role)
        async with person.client(app) as client:
            one = (await client.get(f"/api/v1/slots/{slot}")).json()
            (listed,) = (await client.get(f"/api/v1/slots?venue={venue.key}")).json()["items"]
        assert one == listed
        seen[role.value] = one["remaining"]
    async with browser(app) as client:
        anonymous = (await client.get(f"/api/v1/slots/{slot}")).json()
        as_school = await client.get(f"/api/v1/slots?venue={venue.key}&audience=school&seats=36")
        too_many = await client.get(f"/api/v1/slots?venue={venue.key}&audience=family&seats=11")
    assert seen == {"family": 10, "school": 36, "venue": 10, "volunteer": 10, "supervisor": 10}
    assert anonymous["remaining"] == 10
    assert [one["remaining"] for one in as_school.json()["items"]] == [36]
    assert too_many.json()["items"] == []
    assert anonymous["allotments"] == [
        {
            "audience": "school",
            "seats": 30,
            "left": 26,
            "releases_at": RELEASED.isoformat(),
            "per_school": 10,
        }
    ]


async def test_a_slot_says_whom_it_is_made_for_and_when_it_closes(app):
    starts_at = stage.at(5)
    slot = await stage.slot(
        await stage.venue(),
        starts_at=starts_at,
        notice_hours=24,
        closes_at=stage.at(4, 20),
        age_min=6,
        grade_max=3,
        claim="on_booking",
    )
    async with browser(app) as client:
        told = (await client.get(f"/api/v1/slots/{slot}")).json()
        page = is_sound((await client.get(f"/slots/{slot}")).text)
    assert told["ages"] == {"min": 6, "max": None}
    assert told["grades"] == {"min": None, "max": 3}
    assert (told["notice_hours"], told["claim"]) == (24, "on_booking")
    assert told["closing"] == (starts_at - dt.timedelta(hours=24)).isoformat()
    assert told["closes_at"] == stage.at(4, 20).isoformat()
    for words in ("6 岁以上", "3 年级以下", "至少提前 24 小时预约", "谁先约到归谁"):
        assert words in page.text


async def test_after_its_notice_a_slot_is_closed(app):
    starts_at = clock.now() + dt.timedelta(hours=3)
    slot = await stage.slot(await stage.venue(), starts_at=starts_at, notice_hours=4)
    async with browser(app) as client:
        assert (await client.get(f"/api/v1/slots/{slot}")).json()["state"] == "closed"


async def test_where_all_is_kept_the_page_says_for_whom_and_until_when(app):
    venue = await stage.venue(name="留位馆")
    slot = await stage.slot(venue, capacity=30)
    await keep(slot)
    family = await people.person(Role.FAMILY)
    async with family.client(app) as client:
        page = is_sound((await client.get(f"/slots/{slot}")).text)
        listed = is_sound((await client.get(f"/slots?venue={venue.key}")).text)
        told = (await client.get(f"/api/v1/slots/{slot}")).json()
    assert (told["state"], told["remaining"]) == ("full", 0)
    assert "为学校保留 30 个名额（都还没约）" in page.text
    assert "余下的名额为学校保留着" in page.text
    assert "已约满" not in page.text
    assert "为学校留 30" in listed.text


async def test_a_way_out_has_seats_for_who_was_refused():
    venue = await stage.venue()
    full = await stage.slot(venue, capacity=2, taken=2)
    kept = await stage.slot(venue, capacity=30)
    await keep(kept)
    fit = await stage.slot(venue)
    now = clock.now()

    async def others(*audiences: str, unfit: bool = False) -> set[UUID]:
        similar = await slots.similar(full, 3, audiences, now, 50, unfit=unfit)
        return {slot.id for slot in similar if slot.venue.key == venue.key}

    assert await others("family") == {fit}
    assert await others("school") == {fit, kept}
    await engine.fetch("UPDATE slot SET age_max = 12 WHERE id = ANY ($1)", [fit, full])
    assert await others("family") == {fit}
    assert await others("family", unfit=True) == set()
    await engine.fetch("UPDATE slot SET age_max = 6 WHERE id = $1", full)
    assert await others("family") == set()


async def test_a_way_out_is_not_closed_by_its_notice():
    venue = await stage.venue()
    full = await stage.slot(venue, capacity=2, taken=2)
    await stage.slot(venue, notice_hours=24 * 30)
    similar = await slots.similar(full, 1, ("family",), clock.now(), 50)
    assert [slot for slot in similar if slot.venue.key == venue.key] == []


async def test_live_seats_are_those_of_who_reads(app, settings):
    """What is kept stands in no fact: it is read again when one comes."""
    slot = await stage.slot(await stage.venue(), taken=4, revision=1)
    await keep(slot, used=4)
    school = await people.person(Role.SCHOOL)
    headers = {"authorization": f"Bearer {school.token}"}
    async with reading(app, slot) as anybody, reading(app, slot, **headers) as teacher:
        for reader in (anybody, teacher):
            await reader.start()
        assert (await anybody.event())[1]["remaining"] == 10
        assert (await teacher.event())[1]["remaining"] == 36
        await engine.fetch("UPDATE slot_allotment SET used = 9 WHERE slot_id = $1", slot)
        await engine.fetch("UPDATE slot SET taken = 9, revision = 2 WHERE id = $1", slot)
        await publish(settings, slot, 2, 9, "reservation.confirmed")
        assert (await anybody.event())[1]["remaining"] == 10
        assert (await teacher.event())[1]["remaining"] == 31


async def test_seats_that_are_released_are_free_on_open_pages_too(app, settings):
    slot = await stage.slot(await stage.venue(), revision=1)
    await keep(slot)
    async with reading(app, slot) as reader:
        await reader.start()
        assert (await reader.event())[1]["remaining"] == 10
        await engine.fetch(
            "UPDATE slot_allotment SET releases_at = $2 WHERE slot_id = $1", slot, clock.now()
        )
        await engine.fetch("UPDATE slot SET revision = 2 WHERE id = $1", slot)
        await publish(settings, slot, 2, 0, "slot.released")
        assert (await reader.event())[1]["remaining"] == 40


async def test_many_facts_about_kept_seats_are_read_a_few_times_a_second(app, monkeypatch):
    slot = await stage.slot(await stage.venue(), revision=1)
    await keep(slot)
    hub, read = app.state.live, []

    async def count(asked: list[UUID]) -> list[Any]:
        read.append(asked)
        return []

    async with reading(app, slot) as reader:
        await reader.start()
        await reader.event()
        monkeypatch.setattr("openyard_platform.store.seats.of_slots", count)
        for _ in range(200):
            hub._read_again(slot)  # noqa: SLF001 - what a fact does
            await asyncio.sleep(0.001)
    assert 1 <= len(read) <= 3


@pytest.fixture
async def family(app):
    """A family with a child of four and one of eight."""
    person = await people.person(Role.FAMILY)
    async with person.client(app) as client:
        year = stage.at(5).year
        for name, age in (("小宝", 4), ("大宝", 8)):
            sent = {"display_name": name, "birth_year": str(year - age), "consent": "1"}
            assert (await client.post("/my/children", data=sent)).status_code == 303
        yield client


async def test_a_family_sees_which_children_fit_before_it_tries(family):
    slot = await stage.slot(await stage.venue(), age_min=6, age_max=12)
    page = is_sound((await family.get(f"/slots/{slot}")).text)
    ticks = [field for field in page.all("input") if field["name"] == "children"]
    assert ["disabled" in tick for tick in ticks] == [True, False]
    assert ["checked" in tick for tick in ticks] == [False, True]
    assert "年龄不合，这一场适合 6–12 岁" in page.text
    # Each of them is chosen, so there is nothing to count; who goes along has a field.
    assert {field["name"] for field in page.all("input")} == {
        *("key", "children", "adults", "waitlist")
    }


async def test_where_adults_may_come_too_seats_are_still_counted(family):
    slot = await stage.slot(await stage.venue(), age_min=6)
    page = is_sound((await family.get(f"/slots/{slot}")).text)
    assert "seats" in {field["name"] for field in page.all("input")}


async def test_who_chooses_nobody_is_asked_to(family):
    slot = await stage.slot(await stage.venue(), grade_min=1, grade_max=6)
    answer = await family.post(f"/slots/{slot}/reserve", data={"waitlist": "1"})
    assert answer.status_code == 422
    assert "请选好来的孩子。" in is_sound(answer.text).text


async def test_without_children_that_fit_there_is_nothing_to_send(app, family):
    slot = await stage.slot(await stage.venue(), age_min=14, age_max=16)
    page = is_sound((await family.get(f"/slots/{slot}")).text)
    assert "都不在这一场的年龄或年级范围内" in page.text
    (submit,) = [button for button in page.all("button") if "data-submit" in button]
    assert "disabled" in submit
    childless = await people.person(Role.FAMILY)
    async with childless.client(app) as client:
        page = is_sound((await client.get(f"/slots/{slot}")).text)
    assert "/my/children" in [link["href"] for link in page.all("a")]


async def test_a_teacher_sees_which_classes_fit(app):
    slot = await stage.slot(await stage.venue(), grade_min=4, grade_max=6)
    teacher = await people.person(Role.SCHOOL)
    async with teacher.client(app) as client:
        none = is_sound((await client.get(f"/slots/{slot}")).text)
        for name, grade in (("三（1）班", 3), ("五（2）班", 5)):
            sent = {"name": name, "grade": grade, "size": 40}
            assert (await client.post("/api/v1/study-groups", json=sent)).status_code == 201
        page = Page((await client.get(f"/slots/{slot}")).text)
    assert "需要先登记班级团组" in none.text
    assert ["disabled" in option for option in page.all("option")] == [False, True, False]
    assert "三（1）班（40 人，年级不合）" in page.text
