"""Bad requests: each a problem with status, code and path, and nothing changes or is asked."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from msgspec import Struct

from openyard_events import bus
from tests.acceptance.bad_messages import ROOM, body
from tests.acceptance.bad_requests import CHILD, JSON, OFFER, REQUESTS, Bad, offer
from tests.acceptance.house import count, effects, person, rows, with_space
from tests.races.rush import fresh_slot
from tests.stack import Stack


class Told(Struct, frozen=True, kw_only=True):
    """The answers, and the state of everything before and after."""

    answers: dict[str, httpx.Response]
    before: dict[str, Any]
    after: dict[str, Any]


@pytest.fixture(scope="module")
async def known(stack: Stack) -> AsyncIterator[dict[str, str]]:
    """What stands for the names in a request: tokens, and things that belong to others."""
    venue, other = with_space(stack, ROOM)[:2]
    holder = person(stack, "family", 360)
    slot = await fresh_slot(stack, capacity=5, audiences=None)
    reservation = await holder.reserve(slot)
    _, children = await holder.ask("GET", "/api/v1/children")
    _, groups = await person(stack, "school", 6).ask("GET", "/api/v1/study-groups")
    (staff,) = [each for each in stack.accounts("venue") if each["venue"] == venue]
    family = person(stack, "family", 361)
    own = [
        (await family.ask("POST", "/api/v1/children", {**CHILD, "display_name": name}))[1]["id"]
        for name in ("老大", "老二")
    ]
    yield {
        "family": family.token,
        "elder": own[0],
        "younger": own[1],
        "school": person(stack, "school", 7).token,
        "staff": staff["token"],
        "venue": venue,
        "other": other,
        "slot": slot,
        "reservation": reservation["id"],
        "child": children["items"][0]["id"],
        "group": groups["items"][0]["id"],
    }
    await holder.cancel(reservation["id"])


async def whole(stack: Stack) -> dict[str, Any]:
    """Everything that is decided, answered or so much as asked."""
    nc = await bus.connect(stack.nats_url, name="test")
    streams = {
        info.config.name: info.state.last_seq for info in await nc.jetstream().streams_info()
    }
    await nc.close()
    streams.pop("FACT")
    return {
        **await effects(stack),
        **streams,
        "receipt": await count(stack, "receipt"),
        "child": await count(stack, "child"),
        "alias": await count(stack, "reservation_alias"),
    }


@pytest.fixture(scope="module")
async def told(stack: Stack, known: dict[str, str]) -> Told:
    before = await whole(stack)
    async with httpx.AsyncClient(base_url=stack.url, timeout=30) as client:
        answers = {name: await send(client, bad, known) for name, bad in REQUESTS.items()}
    return Told(answers=answers, before=before, after=await whole(stack))


async def send(client: httpx.AsyncClient, bad: Bad, known: dict[str, str]) -> httpx.Response:
    headers = {"Content-Type": JSON, **bad.headers}
    if bad.token is not None:
        headers["Authorization"] = f"Bearer {known.get(bad.token, bad.token)}"
    content = bad.body
    if content is not None and not isinstance(content, bytes):
        text = json.dumps(content)
        for name, value in known.items():
            text = text.replace(f"{{{name}}}", value)
        content = text.encode()
    path = bad.path.format(**known)
    return await client.request(bad.method, path, content=content, headers=headers)


@pytest.mark.parametrize("name", REQUESTS)
def test_a_bad_request_is_told_what_is_wrong(told: Told, name: str):
    bad, answer = REQUESTS[name], told.answers[name]
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (bad.status, bad.code), problem
    assert problem["status"] == bad.status
    assert problem["title"]
    assert problem["detail"]
    if bad.error is not None:
        first = problem["errors"][0]
        assert (first["path"], first["code"]) == bad.error, problem
        assert first["message"]
    if bad.status == 401:
        assert answer.headers["www-authenticate"] == "Bearer"


def test_none_of_them_has_changed_or_asked_anything(told: Told):
    assert told.after == told.before


async def test_a_slot_the_platform_refuses_is_a_conflict_with_its_receipt(
    stack: Stack, known: dict[str, str]
):
    before = await effects(stack)
    bad = offer(("space", "space_unknown"), space="cellar")
    async with httpx.AsyncClient(base_url=stack.url) as client:
        answer = await send(client, bad, known)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (409, "slot_refused")
    assert problem["errors"][0]["code"] == "space_unknown"
    assert await effects(stack) == before
    (kept,) = await rows(stack, "SELECT status FROM receipt WHERE id = $1", problem["receipt"])
    assert kept["status"] == "refused"


async def test_a_lower_version_over_http_changes_nothing(stack: Stack, known: dict[str, str]):
    good = body(version=5)
    async with httpx.AsyncClient(base_url=stack.url) as client:

        async def said(**changes: Any) -> tuple[int, str, int]:
            stated = {**good, **changes}
            answer = await send(client, Bad(path=OFFER, token="staff", body=stated), known)
            return answer.status_code, answer.json()["status"], answer.json()["version"]

        assert await said() == (201, "accepted", 5)
        before = await effects(stack)
        assert await said(version=4, title="旧") == (200, "duplicate", 5)
        assert await said(title="旧") == (200, "duplicate", 5)
        stale = Bad(
            method="PATCH",
            path=f"{OFFER}/{good['external_id']}",
            token="staff",
            headers={"If-Match": '"4"'},
            body={"title": "旧"},
        )
        answer = await send(client, stale, known)
    assert (answer.status_code, answer.json()["code"]) == (412, "stale")
    assert answer.json()["version"] == 5
    assert await effects(stack) == before
