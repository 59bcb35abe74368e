"""The pages on which a venue's staff state their weekends, by forms alone."""

import datetime as dt
import uuid

import httpx
import msgspec
import pytest

from openyard_platform.domain.people import Role
from openyard_platform.domain.schedules import Plan
from openyard_platform.store import calendar_days, engine
from tests.integration import people
from tests.integration.test_pages import HOSTILE, is_sound

PAGES = "/my/schedules"
FIELDS = {
    "title": "周末开放",
    "spaces": ["hall"],
    "weekdays": ["SA", "SU"],
    "starts_on": "2026-01-01",
    "ends_on": "2026-03-31",
    "from": "09:00",
    "to": "12:00",
    "slot_minutes": "60",
    "gap_minutes": "0",
    "capacity": "30",
    "horizon_weeks": "8",
    "audiences": ["family"],
    "adjusted_workday": "closed",
    "holiday": "as_rule",
    "exam_day": "closed",
    "closed": "",
    "extra": "",
    "touched": "keep",
    "do": "preview",
}


@pytest.fixture
async def staff(app):
    person = await people.person(Role.VENUE)
    await engine.fetch(
        "INSERT INTO space (id, organisation_id, key, name) VALUES ($1, $2, 'hall', '大厅')",
        *(uuid.uuid4(), person.account.organisation_id),
    )
    async with person.client(app) as client:
        yield client


async def kept(staff: httpx.AsyncClient, **changes) -> str:
    """The address of a schedule kept with the form."""
    answer = await staff.post(f"{PAGES}/new", data=FIELDS | changes | {"do": "keep"})
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"]


async def plan(address: str) -> Plan:
    row = await engine.fetch_one(
        "SELECT plan FROM opening_schedule WHERE id = $1",
        uuid.UUID(address.rpartition("/")[2]),
    )
    return msgspec.convert(row["plan"], Plan)


async def test_the_form_starts_with_the_weekends_of_half_a_year(staff):
    empty = await staff.get(PAGES)
    answer = await staff.get(f"{PAGES}/new")

    assert (empty.status_code, answer.status_code) == (200, 200)
    page = is_sound(answer.text)
    ticked = [tag["value"] for tag in page.all("input") if "checked" in tag]
    assert ticked == ["SA", "SU", "family"]


async def test_a_preview_shows_the_months_with_every_reason_and_keeps_nothing(staff):
    await calendar_days.put(
        *("liubei", dt.date(2026, 3, 14)),
        kind=None,
        exam=True,
        notice="",
        now=people.NOW,
    )
    answer = await staff.post(f"{PAGES}/new", data=FIELDS | {"closed": "2026-03-07"})

    assert answer.status_code == 200
    page = is_sound(answer.text)
    for words in ("还没有保存", "2026 年 2 月", "调休上班", "停开", "考试不开", "09:00–12:00"):
        assert words in page.text
    assert len(page.all("table")) == 3
    assert "还没有计划" in (await staff.get(PAGES)).text


async def test_a_kept_schedule_stands_in_the_list_and_on_its_page(staff):
    address = await kept(staff, title=HOSTILE, extra="2026-03-04")

    listed = is_sound((await staff.get(PAGES)).text)
    page = is_sound((await staff.get(address)).text)
    assert HOSTILE in listed.text
    assert HOSTILE in page.text
    assert "2026 年 3 月" in page.text
    assert [str(one.date) for one in (await plan(address)).exceptions] == ["2026-03-04"]


async def test_a_change_keeps_what_the_form_does_not_know(staff):
    address = await kept(staff)
    hours = {"date": "2026-03-14", "kind": "hours", "from": "10:00", "to": "12:00"}
    extra = {"date": "2026-03-18", "kind": "extra", "from": "10:00", "to": "12:00"}
    stated = msgspec.to_builtins(await plan(address)) | {
        "rrule": "FREQ=WEEKLY;INTERVAL=2;BYDAY=SU,SA",
        "exceptions": [hours, extra],
    }
    await engine.fetch(
        "UPDATE opening_schedule SET plan = $2 WHERE id = $1",
        *(uuid.UUID(address.rpartition("/")[2]), stated),
    )
    change = FIELDS | {"do": "keep", "capacity": "50", "extra": "2026-03-18", "revision": "1"}

    answer = await staff.post(address, data=change)

    assert answer.status_code == 303
    after = await plan(address)
    assert (after.capacity, after.rrule) == (50, "FREQ=WEEKLY;INTERVAL=2;BYDAY=SU,SA")
    assert [msgspec.to_builtins(one) for one in after.exceptions] == [extra, hours]
    await staff.post(address, data=change | {"weekdays": ["SU"], "revision": "2"})
    assert (await plan(address)).rrule == "FREQ=WEEKLY;BYDAY=SU"


