"""The short way gives the answers that the framework's own way gives, and is taken when it can."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

import httpx
import pytest
from litestar import Litestar, Request, Response, post
from litestar.exceptions import ImproperlyConfiguredException
from litestar.params import FromQuery, HeaderParameter, JSONBody
from msgspec import Meta, Struct

from openyard_platform.domain.errors import Refused, TooMany
from openyard_platform.settings import Settings
from openyard_platform.web import auth
from openyard_platform.web.answers import SHORT_WAY, Json
from openyard_platform.web.app import create_app
from tests.integration.conftest import browser, running

_KEY = HeaderParameter(name="Idempotency-Key", min_length=1, max_length=200)


class Wish(Struct, frozen=True, forbid_unknown_fields=True):
    seats: Annotated[int, Meta(ge=1)]
    fail: str = ""


class Told(Struct):
    seats: int
    key: str | None


def _handlers(path: str, opt: dict[str, Any]) -> list[Any]:
    @post(path, opt={**auth.PUBLIC, **opt}, status_code=201)
    async def ask(
        request: Request[Any, Any, Any],
        data: JSONBody[Wish],
        idempotency_key: Annotated[str | None, _KEY] = None,
    ) -> Response[Told]:
        if data.fail == "refused":
            raise Refused("No.", refusals=[{"code": "slot_full"}])
        if data.fail == "many":
            raise TooMany("Slow down.", retry_after=7)
        if data.fail == "bug":
            raise ValueError("a secret")
        if data.fail == "later":
            told = Told(data.seats, request.method)
            return Response(told, status_code=202, headers={"Retry-After": "1"})
        return Json(Told(data.seats, idempotency_key), status_code=201, headers={"Location": "/1"})

    @post(f"{path}/mine", opt={**auth.LOGGED_IN, **opt})
    async def mine(request: Request[Any, Any, Any], data: JSONBody[Wish]) -> Told:
        return Told(data.seats, auth.current(request).display_name)

    @post(f"{path}/closed", opt=opt)
    async def closed(request: Request[Any, Any, Any], data: JSONBody[Wish]) -> Told:
        return Told(data.seats, request.url.path)

    return [ask, mine, closed]


@pytest.fixture(scope="module")
async def client(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    handlers = [*_handlers("/long", {}), *_handlers("/quick", SHORT_WAY)]
    app = create_app(settings, handlers=handlers)
    async with running(app), browser(app) as found:
        found.app = app
        yield found


@pytest.fixture
def long_way(monkeypatch) -> list[str]:
    """The paths of the requests that went the framework's own way."""
    paths: list[str] = []
    call = Litestar.__call__

    async def noted(self, scope, receive, send):
        paths.append(scope["path"])
        await call(self, scope, receive, send)

    monkeypatch.setattr(Litestar, "__call__", noted)
    return paths


async def _pieces() -> AsyncIterator[bytes]:
    yield b'{"seats":'
    yield b" 2}"


_USUAL = [
    ("", ({}, b'{"seats": 2}'), 201),
    ("", ({"Idempotency-Key": "k" * 200}, b'{"seats": 2}'), 201),
    ("", ({"Content-Type": "text/plain"}, b'{"seats": 2}'), 201),
    ("", ({}, b'{"seats": 2, "fail": "later"}'), 202),
    ("", ({}, b'{"seats": 2, "fail": "refused"}'), 409),
    ("", ({}, b'{"seats": 2, "fail": "many"}'), 429),
    ("", ({}, b'{"seats": 2, "fail": "bug"}'), 500),
    ("", ({}, b'{"seats": "2"}'), 422),
    ("", ({}, b'{"seats": 0}'), 422),
    ("", ({}, b'{"seats": 1, "more": 1}'), 422),
    ("", ({}, b"{}"), 422),
    ("", ({}, b"null"), 422),
    ("", ({}, b'{"seats": '), 422),
    ("", ({}, b'"\xff"'), 422),
    ("", ({}, b" " * (300 * 1024)), 413),
    ("?seats=3", ({}, b'{"seats": 2}'), 201),
    ("", ({"Origin": "https://elsewhere.example", "Cookie": "a=b"}, b'{"seats": 2}'), 403),
    ("/mine", ({}, b'{"seats": 2}'), 401),
    ("/mine", ({"Authorization": "Bearer oy_unknown"}, b'{"seats": 2}'), 401),
    ("/closed", ({}, b'{"seats": 2}'), 403),
]
_UNUSUAL = [
    ("", ({}, b""), 422),
    ("", ({"Idempotency-Key": ""}, b'{"seats": 2}'), 422),
    ("", ({"Idempotency-Key": "k" * 201}, b'{"seats": 2}'), 422),
    ("", ({"Host": "a b"}, b'{"seats": 2}'), 400),
    ("/", ({}, b'{"seats": 2}'), 201),
]


