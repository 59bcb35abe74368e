"""What people do with the pages: by forms alone, by thumb in a browser, with seats live."""

import datetime as dt
import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import msgspec
import pytest

from openyard_platform import clock
from tests.browser import Browser, Tab
from tests.stack import Stack, wait_until

_LOOKS = (Path(__file__).parents[1] / "looks.js").read_text("utf-8")


class Person:
    """A demo account with a browser's session, and its token for what programs do."""

    def __init__(self, stack: Stack, account: dict[str, Any]) -> None:
        self.account = account
        self.web = httpx.Client(base_url=stack.url, timeout=15)
        self.api = httpx.Client(
            base_url=stack.url,
            timeout=15,
            headers={"Authorization": f"Bearer {account['token']}"},
        )

    def log_in(self) -> "Person":
        sent = {"login": self.account["login"], "password": self.account["password"]}
        assert self.web.post("/login", data=sent).status_code == 303
        return self

    @property
    def cookie(self) -> str:
        return self.web.cookies["openyard_session"]


def _borrowed(stack: Stack, number: int) -> Iterator[Person]:
    """One of the demo families, logged in; afterwards it holds nothing any more."""
    person = Person(stack, stack.accounts("family")[number]).log_in()
    yield person
    for kept in person.api.get("/api/v1/reservations").json()["items"]:
        if kept["status"] in ("confirmed", "waitlisted"):
            person.api.delete(f"/api/v1/reservations/{kept['id']}")
    person.web.close()
    person.api.close()


@pytest.fixture
def mother(stack: Stack) -> Iterator[Person]:
    yield from _borrowed(stack, -1)


@pytest.fixture
def father(stack: Stack) -> Iterator[Person]:
    yield from _borrowed(stack, -2)


@pytest.fixture
def slot(stack: Stack) -> dict[str, Any]:
    """An open slot for families, some days ahead, so that it can be cancelled."""
    tomorrow = clock.now() + dt.timedelta(days=1)
    # On a Saturday evening the first hundred are all tomorrow's.
    wanted = {
        "audience": "family",
        "seats": 4,
        "limit": 100,
        "from": (tomorrow + dt.timedelta(days=1)).isoformat(),
    }
    slots = httpx.get(f"{stack.url}/api/v1/slots", params=wanted).json()["items"]
    found: dict[str, Any] = next(
        each
        for each in slots
        if each["state"] == "open" and dt.datetime.fromisoformat(each["cancel_until"]) > tomorrow
    )
    return found


@pytest.fixture
def phone(chromium: Browser) -> Iterator[Tab]:
    tab = chromium.tab()
    tab.resize(360, 780)
    yield tab
    tab.close()


def hidden(html: str) -> dict[str, str]:
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', html))


def test_a_family_books_and_cancels_by_forms_alone(mother: Person, slot: dict[str, Any]):
    """No script has run: what a plain browser sends is enough."""
    page = mother.web.get(f"/slots/{slot['id']}").text
    form = hidden(page) | {"seats": "2", "waitlist": "1"}
    answer = mother.web.post(f"/slots/{slot['id']}/reserve", data=form)
    again = mother.web.post(f"/slots/{slot['id']}/reserve", data=form)
    assert answer.status_code == 303
    assert again.headers["location"] == answer.headers["location"]

    own = answer.headers["location"]
    assert "约好了" in mother.web.get(own).text
    assert f'href="{own}"' in mother.web.get("/my/reservations").text
    assert "您已约到这一场" in mother.web.get(f"/slots/{slot['id']}").text

    assert mother.web.post(f"{own}/cancel").status_code == 303
    assert "您已取消" in mother.web.get(own).text
    assert "您已约到这一场" not in mother.web.get(f"/slots/{slot['id']}").text


