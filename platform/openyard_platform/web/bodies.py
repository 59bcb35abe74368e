"""Request bodies, decoded strictly: an unknown field or a number in quotes is refused."""

import math
from collections.abc import Iterable
from typing import Any
from weakref import WeakKeyDictionary

import msgspec
from litestar import Request
from litestar.exceptions import InternalServerException
from litestar.exceptions.http_exceptions import RequestEntityTooLarge
from litestar.handlers import HTTPRouteHandler
from litestar.types import Empty

from openyard_events import form
from openyard_events.contracts import FieldError
from openyard_platform.domain.errors import Invalid

_decoders: WeakKeyDictionary[HTTPRouteHandler, msgspec.json.Decoder[Any]] = WeakKeyDictionary()


class StrictRequest(Request[Any, Any, Any]):
    """Litestar alone would decode leniently (``"2"`` for 2) and name no path for what is wrong."""

    async def body(self) -> bytes:
        """The whole body, in one piece as it mostly comes.

        Raises:
            RequestEntityTooLarge: it is longer than the route takes.
            InternalServerException: whoever sent it has gone.
        """
        known = self._connection_state.body if self._body is Empty else self._body
        self._body = self._connection_state.body = await self._read() if known is Empty else known
        return self._body

    async def _read(self) -> bytes:
        most = self.route_handler.resolve_request_max_body_size() or math.inf
        if _announced(self.scope["headers"]) > most:
            raise RequestEntityTooLarge
        pieces: list[bytes] = []
        more, length = True, 0
        while more:
            event: Any = await self.receive()
            if event["type"] == "http.disconnect":
                raise InternalServerException("client disconnected prematurely")
            pieces.append(event["body"])
            length += len(event["body"])
            if length > most:
                raise RequestEntityTooLarge
            more = event.get("more_body", False)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def json(self) -> Any:
        """The body as the handler's ``data`` wants it.

        Raises:
            Invalid: with ``errors``: path, code and message.
        """
        if self._json is not Empty:
            return self._json
        body = await self.body()
        try:
            self._json = _decoder(self.route_handler).decode(body)
        except (UnicodeDecodeError, RecursionError) as error:
            message = "The text is not UTF-8, or nested too deep."
            raise _invalid(FieldError(path="", code="malformed_json", message=message)) from error
        except msgspec.DecodeError as error:
            raise _invalid(form.explain(error)) from error
        return self._json


def _announced(headers: Iterable[tuple[bytes, bytes]]) -> int:
    """How long the body is said to be; 0 where nothing is said. The server has checked the form."""
    return next((int(value) for name, value in headers if name == b"content-length"), 0)


def _decoder(handler: HTTPRouteHandler) -> msgspec.json.Decoder[Any]:
    decoder = _decoders.get(handler)
    if decoder is None:
        data = handler.parsed_fn_signature.parameters.get("data")
        decoder = msgspec.json.Decoder(Any if data is None else data.annotation)
        _decoders[handler] = decoder
    return decoder


def _invalid(error: FieldError) -> Invalid:
    return Invalid("The body is not what this route takes.", errors=[error])
