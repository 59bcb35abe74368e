"""Signing up by a code in the mail."""

import asyncio
import email
import email.policy
import re
import secrets

import msgspec
import pytest

from openyard_platform.domain import codes
from openyard_platform.domain.people import Role
from openyard_platform.settings import Settings
from openyard_platform.store import engine
from tests.integration import people
from tests.integration.conftest import browser
from tests.integration.people import PASSWORD


@pytest.fixture(scope="module")
def mails(tmp_path_factory):
    return tmp_path_factory.mktemp("mails")


@pytest.fixture(scope="module")
def settings(database_url, nats, valkey, mails) -> Settings:
    return Settings(
        database_url=database_url,
        nats_url=nats.url,
        redis_url=valkey.url,
        secret_key="s" * 64,
        smtp_url=f"file://{mails}",
        base_url="https://yard.example",
    )


@pytest.fixture(autouse=True)
async def _no_counts(app):
    await app.state.valkey.flushdb()


@pytest.fixture
async def client(app):
    async with browser(app) as found:
        yield found


@pytest.fixture
def address() -> str:
    return f"wang.{secrets.token_hex(6)}@example.org"


def _body(address: str, code: str, **changes: str) -> dict[str, str]:
    return {
        "email": address,
        "code": code,
        "password": PASSWORD,
        "display_name": "王家",
        "role": "family",
    } | changes


def _letters(mails, address: str) -> list[str]:
    found = [
        email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
        for file in sorted(mails.iterdir(), key=lambda file: file.stat().st_mtime_ns)
    ]
    return [letter.get_content() for letter in found if letter["To"] == address]


async def _code(client, mails, address: str) -> str:
    answer = await client.post("/api/v1/signups", json={"email": address})
    assert answer.status_code == 202, answer.text
    match = re.search(r"\b(\d{6})\b", _letters(mails, address.lower())[-1])
    assert match
    return match[1]


def _wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06d}"


async def test_a_code_from_the_mail_makes_a_family_and_logs_it_in(client, mails, address):
    code = await _code(client, mails, address.upper())
    answer = await client.post("/api/v1/signups/verify", json=_body(address, code))
    assert answer.status_code == 201, answer.text
    assert answer.json()["role"] == "family"
    assert answer.json()["family_id"]
    assert "; Secure" in answer.headers["set-cookie"]
    client.headers["cookie"] = answer.headers["set-cookie"].split(";")[0]
    assert (await client.get("/api/v1/me")).json()["email"] == address
    parties = await engine.fetch("SELECT FROM party WHERE ref = $1", answer.json()["family_id"])
    assert len(parties) == 1


async def test_a_volunteer_signs_up_the_same_way(client, mails, address):
    code = await _code(client, mails, address)
    body = _body(address, code, role="volunteer")
    answer = await client.post("/api/v1/signups/verify", json=body)
    assert (answer.status_code, answer.json()["role"]) == (201, "volunteer")
    assert "family_id" not in answer.json()


@pytest.mark.parametrize("role", ["supervisor", "venue", "school", ""])
async def test_nobody_signs_up_as_staff(client, mails, address, role):
    """ASVS 8.2.1: privileges are given, not taken."""
    code = await _code(client, mails, address)
    answer = await client.post("/api/v1/signups/verify", json=_body(address, code, role=role))
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["path"] == "role"


async def test_known_and_unknown_addresses_get_the_same_answer(client, mails, address):
    """ASVS 6.3.8: signing up does not tell who has an account; the mail tells the owner."""
    known = (await people.person(Role.FAMILY)).account.email
    first = await client.post("/api/v1/signups", json={"email": known})
    second = await client.post("/api/v1/signups", json={"email": address})
    assert (first.status_code, first.json()) == (second.status_code, second.json())
    (letter,) = _letters(mails, known)
    assert "已经有账号" in letter
    assert not re.search(r"\b\d{6}\b", letter)
    wrong = await client.post("/api/v1/signups/verify", json=_body(known, "123456"))
    other = await client.post("/api/v1/signups/verify", json=_body(address, "123456"))
    assert (wrong.status_code, wrong.json()) == (other.status_code, other.json())


