"""The pages that lead to calendars: one's own, with rotation and revocation, and public ones."""

import pytest
from msgspec.structs import replace

from openyard_platform import ids
from openyard_platform.domain.people import Role
from openyard_platform.store import engine
from tests.integration import people
from tests.integration.conftest import browser
from tests.integration.test_pages import is_sound


async def space(venue_id) -> None:
    await engine.fetch(
        "INSERT INTO space (id, organisation_id, key, name) VALUES ($1, $2, 'hall', '大厅')",
        ids.new(),
        venue_id,
    )


def addresses(page) -> list[str]:
    return [field["value"] for field in page.all("input") if field["value"].endswith(".ics")]


async def test_staff_of_a_venue_find_its_calendar_and_their_own(app):
    venue = await people.organisation("venue")
    await space(venue)
    staff = await people.person(Role.VENUE, venue)
    async with staff.client(app) as client:
        page = is_sound((await client.get("/my/calendar")).text)
        (url,) = addresses(page)
        feed = await client.get(url)
        other = is_sound((await client.get("/my/calendar?feed=own")).text)
        picture = await client.get("/my/calendar.svg?feed=own")
    assert "场次与人数" in feed.text
    assert "/my/calendar?feed=own" in [link["href"] for link in page.all("a")]
    assert addresses(other) != [url]
    assert picture.status_code == 200


async def test_a_revoked_address_stays_revoked_until_a_new_one_is_asked_for(app):
    family = await people.person(Role.FAMILY)
    async with family.client(app) as client:
        (old,) = addresses(is_sound((await client.get("/my/calendar")).text))
        await client.post("/my/calendar/revoke")
        page = is_sound((await client.get("/my/calendar")).text)
        assert addresses(page) == []
        assert (await client.get("/my/calendar.svg")).status_code == 404
        assert (await client.get(old)).status_code == 410
        await client.post("/my/calendar/rotate")
        (new,) = addresses(is_sound((await client.get("/my/calendar")).text))
        assert new != old
        assert (await client.get(new)).status_code == 200


@pytest.fixture
def app_with_mail(app, monkeypatch):
    settings = replace(app.state.settings, smtp_url="smtp://127.0.0.1:1")
    monkeypatch.setattr(app.state, "settings", settings)
    return app


async def links_of(person) -> int:
    rows = await engine.fetch("SELECT 1 FROM feed_link WHERE account_id = $1", person.account.id)
    return len(rows)


async def test_invitations_instead_of_a_feed_are_chosen_with_one_tap_and_back(app_with_mail):
    family = await people.person(Role.FAMILY)
    async with family.client(app_with_mail) as client:
        before = is_sound((await client.get("/my/calendar")).text)
        chosen = await client.post("/my/calendar/delivery", data={"delivery": "invitations"})
        page = is_sound((await client.get("/my/calendar")).text)
        anyway = is_sound((await client.get("/my/calendar?feed=own")).text)
        await client.post("/my/calendar/delivery", data={"delivery": "feed"})
        after = is_sound((await client.get("/my/calendar")).text)
    assert "改收邮件邀请" in before.text
    assert (chosen.status_code, chosen.headers["location"]) == (303, "/my/calendar")
    assert family.account.email in page.text
    assert "不等于取消预约" in page.text
    assert addresses(page) == []
    # Both is possible for who insists, and is warned.
    assert addresses(anyway) == addresses(before) == addresses(after)
    assert "出现两次" in anyway.text
    assert "改收邮件邀请" in after.text


async def test_who_gets_invitations_is_given_no_address_unasked(app_with_mail):
    family = await people.person(Role.FAMILY)
    async with family.client(app_with_mail) as client:
        await client.post("/my/calendar/delivery", data={"delivery": "invitations"})
        assert (await client.get("/my/calendar")).status_code == 200
        assert await links_of(family) == 0
        await client.get("/my/calendar?feed=own")
        assert await links_of(family) == 1


async def test_staff_with_invitations_still_subscribe_to_their_venue_without_a_warning(
    app_with_mail,
):
    venue = await people.organisation("venue")
    await space(venue)
    staff = await people.person(Role.VENUE, venue)
    async with staff.client(app_with_mail) as client:
        await client.post("/my/calendar/delivery", data={"delivery": "invitations"})
        page = is_sound((await client.get("/my/calendar")).text)
        slots = is_sound((await client.get("/my/calendar?feed=venue")).text)
    assert "/my/calendar?feed=venue" in [link["href"] for link in page.all("a")]
    assert len(addresses(slots)) == 1
    assert "出现两次" not in slots.text


async def test_without_mail_a_page_offers_no_invitations(app):
    family = await people.person(Role.FAMILY)
    async with family.client(app) as client:
        page = is_sound((await client.get("/my/calendar")).text)
        answer = await client.post("/my/calendar/delivery", data={"delivery": "invitations"})
    assert "邮件邀请" not in page.text
    assert (answer.status_code, "这里还不能发邮件邀请" in answer.text) == (409, True)


@pytest.mark.parametrize("form", [{}, {"delivery": ""}, {"delivery": "pigeon"}])
async def test_any_other_way_into_a_calendar_is_refused(app_with_mail, form):
    family = await people.person(Role.FAMILY)
    async with family.client(app_with_mail) as client:
        answer = await client.post("/my/calendar/delivery", data=form)
        me = (await client.get("/api/v1/me")).json()
    assert (answer.status_code, me["calendar_delivery"]) == (422, "feed")


async def test_nobody_reaches_a_calendar_that_is_not_theirs(app):
    family = await people.person(Role.FAMILY)
    async with family.client(app) as client:
        for key in ("venue", f"group-{ids.new()}", "'"):
            assert (await client.get("/my/calendar", params={"feed": key})).status_code == 404


async def test_every_public_calendar_has_a_page_whose_addresses_are_calendars(app):
    venue = await people.organisation("venue", f"venue-{ids.new().hex[-8:]}")
    await space(venue)
    (row,) = await engine.fetch("SELECT key FROM organisation WHERE id = $1", venue)
    paths = [
        "/calendars/holidays",
        "/calendars/districts/liubei",
        f"/calendars/venues/{row['key']}",
    ]
    async with browser(app) as client:
        index = is_sound((await client.get("/calendars")).text)
        listed = [link["href"] for link in index.all("a")]
        counts = []
        for path in paths:
            page = is_sound((await client.get(path)).text)
            counts.append(len(addresses(page)))
            for address in addresses(page):
                answer = await client.get(address)
                assert answer.headers["content-type"].startswith("text/calendar"), address
            webcal = [link["href"] for link in page.all("a") if "webcal:" in link["href"]]
            codes = [image for image in page.all("img") if image["src"].startswith("data:")]
            assert len(webcal) == len(codes) == counts[-1]
    assert set(paths[:2]) <= set(listed)
    assert counts == [1, 2, 2]


@pytest.mark.parametrize("path", ["/calendars/districts/atlantis", "/calendars/venues/nobody"])
async def test_a_calendar_that_does_not_exist_is_not_found(app, path):
    async with browser(app) as client:
        assert (await client.get(path)).status_code == 404
