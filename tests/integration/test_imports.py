"""Calendars of venues over HTTP: read in a sandbox, shown, applied through the bus."""

import asyncio
import datetime as dt
import uuid

import httpx
import pytest

from openyard_events.slot_publisher import NoReceipt, SlotPublisher
from openyard_platform import clock, sandbox
from openyard_platform.actions import import_publishing
from openyard_platform.domain.errors import Unavailable
from openyard_platform.domain.people import Role
from openyard_platform.store import engine, retention
from openyard_platform.store import imports as records
from openyard_platform.web.calendar_files import Readers
from openyard_workers.jobs import imports as job
from openyard_workers.jobs.retention import tidy
from tests.integration import imports_stage as stage
from tests.integration import people
from tests.integration.imports_stage import DAY, calendar, event, reserve, stands

URL = "/api/v1/venues/gallery/imports"
SLOTS = "/api/v1/venues/gallery/slots"


@pytest.fixture(scope="module")
def nats(servers_directory):
    with stage.server(servers_directory, "imports") as made:
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


async def upload(staff, room: str, *events: str, purpose: str = "slots", **more) -> httpx.Response:
    told = {"as": purpose, "space": room} | ({"capacity": 20} if purpose == "slots" else {}) | more
    return await staff.post(
        URL,
        params=told,
        content=calendar(*events),
        headers={"Content-Type": "text/calendar; charset=utf-8"},
    )


async def previewed(staff, room: str, *events: str, **more) -> dict:
    answer = await upload(staff, room, *events, **more)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def apply(staff, preview: dict, **more) -> dict:
    answer = await staff.post(f"{URL}/{preview['id']}/apply", params=more)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def applied(staff, room: str, *events: str, **more) -> dict:
    return await apply(staff, await previewed(staff, room, *events, **more))


def changes(document: dict) -> dict[str, str]:
    return {item["external_id"].split(":", 2)[2]: item["change"] for item in document["items"]}


def problems(document: dict) -> set[str]:
    return {one["code"] for one in document["problems"]}


async def test_a_preview_says_everything_and_changes_nothing(staff, room):
    answer = await upload(
        *(staff, room, event("a"), event("b", 13, 15)),
        event("broken", 25, 26),
        event("old", day=DAY - dt.timedelta(days=200)),
    )

    assert answer.status_code == 201
    seen = answer.json()
    assert answer.headers["Location"] == f"{URL}/{seen['id']}"
    assert (seen["status"], seen["as"], seen["space"]) == ("previewed", "slots", room)
    assert changes(seen) == {"a": "added", "b": "added"}
    assert seen["counts"] == {"added": 2}
    assert seen["items"][0]["starts_at"] == f"{DAY}T09:00:00+08:00"
    assert {one["where"]: one["code"] for one in seen["problems"]} == {
        "broken": "time_malformed",
        "old": "past",
    }
    assert await stands(room) == {}
    assert (await staff.get(answer.headers["Location"])).json() == seen


async def test_applying_publishes_each_and_tells_its_receipt(staff, room):
    preview = await previewed(staff, room, event("a"), event("b", 13, 15), capacity=7)

    made = await apply(staff, preview)

    assert (made["status"], made["touched"]) == ("applied", "keep")
    assert [item["result"]["status"] for item in made["items"]] == ["accepted"] * 2
    assert await stands(room) == {"a": "09–11", "b": "13–15"}
    for item in made["items"]:
        stated = (await staff.get(f"{SLOTS}/{item['external_id']}")).json()
        assert stated["slot_id"] == item["result"]["slot_id"]
        assert stated["slot"]["capacity"] == 7


async def test_applying_again_publishes_nothing_again(staff, room):
    preview = await previewed(staff, room, event("a"))
    first = await apply(staff, preview)

    again = await apply(staff, preview)

    assert again == first


