"""A venue closes for a day in one act: looked at, done, and asked again without harm."""

import asyncio
import datetime as dt
import itertools
import uuid
from typing import Any

import httpx
import pytest

from openyard_events.slot_publisher import NoReceipt, SlotPublisher
from openyard_platform import clock
from openyard_platform.actions import closures, schedule_slots
from openyard_platform.domain.people import Role
from openyard_platform.store import engine
from tests.integration import people
from tests.integration import venue_stage as stage
from tests.integration.test_pages import is_sound
from tests.integration.venue_stage import gallery, nats, staff, workers

__all__ = ["gallery", "nats", "staff", "workers"]

URL = "/api/v1/venues/gallery/closures"
# Each test has a day of its own, and a day after it.
_DAYS = itertools.count(100, 2)


@pytest.fixture
def day() -> dt.date:
    return (clock.now().astimezone(clock.SHANGHAI) + dt.timedelta(days=next(_DAYS))).date()


def at(day: dt.date, hour: int, **more: Any) -> dict[str, Any]:
    starts_at = dt.datetime.combine(day, dt.time(hour), clock.SHANGHAI)
    ends_at = starts_at + dt.timedelta(hours=1)
    return {"starts_at": starts_at.isoformat(), "ends_at": ends_at.isoformat()} | more


def asked(day: dt.date, **more: Any) -> dict[str, Any]:
    return {"date": day.isoformat(), "reason": "供水检修"} | more


async def status(slot: str) -> tuple[str, str | None]:
    row = await engine.fetch_one("SELECT status, reason FROM slot WHERE id = $1", uuid.UUID(slot))
    return row["status"], row["reason"]


async def test_a_preview_tells_whom_it_touches_and_changes_nothing(app, staff, day):
    slot = await stage.opened(staff, **at(day, 9))
    await stage.opened(staff, **at(day, 11))
    await stage.opened(staff, **at(day + dt.timedelta(days=1), 9))
    for seats in (2, 1):
        family = await people.person(Role.FAMILY)
        async with family.client(app) as client:
            await stage.reserved(client, slot, seats)
    told = (await staff.post(f"{URL}/preview", json=asked(day))).json()
    assert (told["from"], told["to"]) == (
        f"{day}T00:00:00+08:00",
        f"{day + dt.timedelta(days=1)}T00:00:00+08:00",
    )
    assert (told["seats"], told["holders"], told["waiting"]) == (2, 1, 1)
    first, second = told["slots"]
    assert (first["slot_id"], first["space"]) == (slot, "hall")
    assert (first["seats"], first["holders"], first["waiting"]) == (2, 1, 1)
    assert (second["seats"], second["holders"], second["waiting"]) == (0, 0, 0)
    assert await status(slot) == ("open", None)


async def test_it_withdraws_every_open_slot_and_answers_with_each_receipt(app, staff, day):
    made = [await stage.opened(staff, **at(day, hour)) for hour in (9, 11)]
    other = await stage.opened(staff, **at(day + dt.timedelta(days=1), 9))
    family = await people.person(Role.FAMILY)
    async with family.client(app) as client:
        kept = await stage.reserved(client, made[0], 1)
        answer = await staff.post(URL, json=asked(day))
        seen = (await client.get(f"/api/v1/reservations/{kept['id']}")).json()
    told = answer.json()
    assert (answer.status_code, told["open"]) == (200, 0)
    assert [one["slot_id"] for one in told["slots"]] == made
    assert [one["receipt"]["status"] for one in told["slots"]] == ["accepted", "accepted"]
    assert [await status(slot) for slot in made] == [("withdrawn", "供水检修")] * 2
    assert await status(other) == ("open", None)
    assert (seen["status"], seen["cancelled_by"], seen["reason"]) == (
        *("cancelled", "venue", "供水检修"),
    )
    receipt = told["slots"][0]["receipt"]
    kept_receipt = await staff.get(f"/api/v1/venues/gallery/receipts/{receipt['id']}")
    assert kept_receipt.json() == receipt


async def test_asked_again_it_has_the_same_answer_and_does_nothing(staff, day):
    await stage.opened(staff, **at(day, 9))
    first = (await staff.post(URL, json=asked(day))).json()
    again = (await staff.post(URL, json=asked(day))).json()
    assert len(first["slots"]) == 1
    assert again == first
    notes = await engine.fetch(
        "SELECT FROM audit WHERE action = 'venue.closed' AND detail->>'starts_at' LIKE $1",
        f"{day}%",
    )
    assert len(notes) == 1