async def _both(client: httpx.AsyncClient, rest: str, **request: Any) -> list[httpx.Response]:
    return [await client.request(url=f"/{path}{rest}", **request) for path in ("long", "quick")]


def _told(answer: httpx.Response) -> tuple[int, dict[str, str], bytes]:
    return answer.status_code, dict(answer.headers), answer.content


@pytest.mark.parametrize(("rest", "asked", "status"), _USUAL)
async def test_it_answers_as_the_long_way(client, long_way, rest, asked, status):
    headers, body = asked
    long, short = await _both(client, rest, method="POST", headers=headers, content=body)
    assert _told(short) == _told(long)
    assert short.status_code == status
    assert long_way == [long.request.url.path]


@pytest.mark.parametrize(("rest", "asked", "status"), _UNUSUAL)
async def test_what_is_unusual_goes_the_long_way(client, long_way, rest, asked, status):
    headers, body = asked
    long, short = await _both(client, rest, method="POST", headers=headers, content=body)
    assert _told(short) == _told(long)
    assert short.status_code == status
    assert len(long_way) == 2


@pytest.mark.parametrize("method", ["GET", "OPTIONS", "PUT"])
async def test_another_method_goes_the_long_way(client, long_way, method):
    long, short = await _both(client, "", method=method)
    assert _told(short) == _told(long)
    assert len(long_way) == 2


async def test_a_body_of_unknown_length_goes_the_long_way(client, long_way):
    for path in ("/long", "/quick"):
        answer = await client.post(path, content=_pieces())
        assert answer.json() == {"seats": 2, "key": None}
    assert len(long_way) == 2


async def test_a_key_that_comes_twice_goes_the_long_way(client, long_way):
    headers = [("Idempotency-Key", "one"), ("Idempotency-Key", "two")]
    long, short = await _both(client, "", method="POST", headers=headers, content=b'{"seats": 2}')
    assert _told(short) == _told(long)
    assert len(long_way) == 2


async def test_both_ways_are_counted_by_their_route(client):
    answers = client.app.state.metrics.answers
    before = dict(answers)
    await _both(client, "", method="POST", content=b'{"seats": 2}')
    for path in ("/long", "/quick"):
        assert answers["POST", path, 201] == before.get(("POST", path, 201), 0) + 1


async def test_reservations_have_one(client, long_way):
    answer = await client.post("/api/v1/reservations", json={"slot_id": "x", "seats": 1})
    assert answer.status_code == 401
    assert long_way == []


@post("/of/{name:str}", opt={**auth.PUBLIC, **SHORT_WAY})
async def by_path(request: Request[Any, Any, Any], data: JSONBody[Wish]) -> None: ...


@post("/more", opt={**auth.PUBLIC, **SHORT_WAY})
async def more(
    request: Request[Any, Any, Any], data: JSONBody[Wish], extra: FromQuery[str]
) -> None: ...


@post("/bodiless", opt={**auth.PUBLIC, **SHORT_WAY})
async def bodiless(request: Request[Any, Any, Any]) -> None: ...


@pytest.mark.parametrize("handler", [by_path, more, bodiless])
def test_a_handler_that_wants_more_can_have_none(settings, handler):
    with pytest.raises(ImproperlyConfiguredException):
        create_app(settings, handlers=[handler])
