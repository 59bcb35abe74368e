"""Calendars that a venue publishes at an address: read by a job, applied by people."""

import datetime as dt
import uuid

import httpx
import pytest

from openyard_platform import clock
from openyard_platform.actions import calendar_addresses
from openyard_platform.domain import calendar_addresses as domain
from openyard_platform.domain.people import Role
from openyard_platform.store import engine
from tests.integration import imports_stage as stage
from tests.integration import people
from tests.integration.imports_stage import calendar, event, stands
from tests.integration.strangers import World, answer, world
from tests.integration.test_pages import is_sound

URL = "/api/v1/venues/gallery/calendar-addresses"
IMPORTS = "/api/v1/venues/gallery/imports"
SECRET = "https://calendar.example/private-7391/basic.ics"
ONE = answer(calendar(event("a")), ETag='"1"')
TWO = answer(calendar(event("a", 10, 12)), ETag='"2"')
UNCHANGED = answer(b"", "304 Not Modified")


@pytest.fixture(scope="module")
def nats(servers_directory):
    with stage.server(servers_directory, "addresses") as made:
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
    """A space of the test's own; what earlier tests had read is forgotten."""
    await engine.fetch("DELETE FROM calendar_address")
    return await stage.space(venue)


async def added(staff: httpx.AsyncClient, room: str, **changes) -> dict:
    body = {"url": SECRET, "as": "busy", "space": room} | changes
    made = await staff.post(URL, json=body)
    assert made.status_code == 201, made.text
    return made.json()


async def read(staff: httpx.AsyncClient, there: World, hours: float = 0) -> dict:
    """The only address after whatever is due so much later has been read."""
    now = clock.now() + dt.timedelta(hours=hours)
    while await calendar_addresses.work(lambda: now, there.network):
        pass
    (found,) = (await staff.get(URL)).json()["items"]
    return found


async def applied(staff: httpx.AsyncClient, address: dict) -> None:
    answer = await staff.post(f"{IMPORTS}/{address['import_id']}/apply")
    assert answer.status_code == 200, answer.text


async def test_what_is_read_waits_until_people_apply_it(staff, room):
    made = await added(staff, room)
    async with world(ONE) as there:
        found = await read(staff, there)
        before = await stands(room)
        await applied(staff, found)

    assert (made["outcome"], made["source"]) == (None, room)
    assert (found["outcome"], before) == ("changed", {})
    assert await stands(room) == {"a": "09–11"}


async def test_what_is_as_it_was_is_asked_for_by_its_tag_and_changes_nothing(staff, room):
    await added(staff, room)
    async with world(ONE, UNCHANGED, ONE, TWO) as there:
        await applied(staff, await read(staff, there))
        by_tag = await read(staff, there, 2)
        by_content = await read(staff, there, 4)
        moved = await read(staff, there, 6)

    assert (by_tag["outcome"], by_content["outcome"]) == ("same", "same")
    assert ['If-None-Match: "1"' in asked for asked in there.asked] == [False, True, True, True]
    told = (await staff.get(f"{IMPORTS}/{moved['import_id']}")).json()
    assert (moved["outcome"], told["counts"]) == ("changed", {"moved": 1})
    assert await stands(room) == {"a": "09–11"}


async def test_a_preview_that_nobody_applied_stays_and_is_made_anew_when_it_has_expired(
    staff, room
):
    await added(staff, room)
    async with world(ONE, UNCHANGED, ONE) as there:
        first = await read(staff, there)
        second = await read(staff, there, 2)
        third = await read(staff, there, 26)

    assert first["import_id"] == second["import_id"] != third["import_id"]
    assert [one["outcome"] for one in (first, second, third)] == ["changed"] * 3
    assert "If-None-Match" not in there.asked[2]


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (answer(status="404 Not Found"), "http_status"),
        (answer(status="503 Later"), "http_status"),
        (answer(b"<html>", Content_Type="text/html"), "web_page"),
        (answer(b""), "no_events"),
        (answer(calendar()), "no_events"),
        (answer(b"\x00\x01nothing"), "no_events"),
    ],
)
async def test_what_stands_stays_when_nothing_usable_comes(staff, room, sent, reason):
    await added(staff, room)
    async with world(ONE, sent) as there:
        await applied(staff, await read(staff, there))
        failed = await read(staff, there, 2)

    assert (failed["outcome"], failed["import_id"]) == ("failed", None)
    assert failed["reason"] == reason
    assert await stands(room) == {"a": "09–11"}


async def test_an_address_inside_is_never_connected_to(staff, room):
    await added(staff, room, url="https://inside.example/a.ics")
    async with world(ONE) as there:
        there.names["inside.example"] = ["192.168.1.7"]
        found = await read(staff, there)

    assert (found["reason"], there.connected) == ("address_not_public", [])


async def test_what_fails_is_tried_ever_more_seldom_and_at_once_when_asked(staff, room):
    made = await added(staff, room)
    async with world(answer(status="500 Oops"), answer(status="500 Oops"), ONE) as there:
        first = await read(staff, there)
        assert await read(staff, there, 1.9) == first
        again = await read(staff, there, 2.1)
        assert await read(staff, there, 6) == again
        hurried = await staff.post(f"{URL}/{made['id']}/read")
        mended = await read(staff, there)

    assert (hurried.status_code, len(there.asked)) == (202, 3)
    assert (again["reason"], mended["outcome"]) == ("http_status", "changed")


