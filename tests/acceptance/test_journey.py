"""From a venue's publish to a person's calendar and mailbox, the whole way, real at every step."""

import datetime as dt
import re
import uuid
from pathlib import Path

import httpx
import msgspec
from msgspec.structs import replace

from openyard_events.contracts import Audience, PartyRule, SlotKind
from tests.acceptance.house import (
    Person,
    change,
    event_in,
    fetched,
    in_shanghai,
    last_of_venue,
    person,
    rows,
    stated,
    text_of,
    until,
    withdraw,
)
from tests.acceptance.khal_client import read_with_khal
from tests.races.rush import fresh_slot
from tests.stack import Stack

HOUR = dt.timedelta(hours=1)


def written(moment: dt.datetime) -> str:
    """As mails write a time: on the city's clocks."""
    local = in_shanghai(moment)
    return f"{local.month}月{local.day}日（周{'一二三四五六日'[local.weekday()]}）{local:%H:%M}"


async def khal_shows(person: Person, title: str, directory: Path) -> tuple[str, str, str]:
    """Start, title and status of the event with this title, after one more synchronisation."""
    lines = [line.split(" | ") for line in await read_with_khal(await person.feed(), directory)]
    (found,) = [line for line in lines if title in line[2]]
    return found[0], found[2], found[4]


async def test_a_published_slot_walks_all_the_way_to_a_familys_phone(stack: Stack, tmp_path: Path):
    title = f"机器人工坊，第{uuid.uuid4().int % 10_000}场；自带水杯"
    slot = await fresh_slot(stack, capacity=20, title=title)
    starts_at = (await stated(stack, slot)).starts_at
    family = person(stack, "family", 350)

    kept = await family.reserve(slot, 2)

    assert (kept["status"], kept["slot_id"]) == ("confirmed", slot)
    (letter,) = await family.letters(kept["id"], 1)
    assert str(letter["To"]) == family.login
    assert str(letter["Subject"]) == f"【联育】预约成功：{title}"
    assert f"时间：{written(starts_at)}–" in text_of(letter)
    assert "人数：2 人" in text_of(letter)
    event = await family.event(kept["id"], lambda event: event["STATUS"] == "CONFIRMED")
    assert await family.feed() == stack.accounts("family")[350]["feed_url"]
    hour = f"{in_shanghai(starts_at):%Y-%m-%d %H:%M}"
    assert await khal_shows(family, title, tmp_path) == (hour, title, "CONFIRMED")

    await family.cancel(kept["id"])

    cancelled = await family.event(kept["id"], lambda event: event["STATUS"] == "CANCELLED")
    assert cancelled["UID"] == event["UID"]
    assert cancelled["SEQUENCE"] > event["SEQUENCE"]
    assert await khal_shows(family, title, tmp_path) == (hour, f"【已取消】{title}", "CANCELLED")
    letters = await family.letters(kept["id"], 2)
    assert str(letters[1]["Subject"]) == f"【联育】预约已取消：{title}"
    assert letters[1]["Message-ID"] != letter["Message-ID"]


async def test_a_waiting_party_takes_the_seats_that_came_free_from_its_mail(stack: Stack):
    """Waiting, offered, accepted: by the link in the mail, on a phone where nobody is logged in."""
    slot = await fresh_slot(stack, capacity=2)
    first, second = person(stack, "family", 351), person(stack, "family", 352)
    holding = await first.reserve(slot, 2)
    waiting = await second.reserve(slot, 1)
    assert (waiting["status"], waiting["waitlist_place"]) == ("waitlisted", 1)

    await first.cancel(holding["id"])

    offered = await second.reservation(waiting["id"])
    assert offered["status"] == "offered"
    letter = (await second.letters(waiting["id"], 2))[1]
    assert str(letter["Subject"]).startswith("【联育】轮到您了，名额为您保留着")
    until = dt.datetime.fromisoformat(offered["offer_expires_at"])
    assert f"答复期限：{written(until)}" in text_of(letter)
    (link,) = re.findall(r"接受名额：(\S+)", text_of(letter))
    async with httpx.AsyncClient() as phone:
        assert "有名额了，要吗？" in (await phone.get(link)).text
        assert (await second.reservation(waiting["id"]))["status"] == "offered"
        taken = await phone.post(link.partition("?")[0], data={"do": "accept"})
    assert "名额是您的了" in taken.text

    assert (await second.reservation(waiting["id"]))["status"] == "confirmed"
    assert "候补成功" in str((await second.letters(waiting["id"], 3))[2]["Subject"])
    await second.event(waiting["id"], lambda event: event["STATUS"] == "CONFIRMED")


