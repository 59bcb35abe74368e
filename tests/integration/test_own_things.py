"""Tokens, children and study groups: one's own, and nobody else's."""

import asyncio
from uuid import uuid4

import pytest
from msgspec.structs import replace

from openyard_platform.actions.children import MAX_CHILDREN
from openyard_platform.actions.tokens import MAX_TOKENS
from openyard_platform.domain.people import Role
from openyard_platform.store import engine
from openyard_platform.web import auth
from tests.integration import people
from tests.integration.conftest import browser

CHILD = {"display_name": "小明", "birth_year": 2017, "consent": True}
GROUP = {"name": "三年级二班", "grade": 3, "size": 42, "adults": 4}


@pytest.fixture
async def family(app):
    person = await people.person(Role.FAMILY)
    async with person.client(app) as client:
        client.person = person
        yield client


@pytest.fixture
async def stranger(app):
    person = await people.person(Role.FAMILY)
    async with person.client(app) as client:
        yield client


@pytest.fixture
def app_with_mail(app, monkeypatch):
    settings = replace(app.state.settings, smtp_url="smtp://127.0.0.1:1")
    monkeypatch.setattr(app.state, "settings", settings)
    return app


@pytest.fixture
async def school(app):
    person = await people.person(Role.SCHOOL)
    async with person.client(app) as client:
        client.person = person
        yield client


async def test_each_role_sees_who_it_is(app):
    for role in Role:
        person = await people.person(role)
        async with person.client(app) as client:
            me = (await client.get("/api/v1/me")).json()
        assert (me["id"], me["role"]) == (str(person.account.id), role.value)
        assert ("organisation" in me) == (role in (Role.SCHOOL, Role.VENUE))
        assert ("family_id" in me) == (role is Role.FAMILY)


async def test_who_has_chosen_nothing_fetches_a_feed(family):
    assert (await family.get("/api/v1/me")).json()["calendar_delivery"] == "feed"


@pytest.mark.usefixtures("app_with_mail")
async def test_invitations_are_chosen_and_given_up_again(family, stranger):
    for chosen in ("invitations", "invitations", "feed"):
        answer = await family.patch("/api/v1/me", json={"calendar_delivery": chosen})
        assert (answer.status_code, answer.json()["calendar_delivery"]) == (200, chosen)
        assert (await family.get("/api/v1/me")).json() == answer.json()
        assert (await stranger.get("/api/v1/me")).json()["calendar_delivery"] == "feed"
    rows = await engine.fetch(
        """SELECT detail->>'delivery' AS delivery FROM audit
           WHERE subject_id = $1 AND action = 'account.calendar_delivery_chosen' ORDER BY id""",
        family.person.account.id,
    )
    assert [row["delivery"] for row in rows] == ["invitations", "feed"]


@pytest.mark.usefixtures("app_with_mail")
async def test_what_is_left_out_of_a_change_of_oneself_stays(family):
    await family.patch("/api/v1/me", json={"calendar_delivery": "invitations"})
    answer = await family.patch("/api/v1/me", json={})
    assert (answer.status_code, answer.json()["calendar_delivery"]) == (200, "invitations")