async def test_a_code_works_once(client, mails, address):
    """ASVS 6.5.1: one-time codes are used once."""
    code = await _code(client, mails, address)
    answers = await asyncio.gather(
        *(client.post("/api/v1/signups/verify", json=_body(address, code)) for _ in range(4))
    )
    assert sorted(answer.status_code for answer in answers).count(201) == 1
    again = await client.post("/api/v1/signups/verify", json=_body(address, code))
    assert (again.status_code, again.json()["code"]) == (422, "code_wrong")


async def test_five_wrong_guesses_end_a_code_even_when_they_come_together(client, mails, address):
    """ASVS 6.6.3, 15.4.2: the right code does not help after five tries; none share a try."""
    code = await _code(client, mails, address)
    guesses = [f"{(int(code) + n) % 10**6:06d}" for n in range(1, 6)]
    answers = await asyncio.gather(
        *(client.post("/api/v1/signups/verify", json=_body(address, guess)) for guess in guesses)
    )
    assert {answer.json()["code"] for answer in answers} == {"code_wrong"}
    late = await client.post("/api/v1/signups/verify", json=_body(address, code))
    assert (late.status_code, late.json()["code"]) == (422, "code_wrong")


async def test_four_wrong_guesses_leave_one_try(client, mails, address):
    code = await _code(client, mails, address)
    for _ in range(codes.MAX_TRIES - 1):
        await client.post("/api/v1/signups/verify", json=_body(address, _wrong(code)))
    answer = await client.post("/api/v1/signups/verify", json=_body(address, code))
    assert answer.status_code == 201


async def test_a_code_ends_after_ten_minutes(client, mails, address):
    """ASVS 6.5.5: at most ten minutes."""
    code = await _code(client, mails, address)
    row = await engine.fetch_one(
        "SELECT expires_at - created_at AS life FROM one_time_code WHERE email = $1", address
    )
    assert row["life"].total_seconds() == 600
    await engine.fetch("UPDATE one_time_code SET expires_at = now() WHERE email = $1", address)
    answer = await client.post("/api/v1/signups/verify", json=_body(address, code))
    assert answer.json()["code"] == "code_wrong"


async def test_only_the_newest_code_counts(client, mails, address):
    first = await _code(client, mails, address)
    second = await _code(client, mails, address)
    if first != second:
        old = await client.post("/api/v1/signups/verify", json=_body(address, first))
        assert old.json()["code"] == "code_wrong"
    answer = await client.post("/api/v1/signups/verify", json=_body(address, second))
    assert answer.status_code == 201


async def test_a_code_is_not_stored_in_clear(client, mails, address):
    """ASVS 11.4.1: with the table alone, a million guesses find nothing."""
    code = await _code(client, mails, address)
    row = await engine.fetch_one(
        "SELECT id, code_hash FROM one_time_code WHERE email = $1", address
    )
    assert row["code_hash"] == codes.digest("s" * 64, row["id"], code)
    assert row["code_hash"] != codes.digest("another key", row["id"], code)


async def test_five_codes_an_hour_to_one_address_even_without_valkey(client, app, address):
    """ASVS 6.3.1: the limit stands in the database too."""
    for _ in range(codes.MAX_PER_HOUR):
        assert (await client.post("/api/v1/signups", json={"email": address})).status_code == 202
    await app.state.valkey.flushdb()
    answer = await client.post("/api/v1/signups", json={"email": address})
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many")
    assert answer.headers["retry-after"]


async def test_a_weak_password_is_refused_before_it_costs_a_try(client, mails, address):
    code = await _code(client, mails, address)
    for _ in range(codes.MAX_TRIES + 1):
        body = _body(address, code, password="12345678")
        answer = await client.post("/api/v1/signups/verify", json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, "password_too_common")
    answer = await client.post("/api/v1/signups/verify", json=_body(address, code))
    assert answer.status_code == 201


@pytest.mark.parametrize("text", ["", "nobody", "a@b", "a b@c.org", "a@b.org\r\nBcc: c@d.org"])
async def test_what_is_no_address_is_refused(client, text):
    answer = await client.post("/api/v1/signups", json={"email": text})
    assert answer.status_code == 422


async def test_when_no_mail_can_leave_the_person_is_told_at_once(client, app, address):
    usual = app.state.settings
    app.state.settings = msgspec.structs.replace(usual, smtp_url="smtp://127.0.0.1:1")
    try:
        answer = await client.post("/api/v1/signups", json={"email": address})
    finally:
        app.state.settings = usual
    assert (answer.status_code, answer.json()["code"]) == (503, "mail_unavailable")
