"""Letting somebody else bring one's child, taking it back, and whom one may bring oneself."""

import contextlib
import datetime as dt
from typing import Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.params import FromPath

from openyard_platform import clock, ids
from openyard_platform.actions import delegations
from openyard_platform.domain.accounts import email_of
from openyard_platform.domain.delegations import NewDelegation, Relation
from openyard_platform.domain.errors import Conflict, Invalid, NotFound, OpenyardError
from openyard_platform.domain.people import Role
from openyard_platform.web import auth, me, problems
from openyard_platform.web.pages import complaints, family, forms, rendering
from openyard_platform.web.pages.family import Delegating
from openyard_platform.web.pages.forms import Form

_FAMILIES = auth.require(Role.FAMILY)
_BESIDE = {
    "email_malformed": "email",
    "already_guardian": "email",
    "already_delegated": "email",
    "ends_in_the_past": "ends_on",
}

Call = Request[Any, Any, Any]


@post("/my/children/{child_id:uuid}/delegations", status_code=200, opt=_FAMILIES)
async def grant(child_id: FromPath[UUID], request: Call) -> Response[Any]:
    """Let an address bring the child; what is wrong stands beside its field."""
    form = await forms.read(request)
    new = _wanted(child_id, form)
    if new is None:
        return await _again(request, child_id, form, 422)
    try:
        await delegations.grant(auth.current(request), new, clock.now())
    except (Invalid, Conflict) as error:
        form.errors[_BESIDE.get(error.code, "form")] = complaints.beside_form(error)
        return await _again(request, child_id, form, problems.status_of(error))
    return rendering.go(f"/my/children#child-{child_id}")


@post(
    "/my/children/{child_id:uuid}/delegations/{delegation_id:uuid}/revoke",
    status_code=200,
    opt=_FAMILIES,
)
async def revoke(
    child_id: FromPath[UUID], delegation_id: FromPath[UUID], request: Call
) -> Response[Any]:
    """End it; tapped twice, it is over as wished."""
    with contextlib.suppress(NotFound):
        await delegations.revoke(auth.current(request), child_id, delegation_id, clock.now())
    return rendering.go(f"/my/children#child-{child_id}")


@get("/my/entrusted", opt=auth.LOGGED_IN)
async def entrusted(request: Call) -> Response[str]:
    actor = auth.current(request)
    account = await me.load(actor.account_id)
    found = await delegations.entrusted(actor, clock.now())
    context = {"entrusted": found, "email": account.email}
    return await rendering.page(request, "entrusted.html", context)


def _wanted(child_id: UUID, form: Form) -> NewDelegation | None:
    """What the form says; None with ``form.errors`` where it cannot be understood."""
    email, relation, ends_on = "", form.text("relation"), None
    try:
        email = email_of(form.text("email"))
    except OpenyardError as error:
        form.errors["email"] = complaints.beside_form(error)
    if relation not in list(Relation):
        form.errors["relation"] = complaints.of_code("relation_missing")
    if form.text("ends_on"):
        try:
            ends_on = dt.date.fromisoformat(form.text("ends_on"))
        except ValueError:
            form.errors["ends_on"] = complaints.of_code("date_malformed")
    if form.errors:
        return None
    return NewDelegation(
        id=ids.new(), child_id=child_id, email=email, relation=Relation(relation), ends_on=ends_on
    )


async def _again(request: Call, child_id: UUID, form: Form, status_code: int) -> Response[str]:
    typed = Delegating(
        child_id=child_id,
        email=form.text("email"),
        relation=form.text("relation"),
        ends_on=form.text("ends_on"),
        errors=form.errors,
    )
    return await family.page(request, Form(values={}), delegating=typed, status_code=status_code)
