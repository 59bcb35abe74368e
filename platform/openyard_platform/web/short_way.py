"""The short way to a handler, for what everybody asks for at eight in the morning."""

import re
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from litestar import Litestar, Request
from litestar.enums import HttpMethod
from litestar.exceptions import ImproperlyConfiguredException
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute
from litestar.routes.base import BaseRoute
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from msgspec import Struct

from openyard_platform.web import auth, headers
from openyard_platform.web.answers import Json, Written
from openyard_platform.web.bodies import StrictRequest
from openyard_platform.web.pages import errors

_ARGUMENTS = {"request", "data", "idempotency_key"}
_LONGEST_KEY = 200
_HOST = re.compile(rb"[0-9A-Za-z.\-]+(:[0-9]+)?|\[[0-9A-Fa-f:.]+\](:[0-9]+)?")


class Platform(Litestar):
    """Litestar, and past most of it a short way to the handlers that have ``answers.SHORT_WAY``.

    On it come one after the other: the same policy, the same reading of the body, the same
    handler, the same answer to errors. What Litestar does besides — layers for middlewares, finding
    the route, collecting and converting arguments, making answers of whatever it is given — takes
    longer than all of these together. A request with anything unusual goes Litestar's own way.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        """As Litestar's.

        Raises:
            ImproperlyConfiguredException: a handler wants what is not to be had on the short way.
        """
        super().__init__(*arguments, **named)
        self._short_ways = _short_ways(self.routes)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """As Litestar's: one request, or the beginning and the end of the whole."""
        if scope["type"] == "http":
            way = self._short_ways.get((scope["method"], scope["path"]))
            if way is not None:
                usual, key = _looked_over(scope)
                if usual:
                    await self._walk(way, key, scope, receive, send)
                    return
        await super().__call__(scope, receive, send)

    async def _walk(
        self, way: "_Way", key: str | None, scope: Scope, receive: Receive, send: Send
    ) -> None:
        handler = way.handler
        scope["app"] = scope["litestar_app"] = self
        scope["route_handler"] = handler
        scope["path_template"] = scope["path"]
        scope["path_params"] = {}
        scope.setdefault("state", {})
        request = StrictRequest(scope, receive, send)
        try:
            answer = await self._answer(way, key, request)
        except Exception as error:  # noqa: BLE001 - as Litestar: our handler of errors takes all
            response = errors.answer(request, error)
            answer = response.to_asgi_response(app=None, request=request)

        if isinstance(answer, Written):
            await headers.add(answer.start, scope)
            await send(answer.start)
            await send(answer.rest)
            return

        async def tell(message: Message) -> None:
            await headers.add(message, scope)
            await send(message)

        await answer(scope, receive, tell)

    async def _answer(
        self, way: "_Way", key: str | None, request: Request[Any, Any, Any]
    ) -> ASGIApp:
        await auth.enforce(request)
        data = await request.json()
        if way.takes_key:
            response = await way.handle(request=request, data=data, idempotency_key=key)
        else:
            response = await way.handle(request=request, data=data)
        if isinstance(response, Json):
            return response.to_asgi_response(self, request)
        return await way.handler.to_response(app=self, data=response, request=request)


class _Way(Struct, frozen=True):
    handler: HTTPRouteHandler
    handle: Callable[..., Awaitable[Any]]
    takes_key: bool  # Idempotency-Key


def _short_ways(routes: Iterable[BaseRoute]) -> dict[tuple[str, str], _Way]:
    """By method and path."""
    ways = {}
    for route in routes:
        for handler in route.route_handlers if isinstance(route, HTTPRoute) else ():
            if not handler.opt.get("short_way"):
                continue
            names = set(handler.parsed_fn_signature.parameters)
            if route.path_parameters or not {"request", "data"} <= names <= _ARGUMENTS:
                raise ImproperlyConfiguredException(f"{handler} can have no short way.")
            for method in handler.http_methods:
                way = _Way(handler, handler.fn, "idempotency_key" in names)
                ways[HttpMethod(method).value, route.path] = way
    return ways


def _looked_over(scope: Scope) -> tuple[bool, str | None]:
    """Whether nothing is to be said about the headers; and the Idempotency-Key."""
    key: str | None = None
    usual = not scope.get("root_path")
    has_body = False
    for name, value in scope["headers"]:
        if name == b"host":
            usual = usual and _HOST.fullmatch(value) is not None
        elif name == b"content-length":
            has_body = value != b"0"
        elif name == b"idempotency-key":
            usual = usual and key is None and 0 < len(value) <= _LONGEST_KEY
            key = value.decode("latin-1")
    return usual and has_body, key
