"""A venue's calendar, uploaded with a form: looked at first, then applied."""

from typing import Any, Literal
from uuid import UUID

import msgspec
from litestar import Request, Response, get, post
from litestar.datastructures import UploadFile
from litestar.params import FromPath

from openyard_events import subjects
from openyard_platform import clock
from openyard_platform.actions import imports as actions
from openyard_platform.actions import venues
from openyard_platform.domain.errors import Conflict, Invalid
from openyard_platform.domain.imports import PUBLISHED, Change, Item, Purpose, Result, Status
from openyard_platform.domain.people import Actor, Role
from openyard_platform.store import spaces
from openyard_platform.web import auth, calendar_files, imports
from openyard_platform.web.imports import ImportIn
from openyard_platform.web.pages import forms, import_words, rendering
from openyard_platform.web.pages.forms import Form

_STAFF = auth.require(Role.VENUE)
_FORM = 64 * 1024  # what stands around the file
_SHOWN = 200  # of each kind of change
_ROOMY = 100_000

Call = Request[Any, Any, Any]
Row = tuple[Item, str]


@get("/my/imports", opt=_STAFF)
async def index(request: Call) -> Response[str]:
    return await _form_page(request, Form(values={"as": ["busy"], "audiences": ["family"]}))


@post(
    "/my/imports",
    status_code=200,
    opt=_STAFF,
    request_max_body_size=calendar_files.MAX_BYTES + _FORM,
)
async def upload(request: Call) -> Response[Any]:
    """Read the file, and go to what it would change."""
    form = await forms.read(request)
    file = (await request.form()).get("file")
    data = await file.read() if isinstance(file, UploadFile) else b""
    if not data:
        form.errors["file"] = "请选择一个日历文件（.ics）。"
    asked = _asked(form)
    if form.errors:
        return await _form_page(request, form, status_code=422)
    told = imports.instructions(asked, clock.now())
    try:
        made, _ = await imports.preview(request, _key(auth.current(request)), told, data)
    except Invalid as error:
        for one in error.parameters.get("errors", ()):
            if error.code == "calendar_unreadable":
                form.errors.setdefault("file", import_words.problem(one.code))
                form.errors["empty"] = one.code
            else:
                form.errors[one.path] = import_words.beside(one.path)
        return await _form_page(request, form, status_code=422)
    return rendering.go(f"/my/imports/{made.id}")


@get("/my/imports/{import_id:uuid}", opt=_STAFF)
async def show(import_id: FromPath[UUID], request: Call) -> Response[str]:
    return await _page(request, import_id)


@post("/my/imports/{import_id:uuid}/apply", status_code=200, opt=_STAFF)
async def apply(import_id: FromPath[UUID], request: Call) -> Response[Any]:
    """Publish what was shown; reserved slots are touched only where that was ticked."""
    form = await forms.read(request)
    touched: Literal["keep", "change"] = "change" if form.ticked("touch_reserved") else "keep"
    try:
        await imports.carry_out(request, _key(auth.current(request)), import_id, touched)
    except Conflict as error:
        said = "这份预览已经过期，请重新上传。"
        if error.code == "import_overtaken":
            said = "同一份日历刚刚有更新的文件导入，请重新上传。"
        return await _page(request, import_id, said, status_code=409)
    return rendering.go(f"/my/imports/{import_id}")


async def _form_page(request: Call, form: Form, *, status_code: int = 200) -> Response[str]:
    actor = auth.current(request)
    venue_id = venues.writer_of(actor, _key(actor))
    now = clock.now()
    recent = await actions.listed(actor, _key(actor), limit=10)
    context = {
        "form": form,
        "errors": form.errors,
        "spaces": await spaces.named(venue_id),
        "recent": recent,
        "expired": {one.id for one in recent if one.has_expired(now)},
    }
    return await rendering.page(request, "imports.html", context, status_code=status_code)


async def _page(
    request: Call, import_id: UUID, complaint: str = "", *, status_code: int = 200
) -> Response[str]:
    actor = auth.current(request)
    made, items = await actions.look(actor, _key(actor), import_id)
    names = await spaces.named(made.venue_id)
    groups: dict[str, list[Row]] = {change: [] for change in import_words.CHANGES}
    for item, result in items:
        groups[item.change].append((item, import_words.outcome(item, result)))
    context = {
        "made": made,
        "expired": made.has_expired(clock.now()),
        "space": names.get(made.space, made.space),
        "names": names,
        "complaint": complaint,
        "groups": [
            (change, import_words.CHANGES[change], rows[:_SHOWN], len(rows))
            for change, rows in groups.items()
            if rows
        ],
        "shown": _SHOWN,
        "publishes": any(made.counts.get(change) for change in PUBLISHED),
        "reserved": _reserved(items),
        "refused": sum(result is not None and result.status == "refused" for _, result in items),
        "done": sum(result is not None for _, result in items),
        "reason": import_words.problem,
        "problems": [(one.where, import_words.problem(one.code)) for one in made.problems[:_SHOWN]],
    }
    # What is under way looks after itself.
    headers = {"Refresh": "2"} if made.status is Status.APPLYING else None
    return await rendering.page(
        request, "import.html", context, status_code=status_code, headers=headers
    )


def _reserved(items: list[tuple[Item, Result | None]]) -> int:
    """Seats on what would be moved or withdrawn."""
    return sum(
        item.before.taken + item.before.waiting
        for item, _ in items
        if item.change in (Change.GONE, Change.MOVED) and item.before is not None
    )


def _asked(form: Form) -> ImportIn:
    """What the fields say; busy time has fewer of them."""
    purpose = form.text("as")
    space = form.text("space")
    if purpose not in set(Purpose):
        form.errors["as"] = "请选择导入为什么。"
    if not subjects.is_token(space):
        form.errors["space"] = import_words.beside("space")
    found: dict[str, Any] = {"as": purpose, "space": space, "allow_empty": form.ticked("empty")}
    if form.text("source"):
        found["source"] = form.text("source")
    if form.text("until"):
        found["until"] = form.text("until")
    if purpose == Purpose.SLOTS:
        found["capacity"] = form.number("capacity", 1, _ROOMY)
        found["kind"] = form.text("kind", default="access")
        found["audience"] = form.values.get("audiences", [])
    if not form.errors:
        try:
            return msgspec.convert(found, ImportIn)
        except msgspec.ValidationError as error:
            field = str(error).rpartition("`$.")[2].partition("`")[0].partition("[")[0]
            form.errors[field or "form"] = import_words.beside(field)
    return ImportIn(purpose=Purpose.BUSY, space="none")


def _key(actor: Actor) -> str:
    return actor.organisation_key or ""
