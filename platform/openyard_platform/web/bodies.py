"""Request bodies, decoded strictly: an unknown field or a number in quotes is refused."""

from typing import Any
from weakref import WeakKeyDictionary

import msgspec
from litestar import Request
from litestar.handlers import HTTPRouteHandler
from litestar.types import Empty

from openyard_events import form
from openyard_events.contracts import FieldError
from openyard_platform.domain.errors import Invalid

_decoders: WeakKeyDictionary[HTTPRouteHandler, msgspec.json.Decoder[Any]] = WeakKeyDictionary()


class StrictRequest(Request[Any, Any, Any]):
    """Litestar alone would decode leniently (``"2"`` for 2) and name no path for what is wrong."""

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


def _decoder(handler: HTTPRouteHandler) -> msgspec.json.Decoder[Any]:
    decoder = _decoders.get(handler)
    if decoder is None:
        data = handler.parsed_fn_signature.parameters.get("data")
        decoder = msgspec.json.Decoder(Any if data is None else data.annotation)
        _decoders[handler] = decoder
    return decoder


def _invalid(error: FieldError) -> Invalid:
    return Invalid("The body is not what this route takes.", errors=[error])
