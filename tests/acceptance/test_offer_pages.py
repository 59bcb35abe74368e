"""A mother's phone: her turn has come, and the mail is enough to say yes."""

import datetime as dt
import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from openyard_platform import clock
from tests.acceptance.house import Person, person, text_of
from tests.browser import Browser, Tab
from tests.races.rush import fresh_slot
from tests.stack import Stack

_LOOKS = (Path(__file__).parents[1] / "looks.js").read_text("utf-8")
_WIDTHS = (360, 390, 1280)


@pytest.fixture
def phone(chromium: Browser) -> Iterator[Tab]:
    tab = chromium.tab()
    tab.resize(360, 780)
    yield tab
    tab.close()


async def waiting_and_offered(stack: Stack, number: int) -> tuple[Person, str, str]:
    """Whose turn it is, its reservation, and the link in its mail that proposes to accept."""
    slot = await fresh_slot(stack, capacity=2, title=f"周末木工{uuid.uuid4().hex[:6]}")
    first, second = person(stack, "family", number), person(stack, "family", number + 1)
    holding = await first.reserve(slot, 2)
    waiting = await second.reserve(slot, 2)
    assert waiting["status"] == "waitlisted"
    await first.cancel(holding["id"])
    letter = (await second.letters(waiting["id"], 2))[1]
    (link,) = re.findall(r"接受名额：(\S+)", text_of(letter))
    return second, waiting["id"], link


async def test_waiting_offered_and_accepted_from_the_mail_without_a_log_in(
    stack: Stack, phone: Tab
):
    mother, mine, link = await waiting_and_offered(stack, 360)
    for width in _WIDTHS:
        phone.resize(width, 780)
        phone.go(link)
        assert phone.run(_LOOKS) == [], width
    phone.resize(360, 780)
    assert phone.run("document.querySelector('h1').textContent") == "有名额了，要吗？"
    # It counts on by itself, and has changed nothing so far.
    phone.wait("/还剩 1 小时 59 分/.test(document.querySelector('[data-until]').textContent)")
    assert (await mother.reservation(mine))["status"] == "offered"

    phone.run("document.querySelector('main button').click()")

    phone.wait("document.querySelector('h1')?.textContent === '约好了，名额是您的了'")
    assert phone.run(_LOOKS) == []
    assert (await mother.reservation(mine))["status"] == "confirmed"
    assert phone.complaints == []


async def test_declined_from_the_mail_the_seats_go_on_to_the_next(stack: Stack, phone: Tab):
    mother, mine, link = await waiting_and_offered(stack, 362)
    slot = (await mother.reservation(mine))["slot_id"]
    next_in_line = person(stack, "family", 364)
    behind = await next_in_line.reserve(slot, 1)
    phone.go(link)
    phone.run("document.querySelector('.other a').click()")
    phone.wait("document.querySelector('h1')?.textContent === '确定放弃这个名额？'")
    phone.run("document.querySelector('main button').click()")
    phone.wait("document.querySelector('h1')?.textContent === '已经放弃'")
    assert (await next_in_line.reservation(behind["id"]))["status"] == "offered"
    assert phone.complaints == []


async def test_her_pages_say_what_waits_for_her_answer(stack: Stack, phone: Tab):
    mother, mine, _ = await waiting_and_offered(stack, 365)
    slot = (await mother.reservation(mine))["slot_id"]
    account = next(one for one in stack.accounts("family") if one["login"] == mother.login)
    async with httpx.AsyncClient(base_url=stack.url) as web:
        sent = {"login": account["login"], "password": account["password"]}
        await web.post("/login", data=sent)
        phone.log_in(stack.url, web.cookies["openyard_session"])
    own = f"/my/reservations/{mine}"
    for width in _WIDTHS:
        phone.resize(width, 780)
        for path in ("/my/reservations", own, f"/slots/{slot}", "/my/notifications"):
            phone.go(stack.url + path)
            assert phone.run(_LOOKS) == [], (path, width)
            assert phone.run("document.querySelector('[data-until]') !== null"), path
    phone.resize(360, 780)
    phone.go(stack.url + own)
    phone.run("document.querySelector('.answers button').click()")
    phone.wait("document.querySelector('h1')?.textContent === '约好了'")
    assert phone.complaints == []


async def test_staff_close_a_day_on_a_phone(stack: Stack, phone: Tab):
    account = stack.accounts("venue")[0]
    async with httpx.AsyncClient(base_url=stack.url) as web:
        sent = {"login": account["login"], "password": account["password"]}
        await web.post("/login", data=sent)
        phone.log_in(stack.url, web.cookies["openyard_session"])
    # No other test has slots there.
    day = (clock.now() + dt.timedelta(days=300)).date()
    key, known = account["venue"], stack.venues[account["venue"]]
    async with httpx.AsyncClient(
        base_url=stack.url, headers={"Authorization": f"Bearer {account['token']}"}
    ) as api:
        for hour in (9, 14):
            body = {
                "external_id": uuid.uuid4().hex,
                "version": 1,
                "space": known["spaces"][0],
                "starts_at": f"{day}T{hour:02}:00:00+08:00",
                "ends_at": f"{day}T{hour + 1:02}:00:00+08:00",
                "capacity": 5,
                "title": "周末开放",
            }
            assert (await api.post(f"/api/v1/venues/{key}/slots", json=body)).status_code == 201
    phone.go(f"{stack.url}/my/closures?date={day}")
    assert phone.run(_LOOKS) == []
    phone.run("document.querySelector('[name=reason]').value = '供水检修'")
    phone.run("document.querySelector('[value=preview]').click()")
    phone.wait("document.querySelector('.button.danger') !== null")
    for width in _WIDTHS:
        phone.resize(width, 780)
        assert phone.run(_LOOKS) == [], width
    phone.run("document.querySelector('.button.danger').click()")
    phone.wait("document.querySelector('h2')?.textContent === '已关闭 2 场'")
    assert phone.run(_LOOKS) == []
    assert phone.complaints == []
