"""My children: who they are to the platform, added with consent and taken out again."""

import contextlib
from typing import Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.params import FromPath
from msgspec import Struct

from openyard_platform import clock, ids
from openyard_platform.actions import children, delegations
from openyard_platform.domain import words
from openyard_platform.domain.accounts import NewChild
from openyard_platform.domain.errors import Conflict, Invalid, NotFound
from openyard_platform.domain.people import Role
from openyard_platform.web import auth
from openyard_platform.web.pages import complaints, forms, rendering
from openyard_platform.web.pages.forms import Form

_LONGEST_NAME = 40
_YEARS = 19
_FAMILIES = auth.require(Role.FAMILY)


class Delegating(Struct, frozen=True, kw_only=True):
    """A delegation as it was typed, for the child in whose form, and what is wrong with it."""

    child_id: UUID
    email: str
    relation: str
    ends_on: str
    errors: dict[str, str]


@get("/my/children", opt=_FAMILIES)
async def index(request: Request[Any, Any, Any]) -> Response[str]:
    return await page(request, Form(values={}))


@post("/my/children", status_code=200, opt=_FAMILIES)
async def add(request: Request[Any, Any, Any]) -> Response[Any]:
    """Remember a child; nothing is kept without the guardian's consent."""
    form = await forms.read(request)
    now = clock.now()
    name = form.text("display_name")
    year = words.local(now).year
    born = form.number("birth_year", year - _YEARS, year)
    if not name:
        form.errors["display_name"] = complaints.of_code("name_missing")
    if len(name) > _LONGEST_NAME or "\n" in name:
        form.errors["display_name"] = complaints.of_code("name_too_long")
    if not form.ticked("consent"):
        form.errors["consent"] = complaints.of_code("consent_missing")
    if form.errors:
        return await page(request, form, status_code=422)
    try:
        child = NewChild(id=ids.new(), display_name=name, birth_year=born)
        await children.add(auth.current(request), child, now)
    except (Invalid, Conflict) as error:
        form.errors["form"] = complaints.beside_form(error)
        return await page(request, form, status_code=409)
    return rendering.go("/my/children")


@post("/my/children/{child_id:uuid}/remove", status_code=200, opt=_FAMILIES)
async def remove(child_id: FromPath[UUID], request: Request[Any, Any, Any]) -> Response[Any]:
    """Forget a child; tapped twice, it is gone as wished."""
    with contextlib.suppress(NotFound):
        await children.remove(auth.current(request), child_id, clock.now())
    return rendering.go("/my/children")


async def page(
    request: Request[Any, Any, Any],
    form: Form,
    *,
    delegating: Delegating | None = None,
    status_code: int = 200,
) -> Response[str]:
    """The children, with who else may bring them; ``form``: of a child that is being added."""
    now = clock.now()
    actor = auth.current(request)
    year = words.local(now).year
    return await rendering.page(
        request,
        "children.html",
        {
            "children": await children.read(actor, now),
            "delegations": await delegations.given_by_family(actor, now),
            "delegating": delegating,
            "years": list(range(year, year - _YEARS - 1, -1)),
            "display_name": form.text("display_name"),
            "birth_year": form.text("birth_year"),
            "errors": form.errors,
        },
        status_code=status_code,
    )
