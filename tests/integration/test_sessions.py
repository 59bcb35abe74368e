"""Logging in and out, and what a session is worth."""

import asyncio

import pytest
from litestar import Litestar

from openyard_events import bus
from openyard_platform.domain.people import Role
from openyard_platform.store import engine
from openyard_platform.web import auth, sessions
from tests.integration import people
from tests.integration.conftest import browser
from tests.integration.people import PASSWORD


@pytest.fixture
async def family(app: Litestar):  # noqa: ARG001 - its pool is open
    return await people.person(Role.FAMILY)


@pytest.fixture(autouse=True)
async def _no_counts(app):
    await app.state.valkey.flushdb()


async def _log_in(client, login, password=PASSWORD):
    return await client.post("/api/v1/sessions", json={"login": login, "password": password})


async def _stored() -> int:
    return (await engine.fetch_one("SELECT count(*) AS n FROM session"))["n"]


async def test_the_right_password_opens_a_session(app, family):
    async with browser(app) as client:
        answer = await _log_in(client, family.account.email.upper())
        assert answer.status_code == 201, answer.text
        assert answer.json()["id"] == str(family.account.id)
        me = await client.get("/api/v1/me")
        assert me.json()["email"] == family.account.email
        assert me.headers["cache-control"] == "no-store"


async def test_the_cookie_is_hidden_from_scripts_and_lax(app, family):
    """ASVS 3.3.2, 3.3.4: SameSite and HttpOnly are set."""
    async with browser(app) as client:
        header = (await _log_in(client, family.account.email)).headers["set-cookie"].lower()
    assert header.startswith("openyard_session=oys_")
    assert "httponly" in header
    assert "samesite=lax" in header
    assert "path=/" in header
    assert "max-age=1209600" in header


@pytest.mark.parametrize("password", ["wrong", "", PASSWORD + " ", PASSWORD.upper()])
async def test_a_wrong_password_opens_nothing(app, family, password):
    before = await _stored()
    async with browser(app) as client:
        answer = await _log_in(client, family.account.email, password)
    assert (answer.status_code, answer.json()["code"]) == (401, "log_in_failed")
    assert "set-cookie" not in answer.headers
    assert await _stored() == before


@pytest.mark.parametrize("login", ["nobody@example.org", "not an address", "a@b", "x\u00e9@b.org"])
async def test_an_unknown_login_gets_the_answer_of_a_wrong_password(app, family, login):
    """ASVS 6.3.8: the answer does not tell whether the account exists."""
    async with browser(app) as client:
        unknown = await _log_in(client, login)
        known = await _log_in(client, family.account.email, "wrong-password")
    assert unknown.status_code == known.status_code == 401
    assert unknown.json() == known.json()


async def test_an_inactive_account_is_kept_out_with_its_session_and_token(app, family):
    """ASVS 7.4.2: a disabled account has no sessions."""
    async with browser(app) as client:
        await _log_in(client, family.account.email)
        await engine.fetch("UPDATE account SET active = false WHERE id = $1", family.account.id)
        assert (await client.get("/api/v1/me")).status_code == 401
        assert (await _log_in(client, family.account.email)).status_code == 401
    async with family.client(app) as client:
        assert (await client.get("/api/v1/me")).status_code == 401


async def test_logging_in_issues_a_new_session_and_ends_the_one_before(app, family):
    """ASVS 7.2.4: a new session on authentication, and the current one terminated."""
    async with browser(app) as client:
        await _log_in(client, family.account.email)
        first = client.cookies["openyard_session"]
        await client.get("/api/v1/me")
        await _log_in(client, family.account.email)
        assert client.cookies["openyard_session"] != first
        assert (await client.get("/api/v1/me")).status_code == 200
    async with browser(app) as client:
        client.cookies["openyard_session"] = first
        assert (await client.get("/api/v1/me")).status_code == 401


async def test_an_id_that_the_client_chose_is_never_adopted(app, family):
    """ASVS 7.2.3 and session fixation: only we issue ids, of 256 random bits."""
    chosen = "oys_" + "a" * 43
    async with browser(app) as client:
        client.cookies["openyard_session"] = chosen
        assert (await client.get("/api/v1/me")).status_code == 401
        await client.post(
            "/api/v1/sessions", json={"login": family.account.email, "password": PASSWORD}
        )
    async with browser(app) as other:
        other.cookies["openyard_session"] = chosen
        assert (await other.get("/api/v1/me")).status_code == 401


async def test_only_the_hash_of_a_session_is_stored(app, family):
    async with browser(app) as client:
        await _log_in(client, family.account.email)
        text = client.cookies["openyard_session"]
    rows = await engine.fetch(
        "SELECT token_hash FROM session WHERE account_id = $1", family.account.id
    )
    assert [row["token_hash"] for row in rows] == [auth.digest_of(text)]
    assert len(text) == len("oys_") + 43


