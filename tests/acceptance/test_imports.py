"""A venue's calendar, from the file on a phone to the slots that families find."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from openyard_platform import clock
from tests.acceptance.test_pages import _LOOKS, Person, _nameless
from tests.browser import Browser, Tab
from tests.stack import Stack, wait_until

# Before anything in the demo city opens.
DAY = (clock.now().astimezone(clock.SHANGHAI) + dt.timedelta(days=25)).date()
HOURS = iter(range(6))


def event(uid: str, hour: int, *lines: str) -> str:
    return "\r\n".join(
        [
            "BEGIN:VEVENT",
            f"UID:{uid}",
            f"SUMMARY:{uid}",
            f"DTSTART;TZID=Asia/Shanghai:{DAY:%Y%m%d}T{hour:02}0000",
            f"DTEND;TZID=Asia/Shanghai:{DAY:%Y%m%d}T{hour:02}4500",
            *lines,
            "END:VEVENT\r\n",
        ]
    )


def calendar(*events: str) -> bytes:
    return ("BEGIN:VCALENDAR\r\n" + "".join(events) + "END:VCALENDAR\r\n").encode()


@pytest.fixture
def staff(stack: Stack) -> Iterator[Person]:
    person = Person(stack, stack.accounts("venue")[0]).log_in()
    yield person
    person.web.close()
    person.api.close()


@pytest.fixture
def family(stack: Stack) -> Iterator[Person]:
    person = Person(stack, stack.accounts("family")[-3])
    yield person
    person.web.close()
    person.api.close()


def upload(staff: Person, space: str, *events: str, purpose: str) -> tuple[str, dict[str, Any]]:
    address = f"/api/v1/venues/{staff.account['venue']}/imports"
    told = {"as": purpose, "space": space, "source": f"test-{uuid4().hex[:8]}"}
    answer = staff.api.post(
        address,
        params=told | ({"capacity": "8"} if purpose == "slots" else {}),
        content=calendar(*events),
        headers={"Content-Type": "text/calendar"},
    )
    assert answer.status_code == 201, answer.text
    return f"{address}/{answer.json()['id']}", answer.json()


def applied(staff: Person, address: str) -> dict[str, Any]:
    made: dict[str, Any] = staff.api.post(f"{address}/apply").json()
    wait_until(
        lambda: staff.api.get(address).json()["status"] == "applied", 30, "the import's receipts"
    )
    made = staff.api.get(address).json()
    assert [item["result"]["status"] for item in made["items"]] == ["accepted"] * len(made["items"])
    return made


def reserve(family: Person, slot_id: str) -> Any:
    return family.api.post(
        "/api/v1/reservations",
        json={"slot_id": slot_id, "seats": 1},
        headers={"Idempotency-Key": str(uuid4())},
    )


def test_slots_of_a_calendar_are_found_and_booked_and_busy_time_is_not(
    stack: Stack, staff: Person, family: Person
):
    space = stack.venues[staff.account["venue"]]["spaces"][0]
    title, hour = f"棋社 {uuid4().hex[:6]}", next(HOURS)
    slots, preview = upload(staff, space, event(title, hour), purpose="slots")
    assert family.web.get("/api/v1/slots", params={"q": title}).json()["items"] == []

    made = applied(staff, slots)
    (slot_id,) = [item["result"]["slot_id"] for item in made["items"]]
    found = family.web.get("/api/v1/slots", params={"q": title}).json()["items"]
    booked = reserve(family, slot_id)
    busy, _ = upload(staff, space, event("会议", next(HOURS)), purpose="busy")
    (busy_id,) = [item["result"]["slot_id"] for item in applied(staff, busy)["items"]]
    refused = reserve(family, busy_id)
    family.api.delete(f"/api/v1/reservations/{booked.json()['id']}")

    assert preview["counts"] == {"added": 1}
    assert [slot["id"] for slot in found] == [slot_id]
    assert booked.json()["status"] == "confirmed"
    assert refused.status_code == 409
    assert [one["code"] for one in refused.json()["refusals"]] == ["not_bookable"]
    assert "场馆自用" in refused.json()["detail"]
    assert family.web.get(f"/api/v1/slots/{busy_id}").status_code == 404


def test_staff_import_a_calendar_on_a_phone(
    stack: Stack, staff: Person, chromium: Browser, tmp_path: Path
):
    phone = chromium.tab()
    phone.resize(360, 780)
    phone.log_in(stack.url, staff.cookie)
    file = tmp_path / "cal.ics"
    hour = next(HOURS)
    file.write_bytes(calendar(event("书法", hour), event("冲突", hour), event("坏的", 30)))

    phone.go(f"{stack.url}/my/imports")
    assert (phone.run(_LOOKS), _nameless(phone)) == ([], [])
    phone.run("document.querySelector('[value=slots]').click()")
    assert (phone.run(_LOOKS), _nameless(phone)) == ([], [])
    choose(phone, file)
    phone.run("document.querySelector('main button[type=submit]').click()")
    phone.wait("document.body.textContent.includes('还没有生效')", 30)
    assert (phone.run(_LOOKS), _nameless(phone)) == ([], [])
    phone.run("document.querySelector('main form button[type=submit]').click()")
    phone.wait("document.body.textContent.includes('全部完成')", 30)

    assert (phone.run(_LOOKS), _nameless(phone)) == ([], [])
    said = phone.run("document.querySelector('main').textContent")
    for words in ("已发布", "有冲突，不导入 · 1 项", "时间写得不对。"):
        assert words in said
    assert phone.complaints == []
    phone.close()


def choose(tab: Tab, file: Path) -> None:
    """As if the file were picked in the dialogue."""
    document = tab.call("DOM.getDocument")["root"]["nodeId"]
    field = tab.call("DOM.querySelector", nodeId=document, selector="[type=file]")["nodeId"]
    tab.call("DOM.setFileInputFiles", nodeId=field, files=[str(file)])
