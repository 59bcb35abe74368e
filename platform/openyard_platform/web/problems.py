"""Everything that goes wrong, told to HTTP as problem details (RFC 9457)."""

import logging
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import asyncpg
import msgspec
import nats.errors
import redis.exceptions
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException

from openyard_events import form
from openyard_events.contracts import FieldError
from openyard_platform.domain import errors, words

_log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
_MISSING = re.compile(r"^Missing required .*?'(\w+)'")

# The first of an error's own classes, from the narrowest on, that stands here.
STATUS: dict[type[BaseException], int] = {
    errors.Invalid: 422,
    errors.LogInNeeded: 401,
    errors.NotAllowed: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.Stale: 412,
    errors.TooMany: 429,
    errors.Unavailable: 503,
    # A server of ours does not answer; another try may find it well.
    ConnectionError: 503,
    TimeoutError: 503,
    asyncpg.PostgresConnectionError: 503,
    asyncpg.CannotConnectNowError: 503,
    asyncpg.AdminShutdownError: 503,
    asyncpg.TooManyConnectionsError: 503,
    asyncpg.QueryCanceledError: 503,
    asyncpg.LockNotAvailableError: 503,
    asyncpg.InterfaceError: 503,
    asyncpg.InternalClientError: 503,
    nats.errors.Error: 503,
    redis.exceptions.ConnectionError: 503,
    redis.exceptions.TimeoutError: 503,
}

_CODES = {
    400: "bad_request",
    401: "log_in_needed",
    403: "not_allowed",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
    422: "invalid",
    429: "too_many",
    503: "unavailable",
}


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What of an error may leave the house."""

    status: int
    code: str
    detail: str
    parameters: Mapping[str, Any] = msgspec.field(default_factory=dict)
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)


def status_of(error: BaseException) -> int:
    for kind in type(error).__mro__:
        if kind in STATUS:
            return STATUS[kind]
    return 500


def tell(error: Exception) -> Told:
    """What to say about any error; shared by the API and the pages."""
    if isinstance(error, errors.OpenyardError):
        status = status_of(error)
        return Told(
            status=status,
            code=error.code,
            detail=_detail(error),
            parameters=error.parameters,
            headers=_headers(status, error.parameters),
        )
    if isinstance(error, ValidationException):
        found = [_field_error(extra) for extra in error.extra or (error.detail,)]
        return Told(
            status=422,
            code="invalid",
            detail="The request is not what this route takes.",
            parameters={"errors": found},
        )
    if isinstance(error, HTTPException):
        return Told(
            status=error.status_code,
            code=_CODES.get(error.status_code, "error"),
            # The sentence of a 500 may name what should stay inside.
            detail=HTTPStatus(error.status_code).phrase
            if error.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR
            else error.detail,
            headers=error.headers or {},
        )
    status = status_of(error)
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        detail = "A server the platform needs does not answer. Please try again."
        return Told(status=status, code="unavailable", detail=detail, headers=_headers(status, {}))
    return Told(status=500, code="internal_error", detail="Something went wrong on our side.")


def problem(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """The answer for one error; what is our fault goes to the log whole."""
    told = tell(error)
    if told.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        # The route's template, not the address: that may hold a secret.
        route = request.scope.get("path_template", "no route")
        _log.error("%s %s: %d", request.method, route, told.status, exc_info=error)
    body = {
        **told.parameters,
        "type": "about:blank",
        "title": HTTPStatus(told.status).phrase,
        "status": told.status,
        "detail": told.detail,
        "code": told.code,
    }
    return Response(
        msgspec.json.encode(body),
        status_code=told.status,
        media_type=MEDIA_TYPE,
        headers=dict(told.headers),
    )


def _detail(error: errors.OpenyardError) -> str:
    """A refusal is told in the words that the pages and the mails have for it."""
    refusals = error.parameters.get("refusals") if isinstance(error, errors.Refused) else None
    return words.sentences(refusals) if refusals else str(error)


def _headers(status: int, parameters: Mapping[str, Any]) -> dict[str, str]:
    if status == HTTPStatus.UNAUTHORIZED:
        return {"WWW-Authenticate": "Bearer"}
    if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        return {"Retry-After": str(parameters.get("retry_after", 1))}
    return {}


def _field_error(extra: Any) -> FieldError:
    """One of Litestar's own messages about parameters of the path, the query or the headers."""
    if not isinstance(extra, dict):
        name = _MISSING.search(str(extra))
        if name is None:
            return form.describe(str(extra))
        message = f"The parameter {name[1]} is missing."
        return FieldError(path=name[1], code="missing_field", message=message)
    found = form.describe(str(extra.get("message", "")))
    path = str(extra.get("key", found.path))
    if path == "data" and found.code == "wrong_value":
        return FieldError(path="", code="missing_body", message="This route takes a body.")
    return msgspec.structs.replace(found, path=path)


HANDLERS: dict[int | type[Exception], Any] = {
    HTTPException: problem,
    Exception: problem,
}