def test_the_pause_is_an_hour_and_at_most_a_day():
    now = clock.now()
    hours = [(domain.next_at(failures, now) - now).seconds // 3600 for failures in range(5)]

    assert hours == [1, 2, 4, 8, 16]
    assert domain.next_at(99, now) - now == dt.timedelta(days=1)


async def test_a_calendar_that_says_what_stands_already_asks_for_nothing(staff, room):
    await added(staff, room)
    async with world(ONE, answer(calendar(event("a")) + b"\r\n")) as there:
        await applied(staff, await read(staff, there))
        found = await read(staff, there, 2)

    assert (found["outcome"], found["import_id"]) == ("same", None)


@pytest.mark.parametrize(
    ("changes", "path", "code"),
    [
        ({"url": "http://calendar.example/a.ics"}, "url", "address_malformed"),
        ({"url": "https://me:word@calendar.example/"}, "url", "address_malformed"),
        ({"space": "cellar"}, "space", "space_unknown"),
        ({"zone": "Mars/North"}, "zone", "zone_unknown"),
        ({"as": "slots"}, "capacity", "missing_field"),
        ({"colour": "red"}, "colour", "unknown_field"),
    ],
)
async def test_what_makes_no_sense_is_refused(staff, room, changes, path, code):
    body = {"url": SECRET, "as": "busy", "space": room} | changes
    answer = await staff.post(URL, json=body)

    assert answer.status_code == 422
    assert [(one["path"], one["code"]) for one in answer.json()["errors"]] == [(path, code)]
    assert (await staff.get(URL)).json()["items"] == []


async def test_a_calendar_has_one_address_and_a_venue_twenty(staff, room):
    await added(staff, room)
    twice = await staff.post(URL, json={"url": SECRET, "as": "busy", "space": room})
    for number in range(19):
        await added(staff, room, source=f"calendar-{number}")
    one_more = await staff.post(
        URL, json={"url": SECRET, "as": "busy", "space": room, "source": "more"}
    )

    assert (twice.status_code, twice.json()["code"]) == (409, "calendar_known")
    assert (one_more.status_code, one_more.json()["code"]) == (409, "too_many_addresses")


async def test_what_is_taken_away_is_read_no_more_and_what_it_brought_stays(staff, room):
    made = await added(staff, room)
    async with world(ONE) as there:
        await applied(staff, await read(staff, there))
        removed = await staff.delete(f"{URL}/{made['id']}")
        assert await calendar_addresses.work(clock.now, there.network) is False

    assert (removed.status_code, (await staff.delete(f"{URL}/{made['id']}")).status_code) == (
        204,
        404,
    )
    assert (await staff.post(f"{URL}/{uuid.uuid4()}/read")).status_code == 404
    assert await stands(room) == {"a": "09–11"}


async def test_the_address_is_its_venues_alone_and_stands_in_no_log(app, staff, room, caplog):
    caplog.set_level("DEBUG")
    made = await added(staff, room)
    stranger = await people.person(Role.VENUE)
    async with stranger.client(app) as client:
        assert (await client.get(URL)).status_code == 404
        assert (await client.delete(f"{URL}/{made['id']}")).status_code == 404
        assert (await client.post(f"{URL}/{made['id']}/read")).status_code == 404
    async with world(answer(status="500 Oops")) as there:
        await read(staff, there)

    assert "private-7391" not in caplog.text
    told = await engine.fetch("SELECT detail::text AS text FROM audit")
    assert not any("private-7391" in row["text"] for row in told)


PAGE = "/my/imports/addresses"
FIELDS = {"url": SECRET, "as": "busy"}


async def shown(staff: httpx.AsyncClient) -> str:
    answer = await staff.get(PAGE)
    assert answer.status_code == 200
    return is_sound(answer.text).text


async def test_a_page_takes_an_address_and_tells_what_comes_of_it(staff, room):
    kept = await staff.post(PAGE, data=FIELDS | {"space": room})
    waiting = await staff.get(PAGE)
    async with world(ONE, answer(status="404 Not Found")) as there:
        found = await read(staff, there)
        changed = await shown(staff)
        again = await staff.post(f"{PAGE}/{found['id']}/read")
        await read(staff, there)
        failed = await shown(staff)
    removed = await staff.post(f"{PAGE}/{found['id']}/remove")

    assert (kept.status_code, again.status_code, removed.status_code) == (303, 303, 303)
    assert ("正在读取" in waiting.text, waiting.headers["Refresh"]) == (True, "3")
    assert "有改动，等您确认" in changed
    assert "没有读成：对方说没有这份日历" in failed
    assert SECRET not in await shown(staff)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"url": "http://calendar.example/a.ics"}, "请填以 https:// 开头的网址"),
        ({"url": ""}, "请填以 https:// 开头的网址"),
        ({"as": "slots", "capacity": "0"}, "请填 1 到 100000 之间的数字"),
        ({"space": "cellar"}, "请选择场地"),
        ({"source": "日历"}, "只能用字母、数字"),
    ],
)
async def test_the_page_says_beside_the_field_what_is_wrong(staff, room, changes, said):
    answer = await staff.post(PAGE, data=FIELDS | {"space": room} | changes)

    assert (answer.status_code, said in is_sound(answer.text).text) == (422, True)
    assert (await staff.get(URL)).json()["items"] == []


async def test_a_second_address_of_a_calendar_is_explained(staff, room):
    await staff.post(PAGE, data=FIELDS | {"space": room})
    answer = await staff.post(PAGE, data=FIELDS | {"space": room})

    assert (answer.status_code, "已经有网址了" in answer.text) == (409, True)


async def test_slots_for_people_are_taken_from_an_address_too(staff, room):
    more = {"as": "slots", "space": room, "capacity": "12", "audiences": ["family"]}
    assert (await staff.post(PAGE, data=FIELDS | more)).status_code == 303

    (found,) = (await staff.get(URL)).json()["items"]
    assert (found["as"], found["capacity"], found["audiences"]) == ("slots", 12, ["family"])
