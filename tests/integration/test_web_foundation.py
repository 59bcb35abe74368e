"""What holds for every route: health, problem details, headers, limits, the document."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

import httpx
import msgspec
import pytest
from litestar import Request, get, post
from litestar.params import FromQuery, JSONBody
from msgspec import Meta, Struct
from redis.asyncio import Redis

from openyard_platform.domain.errors import Conflict, Refused, TooMany
from openyard_platform.settings import Settings
from openyard_platform.web import auth, headers
from openyard_platform.web.app import create_app
from tests.integration.conftest import browser, running


class Child(Struct, frozen=True, forbid_unknown_fields=True):
    name: str


class Body(Struct, frozen=True, forbid_unknown_fields=True):
    seats: Annotated[int, Meta(ge=1)]
    children: list[Child] = []


@post("/echo", opt=auth.PUBLIC)
async def echo(data: JSONBody[Body]) -> Body:
    return data


@post("/anything", opt=auth.PUBLIC)
async def anything(request: Request[Any, Any, Any]) -> str:
    return type(await request.json()).__name__


@get("/number", opt=auth.PUBLIC)
async def number(limit: FromQuery[int]) -> int:
    return limit


@get("/fails/{kind:str}", opt=auth.PUBLIC)
async def fails(request: Request[Any, Any, Any]) -> None:
    raise {
        "bug": ValueError("a secret"),
        "database": ConnectionRefusedError("a secret"),
        "refused": Refused("No seat.", refusals=[{"code": "slot_full"}]),
        "conflict": Conflict("Taken.", code="taken"),
        "many": TooMany("Slow down.", retry_after=7),
    }[request.path_params["kind"]]


@get("/no-policy")
async def no_policy() -> str:
    return "open"


@get("/mine", opt=auth.LOGGED_IN)
async def mine() -> str:
    return "mine"


@pytest.fixture(scope="module")
async def client(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(settings, handlers=[echo, anything, number, fails, no_policy, mine])
    async with running(app), browser(app) as found:
        found.app = app
        yield found


async def test_the_process_is_healthy_and_ready(client):
    assert (await client.get("/healthz")).json() == {"status": "ok"}
    ready = await client.get("/readyz")
    assert ready.status_code == 200
    assert ready.json() == {"database": "ok", "nats": "ok", "valkey": "ok"}


async def test_a_server_that_does_not_answer_makes_the_process_unready_and_not_unhealthy(client):
    state = client.app.state
    usual = state.valkey
    state.valkey = Redis.from_url("redis://127.0.0.1:1", socket_connect_timeout=0.2)
    try:
        ready, healthy = await client.get("/readyz"), await client.get("/healthz")
    finally:
        await state.valkey.aclose()
        state.valkey = usual
    assert (ready.status_code, ready.headers["retry-after"]) == (503, "1")
    assert ready.json() == {"database": "ok", "nats": "ok", "valkey": "ConnectionError"}
    assert healthy.status_code == 200


async def test_a_body_nested_too_deep_is_malformed(client):
    answer = await client.post("/anything", content=b"[" * 100_000)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["code"] == "malformed_json"


async def test_a_valid_body_is_taken(client):
    answer = await client.post("/echo", json={"seats": 2, "children": [{"name": "小明"}]})
    assert answer.status_code == 201, answer.text
    assert answer.json() == {"seats": 2, "children": [{"name": "小明"}]}


@pytest.mark.parametrize(
    ("body", "path", "code"),
    [
        (b'{"seats": "2"}', "seats", "wrong_type"),
        (b'{"seats": 0}', "seats", "out_of_range"),
        (b'{"seats": 1, "extra": 1}', "extra", "unknown_field"),
        (b"{}", "seats", "missing_field"),
        (b'{"seats": 1, "children": [{}]}', "children[0].name", "missing_field"),
        (b'{"seats": ', "", "malformed_json"),
        (b"\xff\xfe", "", "malformed_json"),
        (b'"\xff"', "", "wrong_type"),
        (b"[]", "", "wrong_type"),
        (b"null", "", "wrong_type"),
        (b"", "", "missing_body"),
        (b"[" * 5000, "", "wrong_type"),
    ],
)
async def test_a_bad_body_is_named_by_path_and_code(client, body, path, code):
    answer = await client.post("/echo", content=body)
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    (error,) = answer.json()["errors"]
    assert (error["path"], error["code"]) == (path, code)


async def test_a_bad_query_parameter_is_named(client):
    answer = await client.get("/number?limit=many")
    assert answer.status_code == 422
    assert [error["path"] for error in answer.json()["errors"]] == ["limit"]
    assert (await client.get("/number")).json()["errors"][0]["code"] == "missing_field"


async def test_a_large_body_is_refused_unread(client):
    answer = await client.post("/echo", content=b" " * (10 * 1024 * 1024))
    assert answer.status_code == 413
    assert answer.json()["code"] == "too_large"


async def pieces(*sent: bytes) -> AsyncIterator[bytes]:
    for piece in sent:
        yield piece


async def test_a_body_in_pieces_is_put_together(client):
    answer = await client.post("/echo", content=pieces(b'{"se', b"", b'ats":', b" 2}"))
    assert answer.status_code == 201
    assert answer.json()["seats"] == 2


async def test_a_body_that_does_not_say_how_large_it_is_ends_at_the_limit(client):
    answer = await client.post("/echo", content=pieces(*[b" " * 65_536] * 5))
    assert answer.status_code == 413
    assert answer.json()["code"] == "too_large"


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("DELETE", "/healthz", 405, "method_not_allowed"),
        ("GET", "/fails/bug", 500, "internal_error"),
        ("GET", "/fails/database", 503, "unavailable"),
        ("GET", "/fails/refused", 409, "refused"),
        ("GET", "/fails/conflict", 409, "taken"),
        ("GET", "/fails/many", 429, "too_many"),
        ("GET", "/mine", 401, "log_in_needed"),
    ],
)
async def test_every_error_is_a_problem_document(client, method, path, status, code):
    answer = await client.request(method, path)
    body = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, body["status"], body["code"]) == (status, status, code)
    assert {"type", "title", "detail"} <= body.keys()
    assert "secret" not in answer.text


async def test_an_error_carries_its_parameters_and_headers(client):
    refused = await client.get("/fails/refused")
    assert refused.json()["refusals"] == [{"code": "slot_full"}]
    assert (await client.get("/fails/many")).headers["retry-after"] == "7"
    assert (await client.get("/fails/database")).headers["retry-after"] == "1"
    assert (await client.get("/mine")).headers["www-authenticate"] == "Bearer"
    assert "GET" in (await client.delete("/healthz")).headers["allow"]


async def test_a_route_without_a_policy_is_closed(client):
    """ASVS 8.2.1: deny by default."""
    answer = await client.get("/no-policy")
    assert answer.status_code == 403


@pytest.mark.parametrize("path", ["/healthz", "/nowhere", "/fails/bug", "/schema"])
async def test_security_headers_are_on_every_answer(client, path):
    """ASVS 3.4.3 to 3.4.6: content security policy, no sniffing, no framing, no referrer."""
    answer = await client.get(path)
    policy = answer.headers["content-security-policy"]
    assert policy == headers.CONTENT_SECURITY_POLICY
    assert "unsafe-inline" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_the_openapi_document_is_at_schema_and_every_operation_has_an_id(client):
    answer = await client.get("/schema")
    assert answer.status_code == 200
    document = msgspec.json.decode(answer.content)
    ids = [
        operation["operationId"]
        for path in document["paths"].values()
        for operation in path.values()
    ]
    assert len(ids) == len(set(ids)) > 0


async def test_the_metrics_count_answers_by_route_and_not_by_address(client):
    await client.get("/nowhere/else")
    await client.get("/fails/conflict")
    answer = await client.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    text = answer.text
    assert 'openyard_http_answers_total{method="GET",route="/fails/{kind}",status="409"}' in text
    assert 'route="none",status="404"' in text
    assert "openyard_decisions_waiting 0.0" in text
    assert "/nowhere/else" not in text