async def test_a_newer_file_changes_only_what_differs(staff, room):
    nice = "DESCRIPTION:自带水杯"
    await applied(staff, room, *(event(one, 9 + n, 10 + n) for n, one in enumerate("abcd")))

    preview = await previewed(
        *(staff, room, event("a", 9, 10), event("b", 18, 19), event("c", 11, 12, nice)),
        event("e", 20, 21),
    )
    before = await stands(room)
    made = await apply(staff, preview)

    wanted = {"a": "same", "b": "moved", "c": "changed", "d": "gone", "e": "added"}
    assert changes(preview) == wanted
    assert before == {"a": "09–10", "b": "10–11", "c": "11–12", "d": "12–13"}
    assert await stands(room) == {"a": "09–10", "b": "18–19", "c": "11–12", "e": "20–21"}
    assert await stands(room, "withdrawn") == {"d": "12–13"}
    moved = next(item for item in made["items"] if item["change"] == "moved")
    assert moved["before"]["starts_at"] == f"{DAY}T10:00:00+08:00"
    assert {item["change"]: item["result"] is None for item in made["items"]} == {
        change: change == "same" for change in wanted.values()
    }


async def test_the_same_file_again_changes_nothing(staff, room):
    weekly = event("w", 9, 11, "RRULE:FREQ=WEEKLY;COUNT=5")
    await applied(staff, room, weekly)

    again = await previewed(staff, room, weekly)

    assert again["counts"] == {"same": 5}


async def test_what_came_back_is_offered_again_but_not_what_people_closed(staff, room):
    await applied(staff, room, event("a"), event("b", 13, 15))
    await applied(staff, room, event("b", 13, 15))
    closed = f"slots:{room}:b"
    await staff.delete(f"{SLOTS}/{closed}", headers={"If-Match": "1"})

    made = await applied(staff, room, event("a"), event("b", 13, 15))

    assert changes(made) == {"a": "added", "b": "kept"}
    assert [one["reason"] for one in made["items"] if one["change"] == "kept"] == ["withdrawn"]
    assert await stands(room) == {"a": "09–11"}


async def by_hand(staff, room: str, start: int, end: int, **more) -> str:
    """A slot of the venue that came from nowhere else; its external id."""
    hours = [dt.datetime.combine(DAY, dt.time(hour), clock.SHANGHAI) for hour in (start, end)]
    offered = {
        "external_id": uuid.uuid4().hex,
        "version": 1,
        "space": room,
        "starts_at": hours[0].isoformat(),
        "ends_at": hours[1].isoformat(),
        "capacity": 5,
        "title": "棋类之夜",
    } | more
    answer = await staff.post(SLOTS, json=offered)
    assert answer.status_code == 201, answer.text
    return offered["external_id"]


async def test_a_conflict_names_who_is_there_and_is_left_out(staff, room):
    offered = await by_hand(staff, room, 10, 12)
    await engine.fetch("UPDATE slot SET taken = 2 WHERE external_id = $1", offered)

    made = await applied(staff, room, event("a"), event("b", 12, 13), purpose="busy")

    assert changes(made) == {"a": "conflict", "b": "added"}
    conflict = next(one for one in made["items"] if one["change"] == "conflict")
    (other,) = conflict["others"]
    assert (other["external_id"], other["title"]) == (offered, "棋类之夜")
    assert (other["kind"], other["taken"]) == ("access", 2)
    assert other["starts_at"] == f"{DAY}T10:00:00+08:00"
    assert conflict["result"] is None
    assert (await staff.get(f"{SLOTS}/busy:{room}:a")).status_code == 404


@pytest.mark.parametrize(
    ("more", "change"),
    [
        ({}, "added"),
        ({"buffer_before_minutes": 30}, "conflict"),
        ({"buffer_before_minutes": 30, "claim": "on_booking"}, "added"),
    ],
)
async def test_a_conflict_is_what_the_platform_would_refuse(staff, room, more, change):
    """Time before and after a slot counts; a claim on booking does only once it is booked."""
    await by_hand(staff, room, 11, 12, **more)

    made = await applied(staff, room, event("a", 9, 11))

    assert changes(made) == {"a": change}
    assert (made["items"][0]["result"] is None) is (change == "conflict")
    assert change == "conflict" or made["items"][0]["result"]["status"] == "accepted"