@pytest.mark.usefixtures("app_with_mail")
@pytest.mark.parametrize(
    "body", [{"calendar_delivery": "pigeon"}, {"calendar_delivery": None}, {"role": "supervisor"}]
)
async def test_what_one_may_not_be_changes_nothing(family, body):
    before = (await family.get("/api/v1/me")).json()
    answer = await family.patch("/api/v1/me", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert (await family.get("/api/v1/me")).json() == before


async def test_an_installation_without_mail_offers_no_invitations(family):
    answer = await family.patch("/api/v1/me", json={"calendar_delivery": "invitations"})
    assert (answer.status_code, answer.json()["code"]) == (409, "mail_missing")
    assert (await family.get("/api/v1/me")).json()["calendar_delivery"] == "feed"
    assert (await family.patch("/api/v1/me", json={"calendar_delivery": "feed"})).is_success


async def test_a_token_is_shown_once_and_works_until_it_is_revoked(app, family):
    made = (await family.post("/api/v1/tokens", json={"name": "phone"})).json()
    assert made["token"].startswith("oy_")
    async with browser(app) as client:
        client.headers["Authorization"] = f"Bearer {made['token']}"
        assert (await client.get("/api/v1/me")).status_code == 200
        listed = (await client.get("/api/v1/tokens")).json()["items"]
        assert [item["name"] for item in listed] == ["", "phone"]
        assert all("token" not in item for item in listed)
        assert (await client.delete(f"/api/v1/tokens/{made['id']}")).status_code == 204
        assert (await client.get("/api/v1/me")).status_code == 401


async def test_only_the_hash_of_a_token_is_stored(family):
    """ASVS 11.4.1 and 7.2.3: 256 random bits, kept as SHA-256."""
    made = (await family.post("/api/v1/tokens", json={"name": "phone"})).json()
    row = await engine.fetch_one("SELECT token_hash FROM api_token WHERE id = $1", made["id"])
    assert row["token_hash"] == auth.digest_of(made["token"])


async def test_a_strangers_token_cannot_be_revoked(family, stranger):
    """ASVS 8.2.2: a foreign id is as if it did not exist."""
    made = (await family.post("/api/v1/tokens", json={"name": "phone"})).json()
    assert (await stranger.delete(f"/api/v1/tokens/{made['id']}")).status_code == 404
    assert (await stranger.delete(f"/api/v1/tokens/{uuid4()}")).status_code == 404
    assert (await stranger.delete("/api/v1/tokens/no-id")).status_code == 404


async def test_parallel_requests_do_not_pass_the_limit_of_tokens(family):
    """ASVS 2.3.2, 15.4.2: limits hold under concurrency."""
    answers = await asyncio.gather(
        *(family.post("/api/v1/tokens", json={"name": str(n)}) for n in range(MAX_TOKENS + 4))
    )
    made = [answer for answer in answers if answer.status_code == 201]
    assert len(made) == MAX_TOKENS - 1  # beside the one it came with
    assert {a.json()["code"] for a in answers if a.status_code != 201} == {"too_many_tokens"}


async def test_a_child_is_added_listed_and_removed(family):
    added = await family.post("/api/v1/children", json=CHILD)
    assert added.status_code == 201, added.text
    (listed,) = (await family.get("/api/v1/children")).json()["items"]
    assert listed["id"] == added.json()["id"]
    assert (listed["display_name"], listed["birth_year"], listed["school"]) == ("小明", 2017, None)
    assert (await family.delete(f"/api/v1/children/{listed['id']}")).status_code == 204
    assert (await family.get("/api/v1/children")).json()["items"] == []
    assert (await family.delete(f"/api/v1/children/{listed['id']}")).status_code == 404


async def test_a_child_is_a_party_of_its_own(family):
    added = (await family.post("/api/v1/children", json=CHILD)).json()
    assert len(await engine.fetch("SELECT FROM party WHERE ref = $1", added["id"])) == 1


async def test_a_child_may_name_its_school_by_key(family):
    await people.organisation("school", "no-1-primary")
    await people.organisation("venue", "a-museum")
    added = await family.post("/api/v1/children", json=CHILD | {"school": "no-1-primary"})
    assert added.json()["school"] == "no-1-primary"
    (listed,) = (await family.get("/api/v1/children")).json()["items"]
    assert listed["school"] == "no-1-primary"
    for wrong in ("no-such-school", "a-museum"):
        answer = await family.post("/api/v1/children", json=CHILD | {"school": wrong})
        assert (answer.status_code, answer.json()["code"]) == (422, "school_unknown")


async def test_without_consent_nothing_about_a_child_is_kept(family):
    answer = await family.post("/api/v1/children", json=CHILD | {"consent": False})
    assert (answer.status_code, answer.json()["code"]) == (409, "consent_missing")
    assert (await family.get("/api/v1/children")).json()["items"] == []


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"display_name": ""}, "display_name"),
        ({"display_name": "a\u0000b"}, "display_name"),
        ({"display_name": "x" * 81}, "display_name"),
        ({"birth_year": "2017"}, "birth_year"),
        ({"birth_year": 1899}, "birth_year"),
        ({"consent": 1}, "consent"),
        ({"id_card": "450"}, "id_card"),
        ({"school": "a b"}, "school"),
    ],
)
async def test_a_malformed_child_is_named(family, changes, path):
    """ASVS 2.2.1: positive validation; and nothing else about a child is taken."""
    answer = await family.post("/api/v1/children", json=CHILD | changes)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["path"] == path