async def test_a_moved_slot_keeps_its_reservations_and_asks_again(stack: Stack, tmp_path: Path):
    title = f"天文夜{uuid.uuid4().hex[:8]}"
    slot = await fresh_slot(stack, capacity=5, title=title)
    family = person(stack, "family", 353)
    kept = await family.reserve(slot)
    before = await family.event(kept["id"], lambda event: event["STATUS"] == "CONFIRMED")

    old = await stated(stack, slot)
    moved = replace(old, starts_at=old.starts_at + HOUR, ends_at=old.ends_at + HOUR)
    await change(stack, moved)

    now = await family.reservation(kept["id"])
    assert (now["status"], now["needs_reconfirm"]) == ("confirmed", True)
    letter = (await family.letters(kept["id"], 2))[1]
    assert str(letter["Subject"]) == f"【联育】场次有变动：{title}"
    assert f"时间：{written(moved.starts_at)}–" in text_of(letter)
    event = await family.event(kept["id"], lambda event: event.start == moved.starts_at)
    assert event["SEQUENCE"] > before["SEQUENCE"]
    hour = f"{in_shanghai(moved.starts_at):%Y-%m-%d %H:%M}"
    assert await khal_shows(family, title, tmp_path) == (hour, title, "CONFIRMED")


async def test_a_withdrawn_slot_cancels_its_reservations_and_says_why(stack: Stack):
    slot = await fresh_slot(stack, capacity=5)
    external_id = (await stated(stack, slot)).external_id
    family = person(stack, "family", 354)
    kept = await family.reserve(slot)
    before = await family.event(kept["id"], lambda event: event["STATUS"] == "CONFIRMED")

    await withdraw(stack, external_id, "水管爆裂")

    now = await family.reservation(kept["id"])
    assert (now["status"], now["cancelled_by"], now["reason"]) == ("cancelled", "venue", "水管爆裂")
    letter = (await family.letters(kept["id"], 2))[1]
    assert "场馆取消了场次" in str(letter["Subject"])
    assert "原因：水管爆裂。" in text_of(letter)
    event = await family.event(kept["id"], lambda event: event["STATUS"] == "CANCELLED")
    assert event["SEQUENCE"] > before["SEQUENCE"]


async def test_a_volunteer_signs_up_for_a_shift_by_the_same_route(stack: Stack):
    slot = await fresh_slot(
        stack, capacity=3, kind=SlotKind.SHIFT, audiences=None, title="门厅引导"
    )
    volunteer = person(stack, "volunteer", 20)

    kept = await volunteer.reserve(slot)

    assert kept["status"] == "confirmed"
    assert "预约成功：门厅引导" in str((await volunteer.letters(kept["id"], 1))[0]["Subject"])
    event = await volunteer.event(kept["id"], lambda event: event["STATUS"] == "CONFIRMED")
    assert str(event["SUMMARY"]) == "门厅引导"
    asked = {"slot_id": slot, "seats": 1}
    status, answer = await person(stack, "family", 355).ask("POST", "/api/v1/reservations", asked)
    assert (status, answer["refusals"][0]["code"]) == (409, "audience_not_allowed")