async def test_two_at_once_close_each_slot_once(staff, day):
    made = [await stage.opened(staff, **at(day, hour)) for hour in range(8, 14)]
    answers = await asyncio.gather(*(staff.post(URL, json=asked(day)) for _ in range(3)))
    for answer in answers:
        assert [one["slot_id"] for one in answer.json()["slots"]] == made
    row = await engine.fetch_one(
        "SELECT count(*) AS n FROM audit WHERE action = 'slot.closed' AND subject_id = ANY ($1)",
        [uuid.UUID(slot) for slot in made],
    )
    assert row["n"] == len(made)
    versions = await engine.fetch(
        "SELECT DISTINCT version FROM slot WHERE id = ANY ($1)", [uuid.UUID(slot) for slot in made]
    )
    assert [row["version"] for row in versions] == [2]


async def test_a_space_closes_what_is_inside_it_and_what_contains_it(staff, day):
    hall = await stage.opened(staff, **at(day, 9))
    court = await stage.opened(staff, **at(day, 10, space="court-1"))
    other = await stage.opened(staff, **at(day, 10, space="court-2"))
    studio = await stage.opened(staff, **at(day, 9, space="studio"))
    told = (await staff.post(URL, json=asked(day, spaces=["court-1"]))).json()
    assert {one["slot_id"] for one in told["slots"]} == {hall, court}
    told = (await staff.post(URL, json=asked(day, spaces=["hall"]))).json()
    assert {one["slot_id"] for one in told["slots"]} == {other}
    assert await status(studio) == ("open", None)


async def test_a_stretch_of_hours_closes_what_reaches_into_it(staff, day):
    made = [await stage.opened(staff, **at(day, hour)) for hour in (8, 9, 10, 11)]
    stretch = {"from": f"{day}T09:30:00+08:00", "to": f"{day}T11:00:00+08:00", "reason": "停电"}
    told = (await staff.post(URL, json=stretch)).json()
    assert [one["slot_id"] for one in told["slots"]] == made[1:3]


async def test_a_slot_changed_meanwhile_is_closed_all_the_same(staff, day, monkeypatch):
    """Its venue's own system was a moment faster: the version we saw is an old one."""
    body = stage.body(**at(day, 9))
    await staff.post("/api/v1/venues/gallery/slots", json=body)
    withdraw, rounds = closures._withdraw, []  # noqa: SLF001 - the moment between

    async def overtaken(*arguments: Any) -> Any:
        rounds.append(1)
        if len(rounds) == 1:
            newer = body | {"version": 2, "title": "改了名字"}
            await staff.post("/api/v1/venues/gallery/slots", json=newer)
        return await withdraw(*arguments)

    monkeypatch.setattr(closures, "_withdraw", overtaken)
    told = (await staff.post(URL, json=asked(day))).json()
    assert len(rounds) == 2
    assert (told["open"], [one["receipt"]["version"] for one in told["slots"]]) == (0, [3])


async def test_what_got_no_answer_is_told_and_goes_on_when_asked_again(staff, day, monkeypatch):
    made = [await stage.opened(staff, **at(day, hour)) for hour in (9, 10)]
    publish, heard = SlotPublisher.publish, []

    async def deaf(self: SlotPublisher, key: str, slot: Any, **more: Any) -> Any:
        heard.append(slot)
        if len(heard) == 2:
            raise NoReceipt("none")
        return await publish(self, key, slot, **more)

    monkeypatch.setattr(SlotPublisher, "publish", deaf)
    answer = await staff.post(URL, json=asked(day))
    assert (answer.status_code, answer.json()["open"]) == (202, 1)
    assert answer.headers["retry-after"] == "1"
    again = await staff.post(URL, json=asked(day))
    assert (again.status_code, again.json()["open"]) == (200, 0)
    assert [one["slot_id"] for one in again.json()["slots"]] == made


