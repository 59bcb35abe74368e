"""The pages on which a venue's staff upload a calendar, look at it, and have it applied."""

import re
from pathlib import Path

import pytest

import openyard_calendars
from openyard_platform import sandbox
from openyard_platform.domain import (
    event_slots,
    import_conflicts,
    import_items,
    import_offers,
    slot_cells,
)
from openyard_platform.domain.imports import Change
from openyard_platform.domain.people import Role
from openyard_platform.store import engine
from openyard_platform.web.pages import import_words
from tests.integration import imports_stage as stage
from tests.integration import people
from tests.integration.imports_stage import calendar, event, reserve, stands
from tests.integration.test_pages import HOSTILE, is_sound

PAGES = "/my/imports"


@pytest.fixture(scope="module")
def nats(servers_directory):
    with stage.server(servers_directory, "import-pages") as made:
        yield made


@pytest.fixture(scope="module")
async def venue(app, settings):
    async with stage.gallery(app, settings) as venue_id:
        yield venue_id


@pytest.fixture(scope="module")
async def staff(app, venue):
    person = await people.person(Role.VENUE, venue)
    async with person.client(app) as client:
        yield client


@pytest.fixture
async def room(venue) -> str:
    """A space of the test's own."""
    return await stage.space(venue)


async def send(staff, room, *events, data=None, **changes):
    fields = {"as": "slots", "space": room, "capacity": "20", "kind": "access"} | changes
    sent = calendar(*events) if data is None else data
    return await staff.post(PAGES, data=fields, files={"file": ("cal.ics", sent, "text/calendar")})


async def preview(staff, room, *events, **changes):
    answer = await send(staff, room, *events, **changes)
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"]


async def applied(staff, room, *events, **changes):
    address = await preview(staff, room, *events, **changes)
    answer = await staff.post(f"{address}/apply")
    assert (answer.status_code, answer.headers["Location"]) == (303, address)
    return address


async def test_a_calendar_is_uploaded_looked_at_and_applied(staff, room):
    empty = is_sound((await staff.get(PAGES)).text)
    address = await preview(staff, room, event("a"), event("b", 13, 15), event("c", 25, 26))
    seen = is_sound((await staff.get(address)).text)
    before = await stands(room)
    await staff.post(f"{address}/apply")
    made = is_sound((await staff.get(address)).text)
    listed = is_sound((await staff.get(PAGES)).text)

    assert [tag["name"] for tag in empty.all("input") if tag["type"] == "file"] == ["file"]
    for words in ("还没有生效", "新增 · 2 项", "活动 a", "09:00–11:00", "时间写得不对。"):
        assert words in seen.text
    assert before == {}
    assert await stands(room) == {"a": "09–11", "b": "13–15"}
    assert "全部完成" in made.text
    assert made.text.count("已发布") == 2
    assert "已导入" in listed.text


async def test_a_newer_file_shows_each_kind_of_change(staff, room):
    await applied(staff, room, *(event(one, 9 + n, 10 + n) for n, one in enumerate("abcd")))
    await reserve(room, "d", 7)

    page = is_sound(
        (
            await staff.get(
                await preview(
                    *(staff, room, event("a", 9, 10), event("b", 18, 19)),
                    event("c", 11, 12, "DESCRIPTION:自带水杯"),
                    event("e", 20, 21),
                    event("f", 20, 21),
                )
            )
        ).text
    )

    for words in (
        *("改时间或场地 · 1 项", "改内容 · 1 项", "撤下 · 1 项", "新增 · 1 项", "没有变化 · 1 项"),
        *("已约 7 座", "已有 7 个座位", "冲突：“活动 e”"),
    ):
        assert words in page.text
    assert len(page.all("s")) == 1


@pytest.mark.parametrize(("ticked", "left"), [({}, {"a"}), ({"touch_reserved": "1"}, set())])
async def test_reserved_slots_are_touched_only_where_that_is_ticked(
    staff,
    room,
    ticked,
    left,
):
    await applied(staff, room, event("a"))
    await reserve(room, "a")
    address = await preview(staff, room, event("b", 13, 15))

    await staff.post(f"{address}/apply", data=ticked)

    assert set(await stands(room)) == {"b"} | left
    assert ("有人预约，保持不变" in (await staff.get(address)).text) is bool(left)


