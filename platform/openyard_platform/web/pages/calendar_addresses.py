"""Addresses of a venue's own calendars: added, read at once, and taken away with forms."""

from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, Response, get, post
from litestar.params import FromPath

from openyard_platform import clock
from openyard_platform.actions import calendar_addresses as actions
from openyard_platform.actions import venues
from openyard_platform.domain.errors import Conflict, Invalid
from openyard_platform.domain.imports import Purpose
from openyard_platform.domain.people import Actor, Role
from openyard_platform.store import spaces
from openyard_platform.web import auth, calendar_addresses
from openyard_platform.web.calendar_addresses import AddressIn
from openyard_platform.web.pages import forms, import_words, rendering
from openyard_platform.web.pages.forms import Form

_STAFF = auth.require(Role.VENUE)
_PAGE = "/my/imports/addresses"
_ROOMY = 100_000

Call = Request[Any, Any, Any]


@get(_PAGE, opt=_STAFF)
async def index(request: Call) -> Response[str]:
    return await _page(request, Form(values={"as": ["busy"], "audiences": ["family"]}))


@post(_PAGE, status_code=200, opt=_STAFF)
async def add(request: Call) -> Response[Any]:
    """Have an address read from now on."""
    actor = auth.current(request)
    form = await forms.read(request)
    asked = _asked(form)
    if asked is None:
        return await _page(request, form, status_code=422)
    told = calendar_addresses.wanted(asked)
    try:
        await actions.add(actor, _key(actor), asked.url, told, clock.now())
    except Invalid as error:
        for one in error.parameters.get("errors", ()):
            form.errors[one.path] = import_words.beside(one.path)
        return await _page(request, form, status_code=422)
    except Conflict as error:
        form.errors["source" if error.code == "calendar_known" else "form"] = (
            "这份日历已经有网址了：请先删去原来的，或另取一个代号。"
            if error.code == "calendar_known"
            else "网址太多了，请先删去不用的。"
        )
        return await _page(request, form, status_code=409)
    return rendering.go(_PAGE)


@post(_PAGE + "/{address_id:uuid}/read", status_code=200, opt=_STAFF)
async def read(address_id: FromPath[UUID], request: Call) -> Response[Any]:
    """Read it within seconds."""
    actor = auth.current(request)
    await actions.hurry(actor, _key(actor), address_id, clock.now())
    return rendering.go(_PAGE)


@post(_PAGE + "/{address_id:uuid}/remove", status_code=200, opt=_STAFF)
async def remove(address_id: FromPath[UUID], request: Call) -> Response[Any]:
    """Read it no more; what was applied of it stays."""
    actor = auth.current(request)
    await actions.remove(actor, _key(actor), address_id, clock.now())
    return rendering.go(_PAGE)


async def _page(request: Call, form: Form, *, status_code: int = 200) -> Response[str]:
    actor = auth.current(request)
    now = clock.now()
    found = await actions.listed(actor, _key(actor))
    context = {
        "form": form,
        "errors": form.errors,
        "spaces": await spaces.named(venues.writer_of(actor, _key(actor))),
        "addresses": [(one, import_words.reading(one, now)) for one in found],
    }
    # Who has just added one, or asked for it, sees what comes of it.
    waits = any(one.due_at <= now for one in found)
    headers = {"Refresh": "3"} if waits and not form.errors else None
    return await rendering.page(
        request, "calendar_addresses.html", context, status_code=status_code, headers=headers
    )


def _asked(form: Form) -> AddressIn | None:
    """What the fields say; None: something is wrong with them, and stands beside them."""
    found: dict[str, Any] = {
        "url": form.text("url"),
        "as": form.text("as"),
        "space": form.text("space"),
    }
    if form.text("source"):
        found["source"] = form.text("source")
    if found["as"] == Purpose.SLOTS:
        found["capacity"] = form.number("capacity", 1, _ROOMY)
        found["kind"] = form.text("kind", default="access")
        found["audiences"] = form.values.get("audiences", [])
    if form.errors:
        return None
    try:
        return msgspec.convert(found, AddressIn)
    except msgspec.ValidationError as error:
        field = str(error).rpartition("`$.")[2].partition("`")[0].partition("[")[0]
        form.errors[field or "form"] = import_words.beside(field)
        return None


def _key(actor: Actor) -> str:
    return actor.organisation_key or ""