async def test_nothing_is_stored_or_set_for_who_is_not_logged_in(app):
    before = await _stored()
    async with browser(app) as client:
        for path in ("/healthz", "/api/v1/slots", "/api/v1/me", "/"):
            assert "set-cookie" not in (await client.get(path)).headers
    assert await _stored() == before


async def test_logging_out_ends_the_session_at_once(app, family):
    """ASVS 7.4.1: after logging out, the session is of no further use."""
    async with browser(app) as client:
        await _log_in(client, family.account.email)
        text = client.cookies["openyard_session"]
        await client.get("/api/v1/me")
        answer = await client.delete("/api/v1/sessions")
        assert answer.status_code == 204
        assert "max-age=0" in answer.headers["set-cookie"].lower()
    async with browser(app) as client:
        client.cookies["openyard_session"] = text
        assert (await client.get("/api/v1/me")).status_code == 401


async def test_an_expired_session_is_worth_nothing(app, family):
    async with browser(app) as client:
        await _log_in(client, family.account.email)
        await engine.fetch("UPDATE session SET expires_at = now() - interval '1 second'")
        assert (await client.get("/api/v1/me")).status_code == 401


async def test_another_process_forgets_what_is_revoked(app, family, settings):
    """Its message makes this process ask again instead of trusting what it kept."""
    async with family.client(app) as client:
        assert (await client.get("/api/v1/me")).status_code == 200
        digest = auth.digest_of(family.token)
        await engine.fetch("UPDATE api_token SET revoked_at = now() WHERE token_hash = $1", digest)
        assert (await client.get("/api/v1/me")).status_code == 200  # kept for 10 s
        other = await bus.connect(settings.nats_url, name="other")
        await other.publish(auth.REVOKED, digest)
        await other.flush()
        await app.state.nats.flush()
        await asyncio.sleep(0.05)
        assert (await client.get("/api/v1/me")).status_code == 401
        await other.close()


async def test_a_session_id_is_no_token_and_a_token_no_session(app, family):
    async with browser(app) as client:
        await _log_in(client, family.account.email)
        text = client.cookies["openyard_session"]
    async with browser(app) as client:
        client.headers["Authorization"] = f"Bearer {text}"
        assert (await client.get("/api/v1/me")).status_code == 401
    async with browser(app) as client:
        client.cookies["openyard_session"] = family.token
        assert (await client.get("/api/v1/me")).status_code == 401


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer ", "Basic b3k6", "oy_abc", "Bearer oy_" + "x" * 5000]
)
async def test_a_malformed_authorization_header_is_nobody(app, header):
    async with browser(app) as client:
        answer = await client.get("/api/v1/me", headers={"Authorization": header})
    assert answer.status_code == 401


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}, {"Origin": "null"}],
)
async def test_a_foreign_page_changes_nothing_with_our_cookie(app, family, headers):
    """ASVS 3.5.1: the cookie alone is not enough."""
    async with browser(app) as client:
        await _log_in(client, family.account.email)
        answer = await client.post("/api/v1/tokens", json={"name": "evil"}, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "foreign_origin")
        # Nor does it log anybody in.
        body = {"login": family.account.email, "password": PASSWORD}
        answer = await client.post("/api/v1/sessions", json=body, headers=headers)
        assert answer.status_code == 403


async def test_guessing_a_password_comes_to_an_end(app, family):
    """ASVS 6.3.1: credential stuffing and guessing are slowed down, by parallel requests too."""
    async with browser(app) as client:
        login = family.account.email
        answers = await asyncio.gather(*(_log_in(client, login, f"guess-{n}") for n in range(20)))
        codes = sorted(answer.status_code for answer in answers)
        assert codes == [401] * sessions.PER_LOGIN_AND_ADDRESS.times + [429] * 10
        refused = next(answer for answer in answers if answer.status_code == 429)
        assert 0 < int(refused.headers["retry-after"]) <= 900


async def test_a_good_log_in_starts_the_count_anew(app, family):
    async with browser(app) as client:
        for _ in range(2):
            for number in range(sessions.PER_LOGIN_AND_ADDRESS.times - 1):
                await _log_in(client, family.account.email, f"guess-{number}")
            assert (await _log_in(client, family.account.email)).status_code == 201


@pytest.mark.parametrize(
    "body",
    [
        {"login": "a@b.org"},
        {"login": "a@b.org", "password": 7},
        {"login": "x\u0000", "password": "y"},
    ],
)
async def test_a_malformed_log_in_is_named(app, body):
    async with browser(app) as client:
        answer = await client.post("/api/v1/sessions", json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"]