async def test_busy_time_needs_no_capacity(staff, room):
    address = await applied(staff, room, event("a"), **{"as": "busy", "capacity": ""})

    assert "自用时间" in (await staff.get(address)).text
    row = await engine.fetch_one("SELECT kind FROM slot WHERE external_id = $1", f"busy:{room}:a")
    assert row["kind"] == "busy"


async def test_an_empty_calendar_is_asked_about_before_it_takes_all_away(staff, room):
    await applied(staff, room, event("a"))

    asked = await send(staff, room)
    page = is_sound(asked.text)
    await applied(staff, room, empty="1")

    assert asked.status_code == 422
    assert [tag["name"] for tag in page.all("input") if tag["name"] == "empty"]
    assert await stands(room) == {}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"data": b""}, "file"),
        ({"data": b"<html>"}, "file"),
        ({"data": calendar(event("a", 25, 26))}, "file"),
        ({"capacity": ""}, "capacity"),
        ({"capacity": "many"}, "capacity"),
        ({"as": "perhaps"}, "as"),
        ({"space": ""}, "space"),
        ({"space": "nowhere"}, "space"),
        ({"until": "soon"}, "until"),
        ({"until": "2020-01-01"}, "until"),
        ({"source": "两个"}, "source"),
    ],
)
async def test_a_wrong_field_is_named_and_nothing_typed_is_lost(
    staff,
    room,
    changes,
    field,
):
    answer = await send(staff, *(room, event("a")), **({"capacity": "77"} | changes))

    assert answer.status_code == 422
    page = is_sound(answer.text)
    assert f"{field}-error" in [tag.get("id") for tag in page.all("span")]
    assert changes.get("capacity", "77") in [tag.get("value") for tag in page.all("input")]
    assert await stands(room) == {}


async def test_a_form_without_a_file_is_asked_for_one(staff, room):
    answer = await staff.post(PAGES, data={"as": "busy", "space": room})

    assert answer.status_code == 422
    assert "请选择一个日历文件" in answer.text


async def test_what_a_stranger_wrote_is_text(staff, room):
    hostile = event("x").replace("SUMMARY:活动 x", f"SUMMARY:{HOSTILE}")
    broken = event(f"{HOSTILE}", 25, 26)

    page = is_sound((await staff.get(await preview(staff, room, hostile, broken))).text)

    assert page.text.count("<script>alert(1)</script>") == 2


async def test_an_expired_or_overtaken_preview_says_so(staff, room):
    old = await preview(staff, room, event("a"))
    await applied(staff, room, event("b", 13, 15))
    overtaken = await staff.post(f"{old}/apply")
    await engine.fetch("UPDATE calendar_import SET expires_at = now() WHERE status = 'previewed'")
    expired = await staff.post(f"{old}/apply")

    assert (overtaken.status_code, expired.status_code) == (409, 409)
    assert "刚刚有更新的文件" in overtaken.text
    assert "已经过期" in expired.text
    assert "预览已过期" in (await staff.get(PAGES)).text


async def test_a_file_of_more_than_five_megabytes_is_refused(staff, room):
    answer = await send(staff, room, data=b"x" * 5_100_000)

    assert answer.status_code == 413


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
    assert PAGES in (await staff.get("/my/schedules")).text


_SAYING = (event_slots, slot_cells, import_items, import_offers, import_conflicts, sandbox)


def test_every_change_and_every_code_has_its_words():
    files = list(Path(openyard_calendars.__file__).parent.glob("*.py"))
    files += [Path(each.__file__) for each in _SAYING]
    said = set()
    for file in files:
        text = file.read_text("utf-8")
        said |= set(re.findall(r'(?:CannotRead|CellMalformed)\(\s*"([a-z_0-9]+)"', text))
        said |= set(re.findall(r'(?:_problem\(name, |code=)"([a-z_]+)"', text))

    assert len(said) > 40
    of_the_answer = {"calendar_unreadable"}
    assert said - of_the_answer <= set(import_words.PROBLEMS)
    assert set(import_words.CHANGES) == set(Change)