async def test_in_a_shareable_space_there_is_room_for_several(staff, room):
    await engine.fetch("UPDATE space SET shareable = true, capacity = 50 WHERE key = $1", room)
    await by_hand(staff, room, 9, 12, capacity=20)

    made = await applied(staff, room, event("a", 9, 10), event("b", 9, 11), event("c", 10, 12))
    busy = await previewed(staff, room, event("closed", 8, 10), purpose="busy")

    assert changes(made) == {"a": "added", "b": "conflict", "c": "added"}
    assert made["counts"] == {"added": 2, "conflict": 1}
    assert changes(busy) == {"closed": "conflict"}


async def test_busy_time_in_a_hall_conflicts_with_slots_on_its_courts(staff, venue, room):
    court = await stage.space(venue, room)
    await applied(staff, court, event("play"))

    seen = await previewed(staff, room, event("meeting", 8, 10), purpose="busy")

    assert changes(seen) == {"meeting": "conflict"}
    assert seen["items"][0]["others"][0]["external_id"] == f"slots:{court}:play"


async def test_busy_time_blocks_its_space_for_everybody(staff, room):
    made = await applied(
        *(staff, room, event("meeting"), event("call", 10, 12), event("inside", 9, 10)),
        event("free", 20, 21, "TRANSP:TRANSPARENT"),
        event("perhaps", 14, 15, "STATUS:TENTATIVE"),
        purpose="busy",
    )

    assert changes(made) == {
        "meeting": "added",
        "call": "added",
        "inside": "covered",
        "perhaps": "added",
    }
    assert problems(made) == {"transparent"}
    assert await stands(room) == {"meeting": "09–11", "call": "11–12", "perhaps": "14–15"}
    late = await applied(staff, room, event("a", 11, 13))
    assert changes(late) == {"a": "conflict"}
    search = (await staff.get("/api/v1/slots", params={"venue": "gallery", "limit": 100})).json()
    assert "活动 meeting" not in [slot["title"] for slot in search["items"]]


async def test_a_slot_taken_between_preview_and_apply_is_refused_with_its_reason(staff, room):
    preview = await previewed(staff, room, event("a"), event("b", 13, 14))
    await applied(staff, room, event("first", 10, 12), source="other")

    made = await apply(staff, preview)

    results = {one["external_id"][-1]: one["result"] for one in made["items"]}
    assert [error["code"] for error in results["a"]["errors"]] == ["space_occupied"]
    assert results["a"]["status"] == "refused"
    assert results["b"]["status"] == "accepted"


@pytest.mark.parametrize(
    ("touched", "left", "results"),
    [
        ("keep", {"a": "09–11", "b": "13–15"}, {"a": "kept", "b": "kept", "c": "accepted"}),
        ("change", {"b": "18–20"}, {"a": "accepted", "b": "accepted", "c": "accepted"}),
    ],
)
async def test_what_is_reserved_is_touched_only_if_the_venue_says_so(
    staff, room, touched, left, results
):
    await applied(staff, room, event("a"), event("b", 13, 15), event("c", 16, 17))
    preview = await previewed(staff, room, event("b", 18, 20))
    # After the preview: nobody has seen it there.
    for uid in "ab":
        await reserve(room, uid)

    made = await apply(staff, preview, touched=touched)

    assert {one["external_id"][-1]: one["result"]["status"] for one in made["items"]} == results
    assert await stands(room) == left


async def test_a_preview_shows_the_seats_that_would_be_lost(staff, room):
    await applied(staff, room, event("a"), event("b", 13, 15))
    await reserve(room, "a", 7)

    seen = await previewed(staff, room, event("b", 13, 15))

    gone = next(one for one in seen["items"] if one["change"] == "gone")
    assert gone["before"]["taken"] == 7


