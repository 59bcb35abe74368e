"""Closing whole days of one's venue: chosen in a form, looked at, then done."""

import contextlib
import datetime as dt
from typing import Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect

from openyard_platform import clock
from openyard_platform.actions import closures, venues
from openyard_platform.domain import closures as domain
from openyard_platform.domain import words
from openyard_platform.domain.closures import Closure
from openyard_platform.domain.errors import Invalid, NotFound, Unavailable
from openyard_platform.domain.people import Actor, Role
from openyard_platform.store import spaces
from openyard_platform.web import auth
from openyard_platform.web.pages import complaints, forms, rendering
from openyard_platform.web.pages.forms import Form

_STAFF = auth.require(Role.VENUE)
_LONGEST_REASON = 500
# By the code of what is wrong; beside the field that is to be changed.
_COMPLAINTS = {
    "ends_before_start": ("last", "最后一天不能早于第一天。"),
    "in_the_past": ("first", "这一天已经过去了。"),
    "too_long": ("last", f"一次最多关闭 {domain.LONGEST.days} 天。"),
    "missing_field": ("reason", "请写明原因，已约的人会看到。"),
    "reason_reserved": ("reason", "这个原因是开放计划专用的，请换一种说法。"),
    "space_unknown": ("spaces", "没有这个场地，请刷新后再选。"),
}

Call = Request[Any, Any, Any]


@get("/my/closures", opt=_STAFF)
async def blank(request: Call) -> Response[str]:
    """The form, for today unless the address says another day."""
    day = request.query_params.get("date", "") or words.local(clock.now()).date().isoformat()
    return await _page(request, Form(values={"first": [day]}))


@post("/my/closures", status_code=200, opt=_STAFF)
async def take(request: Call) -> Response[str]:
    """Show what would be closed, or close it."""
    actor = auth.current(request)
    form = await forms.read(request)
    closure = _closure(form)
    if closure is None:
        return await _page(request, form, status_code=422)
    key = actor.organisation_key or ""
    try:
        if form.text("do") != "close":
            found = await closures.preview(actor, key, closure, clock.now())
            return await _page(request, form, {"seen": found, "closure": closure})
        publisher = request.app.state.slot_publisher
        closed = await closures.close(publisher, actor, key, closure, clock.now)
    except Invalid as error:
        for fault in error.parameters.get("errors", []):
            name, text = _COMPLAINTS.get(fault.code, ("form", "请检查填写的内容。"))
            form.errors[name] = text
        return await _page(request, form, status_code=422)
    except Unavailable as error:
        form.errors["form"] = complaints.beside_form(error)
        return await _page(request, form, status_code=503)
    return await _page(request, form, {"closed": closed, "closure": closure})


@post("/my/closures/{closure_id:uuid}/lift", status_code=303, opt=_STAFF)
async def lift(request: Call, closure_id: FromPath[UUID]) -> Redirect:
    """Let opening schedules publish there again. A second tap finds it lifted already."""
    actor = auth.current(request)
    with contextlib.suppress(NotFound):
        await closures.lift(actor, actor.organisation_key or "", closure_id, clock.now())
    return Redirect("/my/closures", status_code=303)


def _closure(form: Form) -> Closure | None:
    """What the form says; None with ``form.errors`` where it cannot be understood."""
    first = _day(form, "first")
    last = _day(form, "last") if form.text("last") else first
    reason = form.text("reason").replace("\n", " ")
    if not reason:
        form.errors["reason"] = _COMPLAINTS["missing_field"][1]
    if len(reason) > _LONGEST_REASON:
        form.errors["reason"] = f"最多 {_LONGEST_REASON} 个字。"
    if first is None or last is None or form.errors:
        return None
    starts_at, ends_at = domain.of_days(first, last)
    chosen = tuple(form.values.get("spaces", []))
    return Closure(starts_at=starts_at, ends_at=ends_at, reason=reason, spaces=chosen or None)


def _day(form: Form, name: str) -> dt.date | None:
    try:
        found = dt.date.fromisoformat(form.text(name))
    except ValueError:
        found = None
    if found is None or not 2000 <= found.year <= 2100:  # noqa: PLR2004 - the years that search takes
        form.errors[name] = "请选择日期。"
        return None
    return found


async def _page(
    request: Call, form: Form, more: dict[str, Any] | None = None, *, status_code: int = 200
) -> Response[str]:
    actor: Actor = auth.current(request)
    key = actor.organisation_key or ""
    context = {
        "spaces": await spaces.named(venues.writer_of(actor, key)),
        "values": {
            "first": form.text("first"),
            "last": form.text("last"),
            "reason": form.text("reason"),
            "spaces": form.values.get("spaces", []),
        },
        "errors": form.errors,
        "closure": None,
        "seen": None,
        "closed": None,
        "standing": await closures.listed(actor, key, clock.now()),
    }
    return await rendering.page(
        request, "closures.html", context | (more or {}), status_code=status_code
    )
