"""HTTP for API tokens."""

import datetime as dt
import secrets
from typing import Any
from uuid import UUID

from litestar import Request, Response, Router, delete, get, post
from litestar.params import FromPath, JSONBody
from msgspec import Struct

from openyard_platform import clock, ids
from openyard_platform.actions import tokens as actions
from openyard_platform.store import tokens as records
from openyard_platform.web import auth
from openyard_platform.web.fields import Name


class TokenIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``name``: for its owner to know it by."""

    name: Name


class TokenOut(Struct, frozen=True, kw_only=True):
    id: UUID
    name: str
    created_at: dt.datetime
    last_used_at: dt.datetime | None = None


class NewToken(Struct, frozen=True, kw_only=True):
    """``token``: shown this once; we keep only its hash."""

    id: UUID
    name: str
    token: str
    created_at: dt.datetime


class Tokens(Struct, frozen=True, kw_only=True):
    items: list[TokenOut]


@get("/", operation_id="list_tokens")
async def index(request: Request[Any, Any, Any]) -> Tokens:
    rows = await records.of_account(auth.current(request).account_id)
    return Tokens(
        items=[
            TokenOut(
                id=row.id, name=row.name, created_at=row.created_at, last_used_at=row.last_used_at
            )
            for row in rows
        ]
    )


@post("/", operation_id="create_token")
async def create(request: Request[Any, Any, Any], data: JSONBody[TokenIn]) -> Response[NewToken]:
    token_id, now = ids.new(), clock.now()
    text = auth.TOKEN_PREFIX + secrets.token_urlsafe(32)
    await actions.issue(auth.current(request), token_id, auth.digest_of(text), data.name, now)
    return Response(
        NewToken(id=token_id, name=data.name, token=text, created_at=now), status_code=201
    )


@delete("/{token_id:uuid}", operation_id="revoke_token")
async def remove(request: Request[Any, Any, Any], token_id: FromPath[UUID]) -> None:
    digest = await actions.revoke(auth.current(request), token_id, clock.now())
    await auth.revoke(request, [digest])


router = Router(
    "/api/v1/tokens", route_handlers=[index, create, remove], opt=auth.LOGGED_IN, tags=["accounts"]
)
