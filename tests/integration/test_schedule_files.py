"""Schedules by file: over HTTP and on the page; all of a file counts, or nothing."""

import uuid

import httpx
import pytest

from openyard_platform.domain.people import Role
from openyard_platform.store import engine
from tests.integration import people
from tests.integration.test_pages import HOSTILE, is_sound

PLAN = {
    "title": "周末开放",
    "spaces": ["hall"],
    "rrule": "FREQ=WEEKLY;BYDAY=SA,SU",
    "starts_on": "2031-03-01",
    "ends_on": "2031-03-31",
    "from": "09:00",
    "to": "11:00",
    "slot_minutes": 60,
    "capacity": 20,
    "audiences": ["family"],
}
TOML = """
[[schedules]]
key = "hall"
title = "清晨开放"   # the date and the time are TOML's own
spaces = ["hall"]
rrule = "FREQ=WEEKLY;BYDAY=SA"
starts_on = 2031-03-01
ends_on = 2031-03-31
from = 07:00:00
to = 08:00:00
slot_minutes = 60
capacity = 20
audiences = ["family"]
exceptions = [{ date = 2031-03-08, kind = "closed" }]
"""


@pytest.fixture
async def staff(app):
    person = await people.person(Role.VENUE)
    for space in ("hall", "yard"):
        await engine.fetch(
            "INSERT INTO space (id, organisation_id, key, name) VALUES ($1, $2, $3, $3)",
            *(uuid.uuid4(), person.account.organisation_id, space),
        )
    async with person.client(app) as client:
        yield client


@pytest.fixture
async def url(staff) -> str:
    key = (await staff.get("/api/v1/me")).json()["organisation"]["key"]
    return f"/api/v1/venues/{key}/schedules"


def plan(key: str | None, **changes) -> dict:
    return PLAN | ({} if key is None else {"key": key}) | changes


async def applied(staff: httpx.AsyncClient, url: str, *plans: dict, **query) -> dict[str, str]:
    """What became of each key."""
    answer = await staff.post(f"{url}/file", json={"schedules": plans}, params=query)
    assert answer.status_code == 200, answer.text
    return {one["key"]: one["action"] for one in answer.json()["schedules"]}


async def standing(staff: httpx.AsyncClient, url: str) -> dict[str, tuple[int, int]]:
    """Revision and capacity of each schedule, by key."""
    items = (await staff.get(url)).json()["items"]
    return {one["key"]: (one["revision"], one["capacity"]) for one in items}


async def test_a_file_adds_and_changes_and_a_second_time_does_nothing(staff, url):
    first = await applied(staff, url, plan("hall"), plan("yard", spaces=["yard"]))
    due = await engine.fetch("SELECT due_at FROM opening_schedule")
    second = await applied(staff, url, plan("hall"), plan("yard", spaces=["yard"]))
    assert await engine.fetch("SELECT due_at FROM opening_schedule") == due
    third = await applied(staff, url, plan("hall", capacity=30), plan("yard", spaces=["yard"]))

    assert first == {"hall": "added", "yard": "added"}
    assert second == {"hall": "same", "yard": "same"}
    assert third == {"hall": "changed", "yard": "same"}
    assert await standing(staff, url) == {"hall": (2, 30), "yard": (1, 20)}


async def test_what_a_file_does_not_name_stays_unless_it_is_asked_for(staff, url):
    await applied(staff, url, plan("hall"), plan("yard", spaces=["yard"]))

    kept = await applied(staff, url, plan("hall"))
    both = await standing(staff, url)
    ended = await applied(staff, url, plan("hall"), end_others=True)

    assert (kept, set(both)) == ({"hall": "same"}, {"hall", "yard"})
    assert ended == {"hall": "same", "yard": "ended"}
    assert set(await standing(staff, url)) == {"hall"}
    # Its key is free again.
    assert await applied(staff, url, plan("yard")) == {"yard": "added"}


async def test_one_wrong_schedule_refuses_the_whole_file_and_all_faults_are_told(staff, url):
    await applied(staff, url, plan("hall"))
    plans = [
        plan("hall", capacity=99),
        plan("new", spaces=["cellar"]),
        plan("late", to="09:30"),
        plan(None),
    ]

    for query in ({}, {"dry_run": True}):
        answer = await staff.post(f"{url}/file", json={"schedules": plans}, params=query)
        assert answer.status_code == 422
        assert [(one["path"], one["code"]) for one in answer.json()["errors"]] == [
            ("schedules[1].spaces[0]", "space_unknown"),
            ("schedules[2].to", "no_room"),
            ("schedules[3].key", "missing_field"),
        ]
    assert await standing(staff, url) == {"hall": (1, 20)}


async def test_an_unknown_field_is_refused_with_its_place(staff, url):
    answer = await staff.post(f"{url}/file", json={"schedules": [plan("hall", colour="red")]})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["path"] == "schedules[0].colour"


async def test_a_dry_run_tells_every_slot_and_changes_nothing(staff, url):
    await applied(staff, url, plan("hall"))
    body = {"schedules": [plan("hall", to="12:00"), plan("yard", horizon_weeks=52)]}

    answer = await staff.post(f"{url}/file", json=body, params={"dry_run": True})

    told = answer.json()
    assert (told["dry_run"], [one["action"] for one in told["schedules"]]) == (
        True,
        ["changed", "added"],
    )
    assert told["schedules"][1]["id"] is None
    assert set(told["schedules"][0]["diff"]) == {
        *("added", "moved", "changed", "closed", "kept", "seats_touched")
    }
    assert await standing(staff, url) == {"hall": (1, 20)}