async def test_an_event_that_broke_keeps_its_slot_and_a_cancelled_one_goes(staff, room):
    daily = event("series", 9, 10, "RRULE:FREQ=DAILY;COUNT=3")
    await applied(staff, room, daily, event("b", 13, 15), event("c", 16, 18))

    made = await applied(
        staff,
        room,
        event("series", 9, 10, "RRULE:FREQ=SECONDLY;COUNT=3"),
        event("b", 13, 15, "STATUS:CANCELLED"),
        event("c", 16, 18, "DURATION:oops").replace("DTEND", "X-END"),
    )

    assert made["counts"] == {"kept": 4, "gone": 1}
    assert {one["reason"] for one in made["items"] if one["change"] == "kept"} == {
        "rule_frequency",
        "duration_malformed",
    }
    assert "b" not in await stands(room)
    assert len(await stands(room)) == 4


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"<html><body>404</body></html>", "no_events"),
        (b"", "no_events"),
        (b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n", "no_events"),
        (calendar(event("a", 25, 26)), "time_malformed"),
        (calendar("BEGIN:VEVENT\r\n" * 6_000), "too_many_events"),
    ],
)
async def test_a_file_without_any_event_leaves_everything_as_it_is(staff, room, data, code):
    await applied(staff, room, event("a"))

    answer = await staff.post(
        URL,
        params={"as": "slots", "space": room, "capacity": 20},
        content=data,
        headers={"Content-Type": "text/calendar"},
    )

    assert (answer.status_code, answer.json()["code"]) == (422, "calendar_unreadable")
    assert [error["code"] for error in answer.json()["errors"]] == [code]
    assert await stands(room) == {"a": "09–11"}


async def test_an_empty_calendar_takes_all_away_if_that_is_said(staff, room):
    await applied(staff, room, event("a"))

    made = await applied(staff, room, allow_empty="true")
    html = await staff.post(
        URL,
        params={"as": "slots", "space": room, "capacity": 20, "allow_empty": "true"},
        content=b"<html></html>",
        headers={"Content-Type": "text/calendar"},
    )

    assert changes(made) == {"a": "gone"}
    assert await stands(room) == {}
    assert html.status_code == 422


@pytest.mark.parametrize(
    ("told", "path", "code"),
    [
        ({"as": "slots", "space": "nowhere", "capacity": "5"}, "space", "space_unknown"),
        ({"as": "slots"}, "capacity", "missing_field"),
        ({"as": "slots", "capacity": "5", "kind": "busy"}, "kind", "unknown_value"),
        ({"as": "slots", "capacity": "5", "zone": "Mars/Olympus"}, "zone", "zone_unknown"),
        ({"as": "slots", "capacity": "5", "until": "2020-01-01"}, "until", "out_of_range"),
        ({"as": "busy", "until": "2099-01-01"}, "until", "out_of_range"),
        ({"as": "busy", "capacity": "5"}, "as", "not_for_busy_time"),
        ({"as": "busy", "audience": "family"}, "as", "not_for_busy_time"),
    ],
)
async def test_instructions_that_make_no_sense_are_named(staff, room, told, path, code):
    answer = await staff.post(
        URL,
        params={"space": room} | told,
        content=calendar(event("a")),
        headers={"Content-Type": "text/calendar"},
    )

    assert answer.status_code == 422
    assert [(error["path"], error["code"]) for error in answer.json()["errors"]] == [(path, code)]


@pytest.mark.parametrize(
    "told",
    [
        {"as": "maybe"},
        {},
        {"as": "busy", "colour": "red"},
        {"as": "slots", "capacity": "0"},
        {"as": "slots", "capacity": "many"},
        {"as": "busy", "source": "no blanks"},
        {"as": "busy", "until": "soon"},
    ],
)
async def test_a_parameter_that_cannot_be_understood_is_refused(staff, room, told):
    answer = await staff.post(
        URL,
        params={"space": room} | told,
        content=calendar(event("a")),
        headers={"Content-Type": "text/calendar"},
    )

    assert (answer.status_code, answer.json()["code"]) == (422, "parameter_invalid")


