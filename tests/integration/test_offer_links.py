"""Seats that are offered are answered by one button: on the page, or by the link in the mail."""

import asyncio
import datetime as dt
import logging
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx
import pytest
from msgspec import Struct
from msgspec.structs import replace

from openyard_platform import clock
from openyard_platform.domain import offer_links
from openyard_platform.domain.offer_links import OfferLink
from openyard_platform.domain.people import Role
from openyard_platform.store import engine
from openyard_platform.web import limits
from openyard_platform.web.limits import Limit
from openyard_platform.web.pages import offer_links as pages
from tests.integration import people
from tests.integration import venue_stage as stage
from tests.integration.conftest import browser
from tests.integration.test_pages import is_sound
from tests.integration.venue_stage import gallery, nats, staff, workers

__all__ = ["gallery", "nats", "staff", "workers"]


class Offered(Struct, kw_only=True):
    """A family whose turn it is, one behind it, and the link in its mail."""

    slot: str
    mine: str
    next: str
    family: httpx.AsyncClient
    link: str


@pytest.fixture
async def offered(app, settings, staff) -> AsyncIterator[Offered]:
    slot = await stage.opened(staff)
    persons = [await people.person(Role.FAMILY) for _ in range(3)]
    clients = [person.client(app) for person in persons]
    first = await stage.reserved(clients[0], slot, 2)
    made = [await stage.reserved(client, slot, 2) for client in clients[1:]]
    await clients[0].delete(f"/api/v1/reservations/{first['id']}")
    mine = made[0]["id"]
    yield Offered(
        slot=slot,
        mine=mine,
        next=made[1]["id"],
        family=clients[1],
        link=await link_of(settings, mine),
    )
    for client in clients:
        await client.aclose()


async def link_of(settings: Any, reservation_id: str) -> str:
    row = await engine.fetch_one(
        "SELECT offer_expires_at FROM reservation WHERE id = $1", UUID(reservation_id)
    )
    link = OfferLink(reservation_id=UUID(reservation_id), expires_at=row["offer_expires_at"])
    return f"/offers/{offer_links.token(settings.secret_key, link)}"


async def status(reservation_id: str) -> str:
    row = await engine.fetch_one("SELECT status FROM reservation WHERE id = $1", reservation_id)
    return row["status"]


async def test_the_page_of_an_offer_says_until_when_and_has_two_buttons(offered):
    page = is_sound((await offered.family.get(f"/my/reservations/{offered.mine}")).text)
    assert "有名额了，要吗？" in page.text
    assert "还剩 1 小时 59 分" in page.text
    actions = {form["action"].rpartition("/")[2] for form in page.all("form")}
    assert actions == {"accept", "decline"}


async def test_an_offer_stands_first_in_the_list_and_on_the_slot(offered):
    listed = (await offered.family.get("/my/reservations")).text
    slot = (await offered.family.get(f"/slots/{offered.slot}")).text
    assert listed.index("等您答复") < listed.index(offered.mine)
    assert "接下来" not in listed
    for text in (listed, slot):
        assert f"/my/reservations/{offered.mine}/accept" in text


async def test_one_click_on_the_page_takes_the_seats(offered):
    answer = await offered.family.post(f"/my/reservations/{offered.mine}/accept")
    assert answer.headers["location"] == f"/my/reservations/{offered.mine}"
    assert "约好了" in (await offered.family.get(answer.headers["location"])).text


async def test_one_click_lets_them_go_to_the_next(offered):
    await offered.family.post(f"/my/reservations/{offered.mine}/decline")
    assert "已放弃名额" in (await offered.family.get(f"/my/reservations/{offered.mine}")).text
    assert (await status(offered.mine), await status(offered.next)) == ("declined", "offered")
    again = await offered.family.post(f"/my/reservations/{offered.mine}/accept")
    assert again.status_code == 409
    assert "没有办成" in again.text


async def test_a_stranger_answers_nobody_elses_offer_by_its_page(offered, app):
    stranger = await people.person(Role.FAMILY)
    async with stranger.client(app) as client:
        answer = await client.post(f"/my/reservations/{offered.mine}/accept")
    assert answer.status_code == 404
    assert await status(offered.mine) == "offered"


async def test_following_the_link_changes_nothing_and_shows_one_button(offered, app):
    """Mail scanners follow every link before its reader does."""
    async with browser(app) as client:
        for wanted in ("accept", "decline"):
            answer = await client.get(f"{offered.link}?do={wanted}")
            page = is_sound(answer.text)
            assert len(page.all("button")) == 1
            assert [field["value"] for field in page.all("input")] == [wanted]
            assert "周末开放" in page.text
            assert "2 人" in page.text
    assert await status(offered.mine) == "offered"


async def test_the_page_is_for_nobody_elses_eyes(offered, app):
    async with browser(app) as client:
        answer = await client.get(offered.link)
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["x-robots-tag"] == "noindex, nofollow"
    assert "no-store" in answer.headers["cache-control"]


async def test_the_button_takes_the_seats_without_a_log_in(offered, app):
    async with browser(app) as client:
        # What browsers send from a page that asks for no referrer.
        headers = {"Origin": "null"}
        answer = await client.post(offered.link, data={"do": "accept"}, headers=headers)
        again = await client.post(offered.link, data={"do": "accept"})
    assert (answer.status_code, again.status_code) == (200, 200)
    assert "名额是您的了" in answer.text
    assert await status(offered.mine) == "confirmed"