@pytest.mark.parametrize("year", [1991, 2099])
async def test_a_birth_year_must_be_a_childs(family, year):
    answer = await family.post("/api/v1/children", json=CHILD | {"birth_year": year})
    assert (answer.status_code, answer.json()["code"]) == (422, "birth_year_out_of_range")


async def test_a_strangers_child_is_neither_seen_nor_removed(family, stranger):
    """ASVS 8.2.2: data-specific access."""
    added = (await family.post("/api/v1/children", json=CHILD)).json()
    assert (await stranger.get("/api/v1/children")).json()["items"] == []
    assert (await stranger.delete(f"/api/v1/children/{added['id']}")).status_code == 404
    assert len((await family.get("/api/v1/children")).json()["items"]) == 1


async def test_parallel_requests_do_not_pass_the_limit_of_children(family):
    answers = await asyncio.gather(
        *(family.post("/api/v1/children", json=CHILD) for _ in range(MAX_CHILDREN + 3))
    )
    assert [answer.status_code for answer in answers].count(201) == MAX_CHILDREN


async def test_what_is_done_with_a_child_is_in_the_audit_log_without_its_name(family):
    added = (await family.post("/api/v1/children", json=CHILD)).json()
    await family.get("/api/v1/children")
    await family.delete(f"/api/v1/children/{added['id']}")
    rows = await engine.fetch(
        "SELECT action, detail::text FROM audit WHERE actor_id = $1 ORDER BY id",
        family.person.account.id,
    )
    assert [row["action"] for row in rows] == ["child.added", "child.read", "child.removed"]
    assert all("小明" not in row["detail"] for row in rows)


async def test_a_study_group_is_added_listed_and_removed(school):
    added = await school.post("/api/v1/study-groups", json=GROUP)
    assert added.status_code == 201, added.text
    assert added.json() | GROUP == added.json()
    listed = (await school.get("/api/v1/study-groups")).json()["items"]
    assert listed == [added.json()]
    path = f"/api/v1/study-groups/{added.json()['id']}"
    assert (await school.delete(path)).status_code == 204
    assert (await school.delete(path)).status_code == 404


async def test_colleagues_share_study_groups_and_other_schools_do_not_see_them(app, school):
    added = (await school.post("/api/v1/study-groups", json=GROUP)).json()
    colleague = await people.person(Role.SCHOOL, school.person.account.organisation_id)
    other = await people.person(Role.SCHOOL)
    async with colleague.client(app) as client:
        assert (await client.get("/api/v1/study-groups")).json()["items"] == [added]
    async with other.client(app) as client:
        assert (await client.get("/api/v1/study-groups")).json()["items"] == []
        answer = await client.delete(f"/api/v1/study-groups/{added['id']}")
        assert answer.status_code == 404


@pytest.mark.parametrize("changes", [{"grade": 13}, {"size": 0}, {"adults": -1}, {"name": "\n"}])
async def test_a_malformed_study_group_is_named(school, changes):
    answer = await school.post("/api/v1/study-groups", json=GROUP | changes)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["path"] == next(iter(changes))