async def test_only_a_calendar_is_taken_and_at_most_five_megabytes(staff, room):
    told = {"as": "busy", "space": room}
    form = await staff.post(URL, params=told, data={"x": "y"})
    large = await staff.post(
        URL,
        params=told,
        content=b"x" * 5_000_001,
        headers={"Content-Type": "text/calendar"},
    )
    elsewhere = await staff.post(SLOTS, content=b" " * 300_000)

    assert (form.status_code, form.json()["code"]) == (415, "unsupported_media_type")
    assert (large.status_code, large.json()["code"]) == (413, "too_large")
    assert elsewhere.status_code == 413


async def test_a_file_that_takes_too_long_has_an_answer_and_harms_nobody(
    app, staff, room, monkeypatch
):
    slow = Readers(limits=sandbox.Limits(wall_seconds=0.01))
    monkeypatch.setattr(app.state, "calendar_readers", slow)

    answer = await upload(staff, room, event("a"))

    assert answer.status_code == 422
    assert [error["code"] for error in answer.json()["errors"]] == ["too_costly"]


async def test_while_a_file_is_read_others_are_served(staff, room):
    """The reader works in another process: the event loop goes on."""
    hard = [
        event(str(n), 9, 10, "RRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30;COUNT=9")
        for n in range(1_000)
    ]
    uploading = asyncio.create_task(upload(staff, room, *hard))
    served = 0
    while not uploading.done():
        assert (await staff.get("/healthz")).status_code == 200
        served += 1
        await asyncio.sleep(0.01)

    assert (await uploading).status_code == 201
    assert served > 5


async def test_no_more_children_than_there_is_room_for(monkeypatch):
    at_work, most = 0, 0
    go = asyncio.Event()

    async def read_calendar(*_, **__) -> list:
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        await go.wait()
        at_work -= 1
        return []

    monkeypatch.setattr(sandbox, "read_calendar", read_calendar)
    readers = Readers(at_once=2, waiting=3)
    reading = [
        asyncio.create_task(readers.read(b"", zone=None, until=clock.now())) for _ in range(5)
    ]
    await asyncio.sleep(0)

    with pytest.raises(Unavailable):
        await readers.read(b"", zone=None, until=clock.now())
    go.set()
    await asyncio.gather(*reading)

    assert most == 2
    assert await readers.read(b"", zone=None, until=clock.now()) == []


async def test_an_import_that_a_newer_file_overtook_is_not_applied(staff, room):
    old = await previewed(staff, room, event("a"))
    await applied(staff, room, event("b", 13, 15))

    answer = await staff.post(f"{URL}/{old['id']}/apply")

    assert (answer.status_code, answer.json()["code"]) == (409, "import_overtaken")
    assert await stands(room) == {"b": "13–15"}


async def test_two_files_of_one_calendar_are_not_applied_at_once(staff, room):
    both = [await previewed(staff, room, event(uid)) for uid in "ab"]

    answers = await asyncio.gather(*(staff.post(f"{URL}/{one['id']}/apply") for one in both))

    assert sorted(answer.status_code for answer in answers) == [200, 409]
    assert len(await stands(room)) == 1


async def test_a_preview_a_day_old_is_not_applied_and_then_dropped(staff, room):
    old = await previewed(staff, room, event("a"))
    await engine.fetch(
        "UPDATE calendar_import SET expires_at = now() WHERE id = $1", uuid.UUID(old["id"])
    )

    answer = await staff.post(f"{URL}/{old['id']}/apply")
    shown = await staff.get(f"{URL}/{old['id']}")
    await tidy(clock.now())

    assert (answer.status_code, answer.json()["code"]) == (409, "import_expired")
    assert shown.json()["status"] == "expired"
    assert (await staff.get(f"{URL}/{old['id']}")).status_code == 404


