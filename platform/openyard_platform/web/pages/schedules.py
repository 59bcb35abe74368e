"""A venue's opening schedules: stated in a form, looked at as months, then kept."""

from typing import Any, Literal
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.params import FromPath

from openyard_platform import clock
from openyard_platform.actions import schedules, venues
from openyard_platform.domain import words
from openyard_platform.domain.errors import Conflict, Invalid
from openyard_platform.domain.people import Actor, Role
from openyard_platform.domain.schedules import Schedule
from openyard_platform.store import spaces
from openyard_platform.web import auth
from openyard_platform.web.pages import (
    forms,
    month_grids,
    rendering,
    schedule_files,
    schedule_forms,
)

_STAFF = auth.require(Role.VENUE)

Call = Request[Any, Any, Any]


@get("/my/schedules", opt=_STAFF)
async def index(request: Call) -> Response[str]:
    return await schedule_files.listed(request, [])


@get("/my/schedules/new", opt=_STAFF)
async def blank(request: Call) -> Response[str]:
    today = words.local(clock.now()).date()
    return await _page(request, None, schedule_forms.blank(today))


@post("/my/schedules/new", status_code=200, opt=_STAFF)
async def add(request: Call) -> Response[Any]:
    """Show what it would do, or keep it."""
    return await _take(request, None)


@get("/my/schedules/{schedule_id:uuid}", opt=_STAFF)
async def show(schedule_id: FromPath[UUID], request: Call) -> Response[str]:
    actor = auth.current(request)
    found = await schedules.look(actor, _key(actor), schedule_id)
    seen = await schedules.survey(found, clock.now())
    return await _page(request, found, schedule_forms.values_of(found.plan), {"seen": seen})


@post("/my/schedules/{schedule_id:uuid}", status_code=200, opt=_STAFF)
async def change(schedule_id: FromPath[UUID], request: Call) -> Response[Any]:
    """Show what the change would do, or make it."""
    actor = auth.current(request)
    return await _take(request, await schedules.look(actor, _key(actor), schedule_id))


@post("/my/schedules/{schedule_id:uuid}/end", status_code=200, opt=_STAFF)
async def end(schedule_id: FromPath[UUID], request: Call) -> Response[Any]:
    """Take it away; reserved slots are closed only where that was ticked."""
    actor = auth.current(request)
    form = await forms.read(request)
    touched: Literal["keep", "change"] = "change" if form.ticked("close_reserved") else "keep"
    await schedules.end(actor, _key(actor), schedule_id, touched, None, clock.now())
    return rendering.go("/my/schedules")


async def _take(request: Call, before: Schedule | None) -> Response[Any]:
    actor = auth.current(request)
    key = _key(actor)
    form = await forms.read(request)
    values = schedule_forms.sent(form)
    document = schedule_forms.document(values, None if before is None else before.plan)
    now = clock.now()
    try:
        plan = schedule_forms.plan_of(document)
        if form.text("do") != "keep":
            replaces = None if before is None else before.id
            seen = await schedules.preview(actor, key, plan, replaces, now)
            return await _page(request, before, values, {"seen": seen, "draft": True})
        if before is None:
            kept = await schedules.add(actor, key, plan, now)
        else:
            revision = form.number("revision", 1, 10**8, default=before.revision)
            kept = await schedules.change(actor, key, before.id, document, revision, now)
    except Invalid as error:
        errors = schedule_forms.complaints(error)
        return await _page(request, before, values, {"errors": errors}, status_code=422)
    except Conflict as error:
        errors = {"form": "刚刚有人改过这个计划，请刷新后再改。"}
        if error.code == "too_many_schedules":
            errors = {"form": "计划太多了，请先删去不用的。"}
        return await _page(request, before, values, {"errors": errors}, status_code=409)
    return rendering.go(f"/my/schedules/{kept.id}")


async def _page(
    request: Call,
    schedule: Schedule | None,
    values: dict[str, Any],
    more: dict[str, Any] | None = None,
    *,
    status_code: int = 200,
) -> Response[str]:
    actor = auth.current(request)
    known = {"errors": {}, "seen": None, "draft": False} | (more or {})
    seen = known["seen"]
    context = {
        "schedule": schedule,
        "values": values,
        "spaces": await spaces.named(venues.writer_of(actor, _key(actor))),
        "weekdays": list(zip(schedule_forms.WEEKDAYS, month_grids.weekdays(), strict=True)),
        "months": [] if seen is None else month_grids.months(seen),
        **known,
    }
    return await rendering.page(request, "schedule.html", context, status_code=status_code)


def _key(actor: Actor) -> str:
    return actor.organisation_key or ""