async def test_a_file_taken_out_and_applied_again_changes_nothing(staff, url):
    exception = {"date": "2031-03-08", "kind": "hours", "from": "10:00", "to": "11:00"}
    await applied(staff, url, plan("hall", exceptions=[exception]))
    await staff.post(url, json=plan(None, spaces=["yard"], title=HOSTILE))

    file = await staff.get(f"{url}/file")
    again = await staff.post(f"{url}/file", json=file.json(), params={"end_others": True})

    assert "attachment" in file.headers["Content-Disposition"]
    assert [one["action"] for one in again.json()["schedules"]] == ["same", "same"]


async def test_a_key_is_one_schedules_alone_by_api_too(staff, url):
    await applied(staff, url, plan("hall"))
    other = (await staff.post(url, json=plan(None, spaces=["yard"]))).json()["id"]

    added = await staff.post(url, json=plan("hall"))
    changed = await staff.patch(f"{url}/{other}", json={"key": "hall"})

    assert (added.status_code, changed.status_code) == (409, 409)
    assert added.json()["code"] == changed.json()["code"] == "schedule_key_taken"


async def test_a_file_for_another_venue_is_nobodys_business(app, staff, url):
    stranger = await people.person(Role.VENUE)
    async with stranger.client(app) as client:
        assert (await client.get(f"{url}/file")).status_code == 404
        answer = await client.post(f"{url}/file", json={"schedules": [plan("hall")]})
    assert answer.status_code == 404
    assert await standing(staff, url) == {}


async def sent(staff: httpx.AsyncClient, text: str | bytes, **data) -> httpx.Response:
    return await staff.post("/my/schedules/file", files={"file": ("plan.toml", text)}, data=data)


async def test_the_page_shows_what_a_file_would_do_and_applies_it_when_told(staff, url):
    await applied(staff, url, plan("yard", spaces=["yard"]))

    shown = await sent(staff, TOML, end_others="1")
    before = await standing(staff, url)
    page = is_sound(shown.text)
    fields = {tag["name"]: tag["value"] for tag in page.all("input") if "value" in tag}
    answer = await staff.post("/my/schedules/file", data=fields | {"do": "apply"})

    assert shown.status_code == 200
    for words in ("还没有生效", "清晨开放", "新增", "停止"):
        assert words in page.text
    assert set(before) == {"yard"}
    assert (answer.status_code, answer.headers["Location"]) == (303, "/my/schedules")
    assert set(await standing(staff, url)) == {"hall"}
    assert "没有要改的" in (await sent(staff, TOML)).text


async def test_the_page_gives_the_file_and_takes_it_back(staff, url):
    await applied(staff, url, plan("hall", title=HOSTILE))

    file = await staff.get("/my/schedules/file")
    back = await sent(staff, file.content)

    assert file.headers["Content-Type"].startswith("application/json")
    assert (back.status_code, "没有要改的" in is_sound(back.text).text) == (200, True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "请选择一个计划文件"),
        ("[[schedules]\nkey = 1", "line 1"),
        ('{"schedules": [}', "line 1"),
        ("x = " + "[" * 5000, "读不下去"),
        ("a." * 100_000 + "a = 1", "line 1"),
        (b"\xff\xfe\x00", "UTF-8"),
        ("#" * (256 * 1024 + 1), "文件太大"),
        ("schedules = 3", "schedules：类型不对"),
        (TOML.replace('"hall"]', '"cellar"]'), "第 1 个计划的 spaces[0]：没有这个场地"),
        (TOML.replace("capacity = 20", "capacity = 20\ncolour = 1"), "colour：没有这一项"),
        (TOML + TOML, "第 2 个计划的 key：有一项重复了"),
    ],
)
async def test_the_page_says_in_words_what_is_wrong_with_a_file(staff, url, text, said):
    answer = await sent(staff, text)

    assert answer.status_code == 422
    page = is_sound(answer.text)
    assert said in page.text
    assert "什么都没有改" in page.text
    assert await standing(staff, url) == {}


async def test_a_change_on_the_page_keeps_the_key(staff, url):
    await applied(staff, url, plan("hall"))
    (schedule,) = (await staff.get(url)).json()["items"]
    fields = {
        **{name: schedule[name] for name in ("title", "starts_on", "ends_on", "from", "to")},
        "spaces": ["hall"],
        "weekdays": ["SA"],
        "audiences": ["family"],
        "touched": "keep",
        "slot_minutes": "60",
        "gap_minutes": "0",
        "capacity": "44",
        "horizon_weeks": "8",
        **dict.fromkeys(("adjusted_workday", "holiday", "exam_day"), "closed"),
        "closed": "",
        "extra": "",
        "revision": "1",
        "do": "keep",
    }

    answer = await staff.post(f"/my/schedules/{schedule['id']}", data=fields)

    assert answer.status_code == 303
    assert await standing(staff, url) == {"hall": (2, 44)}
