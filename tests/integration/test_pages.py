"""The pages on real servers: each role sees its own, whatever somebody wrote into a title."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from openyard_platform import clock, ids
from openyard_platform.domain.people import Role
from openyard_platform.store import engine
from openyard_platform.web.pages import rendering
from tests.integration import people
from tests.integration import slots_stage as stage
from tests.integration.conftest import browser

HOSTILE = """"><script>alert(1)</script>'{{ 7*7 }}<img src=x onerror=alert(1)>"""
MINE = ["/my", "/my/reservations", "/my/calendar", "/my/notifications"]


class Page(HTMLParser):
    """What a page is made of: tags with their attributes, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


async def reservation(person: people.Person, slot_id, **changes):
    """A decided reservation of this person, written straight into the table."""
    account = person.account
    columns = {
        "id": ids.new(),
        "slot_id": slot_id,
        "account_id": account.id,
        "holder_id": account.family_id or account.organisation_id or account.id,
        "party_nos": [1],
        "seats": 2,
        "held": 2,
        "status": "confirmed",
        "position": ids.new().int % 1_000_000,
        "created_at": clock.now(),
        "updated_at": clock.now(),
    } | changes
    places = ", ".join(f"${number}" for number in range(1, len(columns) + 1))
    await engine.fetch(
        f"INSERT INTO reservation ({', '.join(columns)}) VALUES ({places})",  # noqa: S608
        *columns.values(),
    )
    return columns["id"]


def is_sound(html: str) -> Page:
    """The rules every page keeps."""
    page = Page(html)
    assert [tag["lang"] for tag in page.all("html")] == ["zh-CN"]
    assert len(page.all("h1")) == 1
    for tag, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on")], (tag, attributes)
        assert "style" not in attributes, (tag, attributes)
        assert tag != "style"
    assert all((script["src"] or "").startswith("/static/") for script in page.all("script"))
    assert all("alt" in image for image in page.all("img"))
    return page


@pytest.mark.parametrize("path", ["/", "/slots", "/login", "/signup", "/logout"])
async def test_a_public_page_is_sound(app, path):
    async with browser(app) as client:
        answer = await client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "'unsafe-inline'" not in answer.headers["content-security-policy"]
    is_sound(answer.text)


@pytest.mark.parametrize("role", list(Role))
async def test_every_role_has_its_own_pages(app, role):
    person = await people.person(role)
    slot = await stage.slot(await stage.venue())
    async with person.client(app) as client:
        for path in [*MINE, "/", f"/slots/{slot}"]:
            answer = await client.get(path)
            assert answer.status_code == 200, path
            is_sound(answer.text)


@pytest.mark.parametrize("path", [*MINE, "/my/children"])
async def test_who_is_not_logged_in_is_led_to_the_log_in_and_back(app, path):
    async with browser(app) as client:
        answer = await client.get(f"{path}?x=1")
        assert answer.headers["location"] == f"/login?next={path}%3Fx%3D1"
        login = is_sound((await client.get(answer.headers["location"])).text)
    kept = {field["name"]: field["value"] for field in login.all("input") if "value" in field}
    assert kept["next"] == f"{path}?x=1"


async def test_a_hostile_title_is_text_and_nothing_else(app):
    """ASVS 1.2.1: output is encoded for where it stands."""
    venue = await stage.venue(name=HOSTILE)
    slot = await stage.slot(
        venue, title=HOSTILE, description=HOSTILE, programme=HOSTILE, reason=HOSTILE
    )
    person = await people.person(Role.FAMILY)
    await reservation(person, slot, note=HOSTILE, reason=HOSTILE)
    async with person.client(app) as client:
        for path in (f"/slots/{slot}", "/slots?q=alert", "/my/reservations"):
            page = is_sound((await client.get(path)).text)
            assert HOSTILE in page.text, path


async def test_hostile_filters_and_forms_come_back_as_text(app):
    async with browser(app) as client:
        searched = await client.get("/slots", params={"q": HOSTILE, "district": HOSTILE})
        refused = await client.post("/login", data={"login": HOSTILE, "password": HOSTILE})
    assert (searched.status_code, refused.status_code) == (200, 401)
    for answer in (searched, refused):
        values = [field.get("value") for field in is_sound(answer.text).all("input")]
        assert HOSTILE in values


async def test_the_list_leads_on_and_keeps_its_filters(app):
    venue = await stage.venue(name="翻页馆")
    for day in range(30):
        await stage.slot(venue, starts_at=stage.at(5 + day))
    async with browser(app) as client:
        first = Page((await client.get("/slots?q=翻页馆")).text)
        (onward,) = [link for link in first.all("a") if link.get("rel") == "next"]
        second = Page((await client.get(onward["href"])).text)
    cards = [
        sum("slot" in (link.get("class") or "").split() for link in page.all("a"))
        for page in (first, second)
    ]
    assert cards == [24, 6]


async def test_a_venue_has_a_list_and_a_calendar_of_its_own(app):
    venue = await stage.venue(name="自家馆")
    await stage.slot(venue, title="自家的场次")
    await stage.slot(await stage.venue(), title="别家的场次")
    async with browser(app) as client:
        page = is_sound((await client.get(f"/slots?venue={venue.key}")).text)
        unknown = await client.get("/slots?venue=nobody")
    assert "自家的场次" in page.text
    assert "别家的场次" not in page.text
    calendars = [link["href"] for link in page.all("a") if link["href"].startswith("webcal:")]
    assert calendars == [f"webcal://127.0.0.1:8000/venues/{venue.key}/calendar.ics"]
    assert unknown.status_code == 404


async def test_a_broken_cursor_starts_the_list_anew(app):
    async with browser(app) as client:
        assert (await client.get("/slots?cursor=broken")).status_code == 200


@pytest.mark.parametrize(
    ("role", "fields"),
    [
        (Role.FAMILY, {"seats", "waitlist", "note", "key"}),
        (Role.SCHOOL, {"seats", "adults", "waitlist", "note", "key"}),
        (Role.VOLUNTEER, {"seats", "waitlist", "note", "key"}),
    ],
)
async def test_the_form_asks_what_the_role_needs(app, role, fields):
    slot = await stage.slot(await stage.venue())
    person = await people.person(role)
    async with person.client(app) as client:
        page = is_sound((await client.get(f"/slots/{slot}")).text)
    asked = {field["name"] for field in page.all("input") + page.all("textarea")}
    assert asked == fields


async def test_chaperones_are_asked_for_where_the_slot_wants_them(app):
    slot = await stage.slot(await stage.venue(), chaperones_per=10, party_min=15)
    person = await people.person(Role.FAMILY)
    async with person.client(app) as client:
        page = Page((await client.get(f"/slots/{slot}")).text)
    values = {field["name"]: field.get("value") for field in page.all("input")}
    assert (values["seats"], values["adults"]) == ("15", "2")


async def test_children_can_be_chosen_and_groups_too(app):
    slot = await stage.slot(await stage.venue())
    family, school = await people.person(Role.FAMILY), await people.person(Role.SCHOOL)
    async with family.client(app) as client:
        sent = {"display_name": "小宝", "birth_year": str(clock.now().year - 7), "consent": "1"}
        assert (await client.post("/my/children", data=sent)).status_code == 303
        page = Page((await client.get(f"/slots/{slot}")).text)
    assert "小宝" in page.text
    assert [f["name"] for f in page.all("input") if f["name"] == "children"]
    async with school.client(app) as client:
        group = {"name": "三（1）班", "grade": 3, "size": 42, "adults": 3}
        assert (await client.post("/api/v1/study-groups", json=group)).status_code == 201
        page = Page((await client.get(f"/slots/{slot}")).text)
    (option,) = [option for option in page.all("option") if "data-size" in option]
    assert (option["data-size"], option["data-adults"]) == ("42", "3")


@pytest.mark.parametrize(
    ("role", "changes", "sentence"),
    [
        (Role.FAMILY, {"audiences": ["school"]}, "只接待：学校"),
        (Role.FAMILY, {"kind": "shift"}, "只接待：志愿者"),
        (Role.SUPERVISOR, {"audiences": ["family"]}, "只接待：家庭"),
        (Role.FAMILY, {"status": "withdrawn"}, "场馆已取消这一场"),
        (Role.FAMILY, {"starts_at": stage.at(-1)}, "已经开始"),
        (Role.FAMILY, {"closes_at": stage.at(-1)}, "截止"),
    ],
)
async def test_where_nothing_can_be_asked_the_page_says_why(app, role, changes, sentence):
    slot = await stage.slot(await stage.venue(), **changes)
    person = await people.person(role)
    async with person.client(app) as client:
        page = is_sound((await client.get(f"/slots/{slot}")).text)
    assert sentence in page.text
    assert not page.all("form")


async def test_before_it_opens_the_form_can_be_filled_in(app):
    """So that at 08:00 one tap is all."""
    slot = await stage.slot(await stage.venue(), opens_at=stage.at(1, 8))
    person = await people.person(Role.FAMILY)
    async with person.client(app) as client:
        page = Page((await client.get(f"/slots/{slot}")).text)
    (form,) = page.all("form")
    assert form["data-opens"] == stage.at(1, 8).isoformat()


async def test_who_holds_the_slot_is_led_there_instead_of_a_second_form(app):
    slot = await stage.slot(await stage.venue())
    person = await people.person(Role.FAMILY)
    own = await reservation(person, slot)
    async with person.client(app) as client:
        page = Page((await client.get(f"/slots/{slot}")).text)
    assert not page.all("form")
    assert f"/my/reservations/{own}" in [link["href"] for link in page.all("a")]


@pytest.mark.parametrize(
    "sent",
    [{}, {"seats": "0"}, {"seats": "two"}, {"seats": "2", "adults": "-1"}],
)
async def test_a_form_that_cannot_be_understood_comes_back_with_what_is_wrong(app, sent):
    slot = await stage.slot(await stage.venue(), chaperones_per=10)
    person = await people.person(Role.FAMILY)
    async with person.client(app) as client:
        answer = await client.post(f"/slots/{slot}/reserve", data=sent)
    assert answer.status_code == 422
    assert any(field.get("aria-invalid") == "true" for field in is_sound(answer.text).all("input"))


@pytest.mark.parametrize(
    ("changes", "words", "buttons"),
    [
        ({}, "约好了", 2),
        ({"status": "waitlisted"}, "候补第 1 位", 2),
        ({"status": "cancelled", "cancelled_by": "holder"}, "您已取消", 0),
        ({"status": "cancelled", "cancelled_by": "venue", "reason": "检修"}, "检修", 0),
        ({"status": "refused", "refusals": [{"code": "slot_full"}]}, "约满", 0),
        ({"needs_reconfirm": True}, "确认新的时间", 3),
        ({"status": "offered", "offer_expires_at": stage.at(1)}, "有名额了，要吗？", 2),
        ({"status": "declined"}, "已放弃名额", 0),
        ({"status": "offer_expired"}, "让给了下一位", 0),
    ],
)
async def test_a_reservation_says_what_became_of_it(app, changes, words, buttons):
    slot = await stage.slot(await stage.venue())
    person = await people.person(Role.FAMILY)
    own = await reservation(person, slot, **changes)
    async with person.client(app) as client:
        page = is_sound((await client.get(f"/my/reservations/{own}")).text)
    assert words in page.text
    assert len(page.all("form")) == buttons


async def test_who_waits_sees_how_likely_it_is_and_why_others_were_served(app):
    venue = await stage.venue()
    for day in range(1, 7):
        past = await stage.slot(venue, starts_at=stage.at(-day))
        for _ in range(1 if day % 2 else 2):
            await reservation(
                await people.person(Role.FAMILY), past, offered_at=stage.at(-day), seats=1, held=1
            )
    slot = await stage.slot(venue)
    person, before = await people.person(Role.FAMILY), await people.person(Role.FAMILY)
    await reservation(before, slot, status="waitlisted", position=1)
    skip = {"code": "insufficient_capacity", "remaining": 1, "at": stage.at(0).isoformat()}
    own = await reservation(person, slot, status="waitlisted", position=2, skips=[skip])
    async with person.client(app) as client:
        page = is_sound((await client.get(f"/my/reservations/{own}")).text)
        found = (await client.get(f"/api/v1/reservations/{own}")).json()
        listed = (await client.get("/api/v1/reservations")).json()["items"]
    assert "有 6 场同类活动出现过候补，其中 3 场轮到了第 2 位" in page.text
    assert "空出 1 个名额，您这组要 2 个" in page.text
    assert found["waitlist_estimate"] == {"slots": 6, "reached": 3}
    assert [one["waitlist_estimate"] for one in listed] == [None]


async def test_a_refusal_decided_later_shows_its_reasons_and_ways_out(app):
    """Whoever was told to wait for the decision is told no less in the end."""
    venue = await stage.venue()
    full, free = await stage.slot(venue, capacity=2, taken=2), await stage.slot(venue)
    person = await people.person(Role.FAMILY)
    own = await reservation(person, full, status="refused", refusals=[{"code": "slot_full"}])
    async with person.client(app) as client:
        page = is_sound((await client.get(f"/my/reservations/{own}")).text)
        found = (await client.get(f"/api/v1/reservations/{own}")).json()
    assert "这一场已经约满" in page.text
    assert f"/slots/{free}" in [link["href"] for link in page.all("a")]
    assert str(free) in [one["id"] for one in found["alternatives"]]


async def test_after_the_deadline_there_is_no_button_but_a_word(app):
    slot = await stage.slot(await stage.venue(), cancel_until_hours=24 * 30)
    person = await people.person(Role.FAMILY)
    own = await reservation(person, slot)
    async with person.client(app) as client:
        page = Page((await client.get(f"/my/reservations/{own}")).text)
    assert not page.all("form")
    assert "已过自行取消的期限" in page.text


async def test_somebody_elses_reservation_is_not_found(app):
    """ASVS 8.2.2: data of others is out of reach."""
    slot = await stage.slot(await stage.venue())
    own = await reservation(await people.person(Role.FAMILY), slot)
    other = await people.person(Role.FAMILY)
    async with other.client(app) as client:
        seen = await client.get(f"/my/reservations/{own}")
        cancelled = await client.post(f"/my/reservations/{own}/cancel")
    assert (seen.status_code, cancelled.status_code) == (404, 404)


async def test_the_calendar_page_gives_the_address_in_every_form(app):
    person = await people.person(Role.FAMILY)
    async with person.client(app) as client:
        answer = await client.get("/my/calendar")
        page = is_sound(answer.text)
        picture = await client.get("/my/calendar.svg")
        (url,) = [f["value"] for f in page.all("input") if (f["value"] or "").endswith(".ics")]
        feed = await client.get(url)
        await client.post("/my/calendar/rotate")
        gone = await client.get(url)
    assert "no-store" in answer.headers["cache-control"]
    assert url.replace("http://", "webcal://") in [link["href"] for link in page.all("a")]
    assert picture.headers["content-type"].startswith("image/svg+xml")
    assert picture.headers["cache-control"] == "no-store"
    assert picture.text.count("<svg") == 1
    assert feed.text.startswith("BEGIN:VCALENDAR")
    assert gone.status_code == 410


async def test_logging_in_and_out_by_form(app):
    person = await people.person(Role.FAMILY)
    sent = {"login": person.account.email, "password": people.PASSWORD, "next": "/slots"}
    async with browser(app) as client:
        logged_in = await client.post("/login", data=sent)
        assert (logged_in.status_code, logged_in.headers["location"]) == (303, "/slots")
        assert (await client.get("/my")).status_code == 200
        assert (await client.get("/login")).status_code == 303
        assert (await client.post("/logout")).status_code == 303
        assert (await client.get("/my")).status_code == 303


async def test_a_wrong_password_is_told_in_chinese_and_the_address_kept(app):
    person = await people.person(Role.FAMILY)
    sent = {"login": person.account.email, "password": "wrong"}
    async with browser(app) as client:
        answer = await client.post("/login", data=sent)
    page = is_sound(answer.text)
    assert answer.status_code == 401
    assert "邮箱或密码不对" in page.text
    assert person.account.email in [field.get("value") for field in page.all("input")]


async def test_a_form_from_another_site_is_refused(app):
    """ASVS 3.5.1: requests that change something come from our own pages."""
    person = await people.person(Role.FAMILY)
    sent = {"login": person.account.email, "password": people.PASSWORD}
    async with browser(app) as client:
        headers = {"origin": "https://example.org"}
        answer = await client.post("/login", data=sent, headers=headers)
    assert answer.status_code == 403
    assert "别的网站" in is_sound(answer.text).text


async def test_a_child_is_kept_with_consent_only_and_can_be_taken_out(app):
    person = await people.person(Role.FAMILY)
    sent = {"display_name": "小宝", "birth_year": str(clock.now().year - 7)}
    async with person.client(app) as client:
        refused = await client.post("/my/children", data=sent)
        assert (refused.status_code, "需要监护人同意" in refused.text) == (422, True)
        await client.post("/my/children", data=sent | {"consent": "1"})
        page = Page((await client.get("/my/children")).text)
        (action,) = [f["action"] for f in page.all("form") if f["action"].endswith("/remove")]
        assert (await client.post(action)).status_code == 303
        assert (await client.post(action)).status_code == 303
        page = Page((await client.get("/my/children")).text)
    assert "小宝" not in page.text


async def test_an_unknown_address_is_a_page_for_people_and_a_problem_for_programs(app):
    async with browser(app) as client:
        page = await client.get("/nowhere", headers={"accept": "text/html"})
        problem = await client.get("/nowhere", headers={"accept": "application/json"})
        api = await client.get("/api/v1/nowhere", headers={"accept": "text/html"})
    assert "没有找到" in is_sound(page.text).text
    assert [a.status_code for a in (page, problem, api)] == [404, 404, 404]
    assert problem.json()["code"] == api.json()["code"] == "not_found"


async def test_a_page_of_another_role_says_so_in_words(app):
    person = await people.person(Role.SCHOOL)
    async with person.client(app) as client:
        answer = await client.get("/my/children")
    assert answer.status_code == 403
    assert "您的账号不能做这件事" in is_sound(answer.text).text


async def test_static_files_may_be_kept_for_ever_as_their_address_changes(app):
    async with browser(app) as client:
        answer = await client.get(rendering.static_url("style.css"))
    assert answer.status_code == 200
    assert "immutable" in answer.headers["cache-control"]


async def test_nothing_outside_the_static_files_can_be_read(app):
    """ASVS 5.3.2: no path of the file system comes from outside."""
    async with browser(app) as client:
        for path in ("../app.py", "%2e%2e/app.py", "..%2fapp.py", "/etc/passwd"):
            assert (await client.get(f"/static/{path}")).status_code == 404, path


def test_every_static_file_that_a_template_names_is_there():
    templates = Path(rendering.WEB / "templates").glob("*.html")
    named = {
        name
        for template in templates
        for name in re.findall(r"static\('([^'~]+)'\)", template.read_text("utf-8"))
    }
    assert named
    assert [name for name in named if not (rendering.STATIC / name).is_file()] == []