async def test_an_applied_import_is_kept_for_a_year(staff, room, monkeypatch):
    monkeypatch.setattr(retention, "IMPORTS", 1)
    made = await applied(staff, room, event("a"))
    at = dt.datetime.fromisoformat(made["created_at"])

    await tidy(at + dt.timedelta(days=365))
    kept = await staff.get(f"{URL}/{made['id']}")
    while await tidy(at + dt.timedelta(days=367)):
        pass

    assert kept.status_code == 200
    assert (await staff.get(f"{URL}/{made['id']}")).status_code == 404


async def test_a_venue_has_so_many_previews_and_the_oldest_make_room(staff, room, monkeypatch):
    monkeypatch.setattr(records, "_PREVIEWS", 2)
    made = await applied(staff, room, event("z", 20, 21))

    seen = [await previewed(staff, room, event(uid)) for uid in "abc"]

    found = [(await staff.get(f"{URL}/{one['id']}")).status_code for one in [made, *seen]]
    assert found == [200, 404, 200, 200]


async def test_imports_are_listed_from_the_newest(staff, room):
    seen = [await previewed(staff, room, event(uid)) for uid in "abc"]

    first = (await staff.get(URL, params={"limit": 2})).json()
    second = (await staff.get(URL, params={"limit": 1, "cursor": first["next_cursor"]})).json()

    listed = [one["id"] for one in first["items"] + second["items"]]
    assert listed == [one["id"] for one in reversed(seen)]
    assert "items" not in first["items"][0]
    assert first["items"][0]["problem_count"] == 0


async def test_a_process_that_dies_in_the_middle_leaves_it_to_the_jobs(
    app, settings, staff, room, monkeypatch
):
    class Lost(SlotPublisher):
        """Answers come for a while; then this process hears nothing any more."""

        async def publish(self, key, slot, **options):
            receipt = await super().publish(key, slot, **options)
            if slot.external_id.endswith(":c"):
                raise NoReceipt("lost")
            return receipt

    monkeypatch.setattr(import_publishing, "_AT_ONCE", 1)
    monkeypatch.setattr(app.state, "slot_publisher", Lost(app.state.nats, now=clock.now))
    events = [event(uid, 9 + n, 10 + n) for n, uid in enumerate("abcd")]
    preview = await previewed(staff, room, *events)

    answer = await staff.post(f"{URL}/{preview['id']}/apply")

    assert answer.status_code == 202
    assert answer.json()["status"] == "applying"
    assert [one["result"] is not None for one in answer.json()["items"]] == [True] * 2 + [False] * 2
    await engine.fetch("UPDATE calendar_import SET claimed_until = now()")
    stop = asyncio.Event()
    running = asyncio.create_task(job.serve(settings, stop))
    made = preview
    async with asyncio.timeout(20):
        while made["status"] != "applied":
            await asyncio.sleep(0.05)
            made = (await staff.get(f"{URL}/{preview['id']}")).json()
    stop.set()
    await running
    # The one whose receipt was lost has been published twice, and decided once.
    assert [one["result"]["status"] for one in made["items"]] == ["accepted"] * 4
    assert len(await stands(room)) == 4


async def test_imports_are_their_venues_own(app, staff, room):
    made = await previewed(staff, room, event("a"))
    stranger = await people.person(Role.VENUE)
    own = f"/api/v1/venues/{await stage.key_of(stranger)}/imports"

    async with stranger.client(app) as client:
        foreign = [
            await client.get(URL),
            await client.get(f"{URL}/{made['id']}"),
            await client.post(f"{URL}/{made['id']}/apply"),
            await upload(client, room, event("a")),
            await client.get(f"{own}/{made['id']}"),
            await client.post(f"{own}/{made['id']}/apply"),
        ]

    assert {answer.status_code for answer in foreign} == {404}


async def test_only_owners_and_schedulers_import(app, venue, room):
    checker = await people.person(Role.VENUE, venue)
    await engine.fetch(
        "UPDATE account SET staff_role = 'checker' WHERE id = $1", checker.account.id
    )

    async with checker.client(app) as client:
        answers = [await upload(client, room, event("a")), await client.get(URL)]

    assert [answer.status_code for answer in answers] == [403, 403]