async def test_without_any_answer_it_is_unavailable(staff, day, monkeypatch):
    slot = await stage.opened(staff, **at(day, 9))

    async def deaf(*_: Any, **__: Any) -> Any:
        raise NoReceipt("none")

    monkeypatch.setattr(SlotPublisher, "publish", deaf)
    answer = await staff.post(URL, json=asked(day))
    assert answer.status_code == 503
    assert "retry-after" in answer.headers
    page = await staff.post("/my/closures", data=page_form(day, do="close"))
    assert page.status_code == 503
    assert "现在人很多" in is_sound(page.text).text
    assert await status(slot) == ("open", None)


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"date": None}, "date"),
        ({"from": "2027-01-01T00:00:00+08:00"}, "date"),
        ({"reason": "开放计划有变。"}, "reason"),
        ({"reason": ""}, "reason"),
        ({"spaces": ["cellar"]}, "spaces"),
        ({"spaces": []}, "spaces"),
        ({"date": "2020-01-01"}, "to"),
        ({"date": "soon"}, "date"),
        ({"force": True}, "force"),
    ],
)
@pytest.mark.parametrize("route", [URL, f"{URL}/preview"])
async def test_what_is_no_closure_is_refused_field_by_field(staff, day, route, changes, path):
    answer = await staff.post(route, json=asked(day) | changes)
    assert answer.status_code == 422, answer.text
    assert [error["path"] for error in answer.json()["errors"]] == [path]


async def test_only_who_writes_the_slots_of_a_venue_closes_it(app, staff, gallery, day):
    slot = await stage.opened(staff, **at(day, 9))
    stranger = await people.person(Role.VENUE)
    checker = await people.person(Role.VENUE, gallery)
    await engine.fetch(
        "UPDATE account SET staff_role = 'checker' WHERE id = $1", checker.account.id
    )
    for person, code in ((stranger, 404), (checker, 403)):
        async with person.client(app) as client:
            for route in (URL, f"{URL}/preview"):
                assert (await client.post(route, json=asked(day))).status_code == code
    async with checker.client(app) as client:
        assert (await client.get("/my/closures")).status_code == 403
    assert await status(slot) == ("open", None)


def plan(day: dt.date) -> dict[str, Any]:
    return {
        "title": "周末开放",
        "spaces": ["studio"],
        "rrule": "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR,SA,SU",
        "starts_on": day.isoformat(),
        "ends_on": day.isoformat(),
        "from": "09:00",
        "to": "11:00",
        "slot_minutes": 60,
        "capacity": 20,
        "audiences": ["family"],
        "day_policy": {"adjusted_workday": "open", "holiday": "open", "exam_day": "open"},
    }


async def scheduled(staff: httpx.AsyncClient, day: dt.date) -> str:
    """The prefix of what it will publish."""
    answer = await staff.post("/api/v1/venues/gallery/schedules", json=plan(day))
    assert answer.status_code == 201, answer.text
    return f"schedule:{answer.json()['id']}:%"


async def published(app, day: dt.date, prefix: str, *, hurried: bool = True) -> list[str]:
    """How the slots of a schedule stand once it has been worked on, the day before."""
    now = dt.datetime.combine(day, dt.time(), clock.SHANGHAI) - dt.timedelta(hours=6)
    publisher = SlotPublisher(app.state.nats, patience=10, now=clock.now)
    if hurried:
        await engine.fetch("UPDATE opening_schedule SET due_at = $1", now)
    while await schedule_slots.work(publisher, lambda: now):
        pass
    rows = await engine.fetch(
        "SELECT status FROM slot WHERE external_id LIKE $1 ORDER BY starts_at", prefix
    )
    return [row["status"] for row in rows]


async def test_a_schedule_does_not_open_again_what_was_closed(app, staff, day):
    prefix = await scheduled(staff, day)
    assert await published(app, day, prefix) == ["open", "open"]
    told = (await staff.post(URL, json=asked(day))).json()
    assert len(told["slots"]) == 2
    assert await published(app, day, prefix) == ["withdrawn", "withdrawn"]


async def test_a_schedule_publishes_nothing_into_a_closure_until_it_is_lifted(app, staff, day):
    assert (await staff.post(URL, json=asked(day))).json()["slots"] == []
    (standing,) = await standing_on(staff, day)
    assert (standing["reason"], standing["spaces"]) == ("供水检修", None)
    seen = (await staff.post("/api/v1/venues/gallery/schedules/preview", json=plan(day))).json()
    others = [one["other"]["external_id"] for one in seen["conflicts"]]
    assert others == [f"closure:{standing['id']}"] * 2
    prefix = await scheduled(staff, day)
    assert await published(app, day, prefix) == []

    assert (await staff.delete(f"{URL}/{standing['id']}")).status_code == 204
    assert await standing_on(staff, day) == []
    assert await published(app, day, prefix, hurried=False) == ["open", "open"]


