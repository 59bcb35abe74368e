"""Letting somebody else bring a child, on the pages."""

import datetime as dt

import pytest

from openyard_platform import clock
from openyard_platform.domain.people import Role
from tests.integration import people
from tests.integration.booking_stage import child, family
from tests.integration.test_pages import HOSTILE, Page, is_sound

__all__ = ["family"]

GRANDMA = {"email": "Grandma@Example.org", "relation": "grandparent"}


def actions(page: Page, ending: str) -> list[str]:
    return [form["action"] for form in page.all("form") if form["action"].endswith(ending)]


async def shown(client) -> Page:
    return is_sound((await client.get("/my/children")).text)


async def test_a_guardian_delegates_and_takes_it_back_with_two_taps(family):
    await child(family)
    (form,) = actions(await shown(family), "/delegations")
    until = (clock.now() + dt.timedelta(days=40)).date()
    sent = GRANDMA | {"ends_on": f"{until}"}
    assert (await family.post(form, data=sent)).status_code == 303
    page = await shown(family)
    assert "grandma@example.org" in page.text
    assert "祖辈" in page.text
    (revoke,) = actions(page, "/revoke")
    assert (await family.post(revoke)).status_code == 303
    assert (await family.post(revoke)).status_code == 303
    assert actions(await shown(family), "/revoke") == []


@pytest.mark.parametrize(
    ("changes", "field", "sentence"),
    [
        ({"email": "grandma"}, "email", "不像一个邮箱地址"),
        ({"relation": "friend"}, "relation", "请选择对方是孩子的什么人"),
        ({"ends_on": "31.12."}, "ends_on", "日期不对"),
        ({"ends_on": "2020-01-01"}, "ends_on", "最早到今天"),
    ],
)
async def test_what_is_wrong_stands_beside_its_field(family, changes, field, sentence):
    mine = await child(family)
    answer = await family.post(f"/my/children/{mine}/delegations", data=GRANDMA | changes)
    page = is_sound(answer.text)
    assert answer.status_code == 422
    assert sentence in page.text
    wrong = [tag["name"] for _, tag in page.tags if tag.get("aria-invalid")]
    assert wrong == [field]


async def test_the_same_address_twice_and_ones_own_are_told(family):
    mine = await child(family)
    path = f"/my/children/{mine}/delegations"
    await family.post(path, data=GRANDMA)
    twice = await family.post(path, data=GRANDMA)
    own = await family.post(path, data=GRANDMA | {"email": family.person.account.email})
    assert (twice.status_code, "已经可以带" in twice.text) == (409, True)
    assert (own.status_code, "您自己家的邮箱" in own.text) == (422, True)


async def test_a_strangers_child_has_no_form(app, family):
    mine = await child(family)
    stranger = await people.person(Role.FAMILY)
    async with stranger.client(app) as client:
        answer = await client.post(f"/my/children/{mine}/delegations", data=GRANDMA)
    assert answer.status_code == 404


@pytest.mark.parametrize("role", list(Role))
async def test_whoever_is_asked_sees_whom_it_may_bring(app, family, role):
    mine = await child(family)
    helper = await people.person(role)
    sent = {"email": helper.account.email, "relation": "community_worker"}
    async with helper.client(app) as client:
        before = is_sound((await client.get("/my/entrusted")).text)
        assert helper.account.email in before.text
        assert (await family.post(f"/my/children/{mine}/delegations", data=sent)).is_redirect
        page = is_sound((await client.get("/my/entrusted")).text)
    assert "小明" in page.text
    assert "社区工作人员" in page.text


async def test_what_somebody_typed_comes_back_as_text(family):
    """ASVS 1.2.1: output is encoded for where it stands."""
    mine = await child(family)
    sent = {"email": HOSTILE, "relation": HOSTILE, "ends_on": HOSTILE}
    answer = await family.post(f"/my/children/{mine}/delegations", data=sent)
    values = [field.get("value") for field in is_sound(answer.text).all("input")]
    assert values.count(HOSTILE) == 2