def test_a_refusal_comes_back_in_words_with_the_form_as_it_was(
    mother: Person, slot: dict[str, Any]
):
    page = mother.web.get(f"/slots/{slot['id']}").text
    form = hidden(page) | {"seats": "9999", "note": "靠窗"}
    answer = mother.web.post(f"/slots/{slot['id']}/reserve", data=form)
    assert answer.status_code == 409
    assert "这次没有约上" in answer.text
    assert 'value="9999"' in answer.text
    assert "靠窗" in answer.text


def test_the_message_stands_in_the_inbox(mother: Person, slot: dict[str, Any]):
    page = mother.web.get(f"/slots/{slot['id']}").text
    mother.web.post(f"/slots/{slot['id']}/reserve", data=hidden(page) | {"seats": "1"})
    wait_until(lambda: slot["title"] in mother.web.get("/my/notifications").text, 10, "the message")


def test_while_the_line_is_long_the_page_says_so_and_asks_again(
    stack: Stack, mother: Person, slot: dict[str, Any]
):
    """Accepted, not yet decided: the place in line is kept, and the page asks by itself."""
    form = hidden(mother.web.get(f"/slots/{slot['id']}").text) | {"seats": "1"}
    deciders = stack.pids()["decider"]
    _signal(deciders, signal.SIGSTOP)
    try:
        answer = mother.web.post(f"/slots/{slot['id']}/reserve", data=form)
        own = answer.headers["location"]
        waiting = mother.web.get(own)
    finally:
        _signal(deciders, signal.SIGCONT)
    assert (answer.status_code, waiting.status_code) == (303, 202)
    assert "已收到" in waiting.text
    assert waiting.headers["refresh"] == "2"
    wait_until(lambda: "约好了" in mother.web.get(own).text, 15, "the decision")


def test_seats_go_live_over_http(stack: Stack, father: Person, slot: dict[str, Any]):
    url = f"{stack.url}/api/v1/slots/{slot['id']}/live"
    with httpx.stream("GET", url, timeout=15) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        events = _events(answer)
        name, before = next(events)
        assert name == "snapshot"
        wish = {"slot_id": slot["id"], "seats": 3}
        made = father.api.post(
            "/api/v1/reservations", json=wish, headers={"Idempotency-Key": str(uuid4())}
        )
        assert made.json()["status"] == "confirmed", made.text
        name, after = next(events)
    assert name == "update"
    assert after["remaining"] == before["remaining"] - 3
    assert after["revision"] > before["revision"]


def test_live_readers_are_sent_home_when_the_web_stops(stack: Stack, slot: dict[str, Any]):
    """They would keep it from stopping; its successor takes them in again."""
    old = stack.pids()["web"]
    with httpx.stream("GET", f"{stack.url}/api/v1/slots/{slot['id']}/live", timeout=15) as answer:
        events = _events(answer)
        next(events)
        begun = time.monotonic()
        _signal(old, signal.SIGTERM)
        assert list(events) == []
        assert time.monotonic() - begun < 1.5
    wait_until(lambda: stack.pids()["web"] != old, 10, "another web process")
    wait_until(lambda: _is_ready(stack), 10, "the web again")


def test_no_page_scrolls_sideways_or_breaks_its_policy(
    stack: Stack, mother: Person, slot: dict[str, Any], phone: Tab
):
    """On the narrowest phones; with contrast and sizes that everybody can use (WCAG AA)."""
    public = ["/", "/slots?q=球", "/login", "/signup", f"/slots/{slot['id']}"]
    own = [
        "/my",
        "/my/reservations",
        "/my/calendar",
        "/my/children",
        "/my/entrusted",
        "/my/notifications",
    ]
    for path in [*public, None, f"/slots/{slot['id']}", *own]:
        if path is None:
            phone.log_in(stack.url, mother.cookie)
            continue
        phone.go(stack.url + path)
        assert phone.run(_LOOKS) == [], path
        assert _nameless(phone) == [], path
    assert phone.complaints == []