async def test_a_school_books_for_a_study_group_with_its_adults(stack: Stack):
    slot = await fresh_slot(
        stack,
        capacity=120,
        kind=SlotKind.VISIT,
        audiences=[Audience.SCHOOL],
        party=PartyRule(chaperones_per=10),
        title="研学参观",
    )
    school = person(stack, "school", 5)
    _, answer = await school.ask("GET", "/api/v1/study-groups")
    group = answer["items"][0]
    wish = {"slot_id": slot, "seats": group["size"], "study_group": group["id"]}
    status, alone = await school.ask("POST", "/api/v1/reservations", wish)
    assert (status, alone["refusals"][0]["code"]) == (409, "chaperones_missing")

    kept = await school.reserve(
        slot, group["size"], study_group=group["id"], adults=-(-group["size"] // 10)
    )

    assert kept["status"] == "confirmed"
    (letter,) = await school.letters(kept["id"], 1)
    assert f"人数：{group['size']} 人，随行成人" in text_of(letter)
    await school.event(kept["id"], lambda event: str(event["SUMMARY"]) == "研学参观")


async def test_a_stranger_signs_up_logs_in_takes_a_token_and_reserves(stack: Stack):
    slot = await fresh_slot(stack, capacity=5)
    email = f"new-{uuid.uuid4().hex[:12]}@families.example"
    secret = "nine lives and a bicycle"
    async with httpx.AsyncClient(base_url=stack.url) as browser:
        begun = await browser.post("/api/v1/signups", json={"email": email})
        assert begun.status_code == 202
        await until(lambda: bool(stack.mail.sent_to(email)), "the code")
        (letter,) = stack.mail.sent_to(email)
        (code,) = re.findall(r"\b\d{6}\b", text_of(letter))
        proof = {"email": email, "code": code, "password": secret, "display_name": "新家庭"}
        made = await browser.post("/api/v1/signups/verify", json={**proof, "role": "family"})
        assert (made.status_code, made.json()["role"]) == (201, "family")
        await browser.delete("/api/v1/sessions")
        assert (await browser.get("/api/v1/me")).status_code == 401

        entered = await browser.post("/api/v1/sessions", json={"login": email, "password": secret})
        assert entered.status_code == 201
        given = await browser.post("/api/v1/tokens", json={"name": "phone"})
        assert given.status_code == 201

    newcomer = Person(stack, email, given.json()["token"])
    kept = await newcomer.reserve(slot)
    assert kept["status"] == "confirmed"
    (letter,) = await newcomer.letters(kept["id"], 1)
    assert str(letter["To"]) == email
    await newcomer.event(kept["id"], lambda event: event["STATUS"] == "CONFIRMED")


async def test_a_public_calendar_shows_the_seats_left_without_saying_whose(stack: Stack):
    slot = await fresh_slot(stack, capacity=9, title="阅览室")
    family = person(stack, "family", 356)
    kept = await family.reserve(slot, 4)

    url = f"{stack.url}/venues/{min(stack.venues)}/calendar.ics"
    event = await event_in(url, slot, lambda event: "余位 5 / 9" in str(event["DESCRIPTION"]))

    assert str(event["SUMMARY"]) == "阅览室"
    (account,) = await rows(
        stack, "SELECT id::text, family_id::text FROM account WHERE email = $1", family.login
    )
    body = (await fetched(url)).replace(b"\r\n ", b"").decode()
    assert not any(secret in body for secret in (kept["id"], family.login, *account.values()))


async def test_what_staff_state_over_http_walks_the_same_way(stack: Stack):
    key = min(stack.venues)
    (account,) = [each for each in stack.accounts("venue") if each["venue"] == key]
    staff, family = Person(stack, account["login"], account["token"]), person(stack, "family", 357)
    model = await stated(stack, await fresh_slot(stack, capacity=3))
    moved = {"starts_at": model.starts_at + HOUR, "ends_at": model.ends_at + HOUR}
    body = msgspec.to_builtins(replace(model, external_id=uuid.uuid4().hex, version=1, **moved))
    before = await last_of_venue(stack)

    status, receipt = await staff.ask("POST", f"/api/v1/venues/{key}/slots", body)

    assert (status, receipt["status"]) == (201, "accepted")
    # The same message as from the venue's own system, and the same receipt.
    assert await last_of_venue(stack) == before + 1
    _, kept = await staff.ask("GET", f"/api/v1/venues/{key}/receipts")
    assert kept["items"][0] == {**receipt, "at": kept["items"][0]["at"]}
    reserved = await family.reserve(receipt["slot_id"])
    path = f"/api/v1/venues/{key}/slots/{body['external_id']}"
    status, _ = await staff.ask("DELETE", f"{path}?reason=%E5%81%9C%E7%94%B5", If_Match='"1"')
    assert status == 200
    told = [text_of(letter) for letter in await family.letters(reserved["id"], 2)]
    assert any("原因：停电。" in text for text in told)
