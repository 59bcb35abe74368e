"""HTTP for a family's children."""

import datetime as dt
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, Response, Router, delete, get, post
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct

from openyard_platform import clock, ids
from openyard_platform.actions import children as actions
from openyard_platform.domain.accounts import NewChild
from openyard_platform.domain.errors import Conflict
from openyard_platform.domain.people import Role
from openyard_platform.web import auth
from openyard_platform.web.fields import Key, Name


class ChildIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``consent``: the guardian agrees that we keep this. ``school``: the school's key."""

    display_name: Name
    birth_year: Annotated[int, Meta(ge=1990, le=2100)]
    consent: bool
    school: Key | None = None


class ChildOut(Struct, frozen=True, kw_only=True):
    id: UUID
    display_name: str
    birth_year: int
    school: str | None
    consented_at: dt.datetime


class Children(Struct, frozen=True, kw_only=True):
    items: list[ChildOut]


@get("/", operation_id="list_children")
async def index(request: Request[Any, Any, Any]) -> Children:
    rows = await actions.read(auth.current(request), clock.now())
    return Children(items=msgspec.convert(rows, list[ChildOut]))


@post("/", operation_id="add_child")
async def create(request: Request[Any, Any, Any], data: JSONBody[ChildIn]) -> Response[ChildOut]:
    if not data.consent:
        raise Conflict("Without consent we keep nothing about a child.", code="consent_missing")
    now = clock.now()
    child = NewChild(
        id=ids.new(),
        display_name=data.display_name,
        birth_year=data.birth_year,
        school=data.school,
    )
    await actions.add(auth.current(request), child, now)
    return Response(
        ChildOut(
            id=child.id,
            display_name=child.display_name,
            birth_year=child.birth_year,
            school=child.school,
            consented_at=now,
        ),
        status_code=201,
    )


@delete("/{child_id:uuid}", operation_id="remove_child")
async def remove(request: Request[Any, Any, Any], child_id: FromPath[UUID]) -> None:
    await actions.remove(auth.current(request), child_id, clock.now())


router = Router(
    "/api/v1/children",
    route_handlers=[index, create, remove],
    opt=auth.require(Role.FAMILY),
    tags=["accounts"],
)