async def test_a_closed_space_keeps_no_other_shut(app, staff, day):
    await staff.post(URL, json=asked(day, spaces=["court-1"]))
    prefix = await scheduled(staff, day)
    assert await published(app, day, prefix) == ["open", "open"]


async def test_the_same_closure_stands_once_with_the_newest_reason(staff, day):
    for reason in ("供水检修", "停水"):
        await staff.post(URL, json=asked(day, reason=reason, spaces=["studio", "court-1"]))
    await staff.post(URL, json=asked(day, reason="停水", spaces=["court-1", "studio"]))
    (standing,) = await standing_on(staff, day)
    assert (standing["reason"], standing["spaces"]) == ("停水", ["court-1", "studio"])


async def test_only_staff_of_the_venue_lift_a_closure_and_only_once(app, staff, day):
    await staff.post(URL, json=asked(day))
    (standing,) = await standing_on(staff, day)
    address = f"{URL}/{standing['id']}"
    stranger = await people.person(Role.VENUE, await people.organisation("venue"))
    async with stranger.client(app) as client:
        assert (await client.delete(address)).status_code == 404
        assert (await client.get(URL)).status_code == 404
    assert await standing_on(staff, day) == [standing]
    assert (await staff.delete(address)).status_code == 204
    assert (await staff.delete(address)).status_code == 404


async def test_a_closure_is_lifted_on_the_page(staff, day):
    _, done = await pressed(staff, page_form(day) | {"do": "close"})
    assert "没有开放的场次" in done.text
    (standing,) = await standing_on(staff, day)
    address = f"/my/closures/{standing['id']}/lift"
    assert f'action="{address}"' in (await staff.get("/my/closures")).text
    for _ in range(2):
        assert (await staff.post(address)).headers["Location"] == "/my/closures"
    assert address not in (await staff.get("/my/closures")).text


async def standing_on(staff: httpx.AsyncClient, day: dt.date) -> list[dict[str, Any]]:
    """Closures of that day; those of earlier tests stand beside them."""
    found = (await staff.get(URL)).json()["items"]
    return [one for one in found if one["from"].startswith(day.isoformat())]


def page_form(day: dt.date, **more: str) -> dict[str, str]:
    return {"first": day.isoformat(), "reason": "供水检修", "do": "preview"} | more


async def pressed(staff: httpx.AsyncClient, form: dict[str, str]) -> Any:
    answer = await staff.post("/my/closures", data=form)
    return answer.status_code, is_sound(answer.text)


async def test_staff_look_first_and_then_close_by_forms_alone(app, staff, day):
    slot = await stage.opened(staff, **at(day, 9))
    family = await people.person(Role.FAMILY)
    async with family.client(app) as client:
        await stage.reserved(client, slot, 2)
    blank = is_sound((await staff.get("/my/closures")).text)
    assert "临时闭馆" in blank.text
    assert "/my/closures" in (await staff.get("/my")).text

    code, seen = await pressed(staff, page_form(day))
    assert code == 200
    assert "预览：还没有关闭" in seen.text
    assert "已约的 1 组（2 个座位）会被取消" in seen.text
    assert await status(slot) == ("open", None)
    form = {
        field["name"]: field["value"]
        for field in seen.all("input")
        if field.get("type") == "hidden"
    }

    code, done = await pressed(staff, form | {"do": "close"})
    assert code == 200
    assert "已关闭 1 场" in done.text
    assert await status(slot) == ("withdrawn", "供水检修")
    _, nothing = await pressed(staff, page_form(day))
    assert "还没有开放的场次" in nothing.text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"first": ""}, "请选择日期。"),
        ({"last": "2020-01-01"}, "最后一天不能早于第一天。"),
        ({"first": "2020-01-01"}, "这一天已经过去了。"),
        ({"last": "2099-01-01"}, "一次最多关闭 31 天。"),
        ({"reason": " "}, "请写明原因，已约的人会看到。"),
        ({"reason": "开放计划有变。"}, "请换一种说法。"),
        ({"spaces": "cellar"}, "没有这个场地"),
    ],
)
async def test_what_is_wrong_with_the_form_stands_beside_it(staff, day, changes, words):
    code, page = await pressed(staff, page_form(day) | changes)
    assert code == 422
    assert words in page.text