async def test_the_button_lets_them_go_without_a_log_in(offered, app):
    async with browser(app) as client:
        answer = await client.post(offered.link, data={"do": "decline"})
        late = await client.post(offered.link, data={"do": "accept"})
    assert (answer.status_code, late.status_code) == (200, 409)
    assert "已经放弃" in answer.text
    assert "已经放弃" in late.text
    assert await status(offered.next) == "offered"


async def test_of_a_withdrawn_slot_the_link_says_so(offered, app, staff):
    row = await engine.fetch_one("SELECT external_id FROM slot WHERE id = $1", UUID(offered.slot))
    await staff.delete(
        f"/api/v1/venues/gallery/slots/{row['external_id']}?reason=检修",
        headers={"If-Match": '"1"'},
    )
    async with browser(app) as client:
        answer = await client.post(offered.link, data={"do": "accept"})
    assert answer.status_code == 409
    assert "场馆已取消这一场" in answer.text
    assert "原因：检修。" in answer.text


async def test_after_its_time_the_link_says_so_and_books_nothing(offered, app, settings):
    past = clock.now() - dt.timedelta(seconds=1)
    await engine.fetch(
        "UPDATE reservation SET offer_expires_at = $2 WHERE id = $1", UUID(offered.mine), past
    )
    link = await link_of(settings, offered.mine)
    async with browser(app) as client:
        answer = await client.post(link, data={"do": "accept"})
    assert answer.status_code == 409
    assert "保留的期限已过" in answer.text
    assert await status(offered.mine) != "confirmed"


async def test_the_link_of_an_earlier_offer_answers_no_later_one(offered, app):
    later = clock.now() + dt.timedelta(hours=9)
    await engine.fetch(
        "UPDATE reservation SET offer_expires_at = $2 WHERE id = $1", UUID(offered.mine), later
    )
    async with browser(app) as client:
        answer = await client.post(offered.link, data={"do": "accept"})
    assert answer.status_code == 409
    assert "这是上一次的链接" in answer.text
    assert await status(offered.mine) == "offered"


async def test_a_refusal_by_the_decider_is_told_and_the_seats_stay_held(offered, app, staff):
    """The venue has moved the slot to where the family is already."""
    other = stage.body(space="studio")
    elsewhere = await staff.post("/api/v1/venues/gallery/slots", json=other)
    await stage.reserved(offered.family, elsewhere.json()["slot_id"])
    row = await engine.fetch_one("SELECT external_id FROM slot WHERE id = $1", UUID(offered.slot))
    moved = await staff.patch(
        f"/api/v1/venues/gallery/slots/{row['external_id']}",
        json={name: other[name] for name in ("starts_at", "ends_at")},
        headers={"If-Match": '"1"'},
    )
    assert moved.status_code == 200, moved.text
    async with browser(app) as client:
        answer = await client.post(offered.link, data={"do": "accept"})
    assert answer.status_code == 409
    assert "名额还为您保留着" in answer.text
    assert "这段时间您已有别的预约" in answer.text
    assert await status(offered.mine) == "offered"


async def test_while_nobody_decides_the_page_asks_again(offered, app, workers, monkeypatch):
    monkeypatch.setattr(pages, "_BY_LINK", Limit("offer-link-patience", 1000, 600))
    await workers.stop()
    kept = app.state.desk.settings
    app.state.desk.settings = replace(kept, decision_wait=0.05)
    try:
        async with browser(app) as client:
            answer = await client.post(offered.link, data={"do": "accept"})
            assert answer.status_code == 202
            assert answer.headers["refresh"].endswith("?do=accept")
            workers.start()
            for _ in range(200):
                shown = (await client.get(offered.link)).text
                if "名额是您的了" in shown:
                    break
                await asyncio.sleep(0.1)
            assert "名额是您的了" in shown
    finally:
        app.state.desk.settings = kept


@pytest.mark.parametrize("token", ["x", "A" * 56, "A" * 300])
async def test_a_link_that_is_none_of_ours_leads_nowhere(app, token):
    async with browser(app) as client:
        for answer in (
            await client.get(f"/offers/{token}"),
            await client.post(f"/offers/{token}", data={"do": "accept"}),
        ):
            assert answer.status_code == 404
            assert "这个链接已经失效" in answer.text


async def test_a_button_that_says_nothing_decides_nothing(offered, app):
    async with browser(app) as client:
        answer = await client.post(offered.link, data={"do": "both"})
    assert answer.status_code == 422
    assert await status(offered.mine) == "offered"


async def test_one_link_is_opened_only_so_often(offered, app, monkeypatch):
    monkeypatch.setattr(pages, "_BY_LINK", Limit("offer-link-test", 2, 600))
    async with browser(app) as client:
        answers = [(await client.get(offered.link)).status_code for _ in range(3)]
    assert answers == [200, 200, 429]


async def test_the_token_stands_in_no_log(offered, app, monkeypatch, caplog):
    async def broken(*_: Any) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(limits, "spend", broken)
    caplog.set_level(logging.DEBUG)
    async with browser(app) as client:
        answer = await client.get(offered.link)
        metrics = await client.get("/metrics")
    token = offered.link.rpartition("/")[2]
    # The client of the test has a log too, and none of it is ours.
    ours = "\n".join(
        caplog.handler.format(record) for record in caplog.records if record.name != "httpx"
    )
    assert answer.status_code == 500
    assert "/offers/{token" in ours
    assert token not in ours + metrics.text
