"""A venue's opening schedules as one file: taken out, looked at with a form, then applied."""

import asyncio
import re
from typing import Any

import msgspec
from litestar import Request, Response, get, post
from litestar.datastructures import UploadFile

from openyard_events.contracts import FieldError
from openyard_platform import clock
from openyard_platform.actions import schedule_files as actions
from openyard_platform.actions import schedules
from openyard_platform.domain import schedule_files as domain
from openyard_platform.domain.errors import Conflict, Invalid
from openyard_platform.domain.people import Role
from openyard_platform.domain.schedule_files import Action
from openyard_platform.web import auth
from openyard_platform.web.pages import forms, rendering, schedule_forms

_STAFF = auth.require(Role.VENUE)
_MAX_TEXT = 256 * 1024
# The text comes back with the form, each of its bytes as three; and something stands around it.
_MAX_FORM = 4 * _MAX_TEXT
_SHOWN = 100
_PLACE = re.compile(r"schedules\[(\d+)\]\.?(.*)")

ACTIONS = {
    Action.ADDED: "新增",
    Action.CHANGED: "修改",
    Action.SAME: "不变",
    Action.ENDED: "停止",
}

Call = Request[Any, Any, Any]


@get("/my/schedules/file", opt=_STAFF)
async def export(request: Call) -> Response[bytes]:
    """The file as the API gives it."""
    actor = auth.current(request)
    key = actor.organisation_key or ""
    known = await schedules.listed(actor, key)
    text = msgspec.json.format(msgspec.json.encode(domain.document(known)))
    headers = {
        "Content-Disposition": f'attachment; filename="{key}-schedules.json"',
        "Cache-Control": "private, no-store",
    }
    return Response(text, media_type="application/json", headers=headers)


@post("/my/schedules/file", status_code=200, opt=_STAFF, request_max_body_size=_MAX_FORM)
async def take(request: Call) -> Response[Any]:
    """Show what the file would do, or apply it as it was shown."""
    actor = auth.current(request)
    key = actor.organisation_key or ""
    form = await forms.read(request)
    end_others = form.ticked("end_others")
    try:
        text = await _text(request, form)
        # Half a megabyte of odd TOML takes a moment, which others should not wait for.
        entries = (await asyncio.to_thread(domain.read, text)).schedules
        if form.text("do") == "apply":
            await actions.apply(actor, key, entries, clock.now(), end_others=end_others)
            return rendering.go("/my/schedules")
        done = await actions.preview(actor, key, entries, clock.now(), end_others=end_others)
    except Invalid as error:
        faults = [_said(one) for one in error.parameters.get("errors", ())]
        return await listed(request, faults, status_code=422)
    except Conflict:
        fault = "有计划刚刚被人改过，或者计划太多了。什么都没有改，请重新上传。"
        return await listed(request, [fault], status_code=409)
    context = {
        "done": done,
        "actions": ACTIONS,
        "differs": any(one.action is not Action.SAME for one in done),
        "text": text,
        "end_others": end_others,
    }
    return await rendering.page(request, "schedule_file.html", context)


async def listed(request: Call, faults: list[str], *, status_code: int = 200) -> Response[str]:
    """The venue's schedules; ``faults``: of a file that was sent."""
    actor = auth.current(request)
    found = await schedules.listed(actor, actor.organisation_key or "")
    context = {"schedules": found, "faults": faults[:_SHOWN], "more": len(faults) - _SHOWN}
    return await rendering.page(request, "schedules.html", context, status_code=status_code)


async def _text(request: Call, form: forms.Form) -> str:
    """Of the file, or of one that was looked at before.

    Raises:
        Invalid: there is none, or it is no text.
    """
    file = (await request.form()).get("file")
    data = await file.read() if isinstance(file, UploadFile) else form.secret("text").encode()
    if not data.strip():
        raise domain.refused([FieldError(path="", code="missing_file", message="")])
    if len(data) > _MAX_TEXT:
        raise domain.refused([FieldError(path="", code="file_too_large", message="")])
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise domain.refused([FieldError(path="", code="not_utf8", message="")]) from error


def _said(fault: FieldError) -> str:
    """Where it is, and what is wrong there."""
    sentence = schedule_forms.sentence(fault.code)
    if fault.code == "malformed_file":
        return f"{sentence}（{fault.message}）"
    match = _PLACE.fullmatch(fault.path)
    if match is None:
        return f"{fault.path}：{sentence}" if fault.path else sentence
    field = f"的 {match[2]}" if match[2] else ""
    return f"第 {int(match[1]) + 1} 个计划{field}：{sentence}"
