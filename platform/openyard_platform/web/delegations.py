"""HTTP for delegated guardians: who else may bring a child, and whom one may bring oneself."""

import datetime as dt
from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, Response, Router, delete, get, post
from litestar.params import FromPath, JSONBody
from msgspec import Struct

from openyard_platform import clock, ids
from openyard_platform.actions import delegations as actions
from openyard_platform.domain.accounts import email_of
from openyard_platform.domain.delegations import NewDelegation, Relation
from openyard_platform.domain.people import Role
from openyard_platform.web import auth
from openyard_platform.web.fields import Email

Call = Request[Any, Any, Any]

_FAMILIES = auth.require(Role.FAMILY)


class DelegationIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``email``: of the account that may bring the child, now or once it signs up.

    ``ends_on``: the last day of it.
    """

    email: Email
    relation: Relation
    ends_on: dt.date | None = None


class DelegationOut(Struct, frozen=True, kw_only=True):
    id: UUID
    email: str
    relation: Relation
    granted_at: dt.datetime
    ends_on: dt.date | None


class Delegations(Struct, frozen=True, kw_only=True):
    items: list[DelegationOut]


class EntrustedOut(Struct, frozen=True, kw_only=True):
    """Somebody else's child that one may name in a reservation. ``ends_on``: the last day."""

    id: UUID
    display_name: str
    birth_year: int
    relation: Relation
    ends_on: dt.date | None
    delegated: bool = True


class EntrustedChildren(Struct, frozen=True, kw_only=True):
    items: list[EntrustedOut]


@get("/{child_id:uuid}/delegations", operation_id="list_delegations", opt=_FAMILIES)
async def index(request: Call, child_id: FromPath[UUID]) -> Delegations:
    """Who else may bring the child now; what is over or revoked is not listed."""
    found = await actions.given(auth.current(request), child_id, clock.now())
    items = msgspec.convert(found, list[DelegationOut], from_attributes=True)
    return Delegations(items=[_here(one) for one in items])


@post("/{child_id:uuid}/delegations", operation_id="delegate_child", opt=_FAMILIES)
async def create(
    request: Call, child_id: FromPath[UUID], data: JSONBody[DelegationIn]
) -> Response[DelegationOut]:
    """Let somebody else bring the child; the same answer whether the address has an account."""
    now = clock.now()
    new = NewDelegation(
        id=ids.new(),
        child_id=child_id,
        email=email_of(data.email),
        relation=data.relation,
        ends_on=data.ends_on,
    )
    await actions.grant(auth.current(request), new, now)
    made = DelegationOut(
        id=new.id, email=new.email, relation=new.relation, granted_at=now, ends_on=new.ends_on
    )
    return Response(_here(made), status_code=201)


@delete(
    "/{child_id:uuid}/delegations/{delegation_id:uuid}",
    operation_id="revoke_delegation",
    opt=_FAMILIES,
)
async def revoke(request: Call, child_id: FromPath[UUID], delegation_id: FromPath[UUID]) -> None:
    """End it at once; reservations that were made by it stay."""
    await actions.revoke(auth.current(request), child_id, delegation_id, clock.now())


@get("/delegated", operation_id="list_delegated_children", opt=auth.LOGGED_IN)
async def entrusted(request: Call) -> EntrustedChildren:
    """The children that others let one bring: they may be named in a reservation."""
    found = await actions.entrusted(auth.current(request), clock.now())
    return EntrustedChildren(
        items=[
            EntrustedOut(
                id=one.child_id,
                display_name=one.display_name,
                birth_year=one.birth_year,
                relation=one.relation,
                ends_on=one.ends_on,
            )
            for one in found
        ]
    )


def _here(one: DelegationOut) -> DelegationOut:
    return msgspec.structs.replace(one, granted_at=one.granted_at.astimezone(clock.SHANGHAI))


router = Router(
    "/api/v1/children", route_handlers=[index, create, revoke, entrusted], tags=["accounts"]
)