async def test_volunteers_are_asked_for_line_by_line(staff):
    address = await kept(staff, volunteers="引导 2\n\n 安全 巡视　10\n讲解")
    wanted = [(one.role, one.needed) for one in (await plan(address)).volunteers]
    assert wanted == [("引导", 2), ("安全 巡视", 10), ("讲解", 1)]
    shown = is_sound((await staff.get(address)).text)
    assert "引导 2\n安全 巡视 10\n讲解 1" in shown.text


@pytest.mark.parametrize(
    ("volunteers", "said"), [("引导 2\n引导 1", "有一项重复了"), ("引导 900", "超出了允许的范围")]
)
async def test_what_is_wrong_with_the_volunteers_stands_beside_them(staff, volunteers, said):
    answer = await staff.post(f"{PAGES}/new", data=FIELDS | {"volunteers": volunteers})
    assert answer.status_code == 422
    page = is_sound(answer.text)
    (field,) = [tag for tag in page.all("textarea") if tag.get("name") == "volunteers"]
    assert field["aria-invalid"] == "true"
    assert said in page.text


async def test_who_has_not_seen_the_last_change_is_told_so(staff):
    address = await kept(staff)
    change = FIELDS | {"do": "keep", "revision": "1"}

    first = await staff.post(address, data=change | {"capacity": "40"})
    second = await staff.post(address, data=change | {"capacity": "50"})

    assert (first.status_code, second.status_code) == (303, 409)
    assert "刚刚有人改过" in second.text
    assert (await plan(address)).capacity == 40


async def test_a_change_can_be_looked_at_first(staff):
    address = await kept(staff)

    answer = await staff.post(address, data=FIELDS | {"capacity": "44", "revision": "1"})

    assert "还没有保存" in answer.text
    assert (await plan(address)).capacity == 30


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"to": "09:30"}, "to"),
        ({"capacity": "many"}, "capacity"),
        ({"starts_on": "soon"}, "starts_on"),
        ({"weekdays": []}, "weekdays"),
        ({"spaces": []}, "spaces"),
        ({"audiences": []}, "audiences"),
        ({"closed": "2027-01-01"}, "closed"),
        ({"closed": "soon"}, "closed"),
        ({"ends_on": "2025-01-01"}, "ends_on"),
        ({"holiday": "perhaps"}, "holiday"),
    ],
)
async def test_a_wrong_field_is_named_and_nothing_typed_is_lost(staff, changes, field):
    answer = await staff.post(f"{PAGES}/new", data=FIELDS | {"title": "某计划"} | changes)

    assert answer.status_code == 422
    page = is_sound(answer.text)
    assert f"{field}-error" in [tag.get("id") for tag in page.all("span")]
    assert "某计划" in [tag.get("value") for tag in page.all("input")]


@pytest.mark.parametrize(("ticked", "touched"), [({}, "keep"), ({"close_reserved": "1"}, "change")])
async def test_a_schedule_is_taken_away_as_its_venue_chose(staff, ticked, touched):
    address = await kept(staff)

    answer = await staff.post(f"{address}/end", data=ticked)

    assert answer.headers["Location"] == PAGES
    assert (await plan(address)).touched == touched
    assert (await staff.get(address)).status_code == 404


async def test_only_owners_and_schedulers_find_the_way_to_these_pages(app, staff):
    checker = await people.person(Role.VENUE)
    await engine.fetch(
        "UPDATE account SET staff_role = 'checker' WHERE id = $1", checker.account.id
    )
    async with checker.client(app) as client:
        refused = await client.get(PAGES)
        mine = await client.get("/my")

    assert refused.status_code == 403
    assert PAGES not in mine.text
    assert PAGES in (await staff.get("/my")).text


async def test_the_form_keeps_the_seats_that_a_program_has_kept_for_schools(staff):
    address = await kept(staff, audiences=["school", "family"])
    key = (await staff.get("/api/v1/me")).json()["organisation"]["key"]
    api = f"/api/v1/venues/{key}/schedules/{address.rpartition('/')[2]}"
    allotment = {"audience": "school", "seats": 20, "release_hours": 72, "per_school": 10}
    assert (await staff.patch(api, json={"allotments": [allotment]})).status_code == 200

    page = is_sound((await staff.get(address)).text)
    changed = FIELDS | {"audiences": ["school", "family"], "title": "新名称", "do": "keep"}
    answer = await staff.post(address, data=changed)
    assert answer.status_code == 303
    assert "保留 20 个名额" in page.text
    assert msgspec.to_builtins((await plan(address)).allotments) == [allotment]

    small = await staff.post(address, data=changed | {"capacity": "19"})
    foreign = await staff.post(address, data=changed | {"audiences": ["family"]})
    assert (small.status_code, "保留的名额少" in small.text) == (422, True)
    assert (foreign.status_code, "不能不对他们开放" in foreign.text) == (422, True)