def test_staff_of_a_venue_look_at_their_months_on_a_phone(stack: Stack, phone: Tab):
    staff = Person(stack, stack.accounts("venue")[0]).log_in()
    phone.log_in(stack.url, staff.cookie)
    for path in ("/my/schedules", "/my/schedules/new"):
        phone.go(stack.url + path)
        assert (phone.run(_LOOKS), _nameless(phone)) == ([], []), path

    phone.run("document.querySelector('[name=spaces]').click()")
    phone.run("document.querySelector('[value=preview]').click()")
    phone.wait("document.querySelector('table.month') !== null")

    assert (phone.run(_LOOKS), _nameless(phone)) == ([], [])
    assert phone.complaints == []
    staff.web.close()
    staff.api.close()


def test_a_mother_books_with_her_thumb(
    stack: Stack, mother: Person, slot: dict[str, Any], phone: Tab
):
    phone.log_in(stack.url, mother.cookie)
    phone.go(f"{stack.url}/slots/{slot['id']}")
    before = int(phone.run("document.querySelector('[name=seats]').value"))
    phone.run("document.querySelector('[data-step=\"1\"]').click()")
    assert phone.run("document.querySelector('[name=seats]').value") == str(before + 1)
    phone.run("document.querySelector('[data-submit]').click()")
    phone.wait("location.pathname.startsWith('/my/reservations/')")
    phone.wait("document.querySelector('h1')?.textContent === '约好了'")
    assert phone.complaints == []


def test_the_seats_on_an_open_page_follow_what_others_do(
    stack: Stack, father: Person, slot: dict[str, Any], phone: Tab
):
    phone.go(f"{stack.url}/slots/{slot['id']}")
    number = "Number(document.querySelector('[data-remaining]').textContent)"
    phone.wait("document.querySelector('.pulse.on') !== null")
    before = phone.run(number)
    father.api.post("/api/v1/reservations", json={"slot_id": slot["id"], "seats": 2})
    phone.wait(f"{number} === {before - 2}")


def test_the_button_waits_for_the_hour_and_opens_by_itself(
    stack: Stack, mother: Person, phone: Tab
):
    waiting = _not_yet_open(stack)
    phone.log_in(stack.url, mother.cookie)
    phone.go(f"{stack.url}/slots/{waiting['id']}")
    phone.wait("document.querySelector('[data-submit]').disabled")
    # The hour has come: without a reload the form can be sent.
    phone.run(f"Date.now = () => Date.parse('{waiting['opens_at']}') + 86400000; 0")
    phone.wait("!document.querySelector('[data-submit]').disabled")
    assert phone.run("document.querySelector('[data-submit]').textContent") == "确认预约"


def _not_yet_open(stack: Stack) -> dict[str, Any]:
    query = {"audience": "family", "limit": "100"}
    while True:
        found = httpx.get(f"{stack.url}/api/v1/slots", params=query).json()
        for each in found["items"]:
            if each["state"] == "not_yet_open":
                slot: dict[str, Any] = each
                return slot
        query["cursor"] = found["next_cursor"]


def _events(answer: httpx.Response) -> Iterator[tuple[str, dict[str, Any]]]:
    name = ""
    for line in answer.iter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        if line.startswith("data: "):
            yield name, msgspec.json.decode(line.removeprefix("data: "))


def _nameless(tab: Tab) -> list[Any]:
    """Controls that a screen reader could not name."""
    wanted = {"button", "link", "textbox", "searchbox", "combobox", "checkbox", "spinbutton"}
    nodes = tab.call("Accessibility.getFullAXTree")["nodes"]
    return [
        node
        for node in nodes
        if not node["ignored"]
        and node.get("role", {}).get("value") in wanted
        and not node.get("name", {}).get("value")
    ]


def _signal(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        os.kill(pid, number)


def _is_ready(stack: Stack) -> bool:
    try:
        return httpx.get(f"{stack.url}/readyz").status_code == 200
    except httpx.TransportError:
        return False
