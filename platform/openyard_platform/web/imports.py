"""HTTP for imports: a venue's .ics file is shown as what it would change, and then applied."""

import asyncio
import datetime as dt
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from litestar import Request, Response, Router, get, post
from litestar.exceptions import HTTPException
from litestar.openapi.spec import (
    OpenAPIFormat,
    OpenAPIMediaType,
    OpenAPIType,
    Operation,
    Parameter,
    RequestBody,
    Schema,
)
from litestar.params import FromPath, FromQuery, QueryParameter
from msgspec import Meta, Struct, field

from openyard_events.contracts import Audience, SlotKind, Token
from openyard_events.publisher import SlotPublisher
from openyard_platform import clock
from openyard_platform.actions import import_publishing
from openyard_platform.actions import imports as actions
from openyard_platform.domain import words
from openyard_platform.domain.errors import Invalid
from openyard_platform.domain.event_slots import Problem
from openyard_platform.domain.imports import (
    Import,
    Instructions,
    Item,
    Other,
    Purpose,
    Result,
    Source,
)
from openyard_platform.domain.people import Role
from openyard_platform.web import auth, calendar_files, limits
from openyard_platform.web.limits import Limit

_log = logging.getLogger(__name__)

_PATH = "/api/v1/venues"
_TYPES = ("text/calendar", "application/octet-stream")
_HORIZON = dt.timedelta(days=366)
# Each costs a process for a moment; nobody needs more by hand or by night.
UPLOADS = Limit("imports", 1000, 3600)

Call = Request[Any, Any, Any]


class ImportIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The query of an upload. ``until``: a day of the city's calendar."""

    purpose: Purpose = field(name="as")
    space: Token
    source: Source | None = None
    capacity: Annotated[int, Meta(ge=1, le=100_000)] | None = None
    audience: Annotated[list[Audience], Meta(max_length=5)] = []
    kind: SlotKind = SlotKind.ACCESS
    zone: Annotated[str, Meta(max_length=64)] = "Asia/Shanghai"
    until: dt.date | None = None
    allow_empty: bool = False


class OtherOut(Struct, frozen=True, kw_only=True):
    """A slot, or busy time. ``taken``, ``waiting``: seats and parties on it."""

    external_id: str
    kind: str
    title: str
    space: str
    starts_at: dt.datetime
    ends_at: dt.datetime
    taken: int
    waiting: int


class ItemOut(Struct, frozen=True, kw_only=True):
    """One occurrence, or one slot of an earlier import. ``before``: as it stands now.

    ``others``: what is in the way of a conflict, or covers busy time. ``reason``: why it is kept.
    ``result``: its receipt; null: not published.
    """

    change: str
    external_id: str
    title: str
    starts_at: dt.datetime
    ends_at: dt.datetime
    before: OtherOut | None
    others: list[OtherOut]
    reason: str | None
    result: Result | None


class ImportSummary(Struct, frozen=True, kw_only=True):
    """``counts``: items of each change. ``problems``: how many are told on the import itself."""

    id: UUID
    source: str
    purpose: str = field(name="as")
    space: str
    status: Literal["previewed", "expired", "applying", "applied"]
    counts: dict[str, int]
    problem_count: int
    created_at: dt.datetime
    expires_at: dt.datetime
    applied_at: dt.datetime | None
    touched: str | None


class ImportOut(ImportSummary, frozen=True, kw_only=True):
    """``problems``: everything in the file of which nothing is made, with its reason."""

    items: list[ItemOut]
    problems: list[Problem]


class Imports(Struct, frozen=True, kw_only=True):
    """Newest first. ``next_cursor``: pass it as ``cursor`` for older ones; null: none."""

    items: list[ImportSummary]
    next_cursor: UUID | None


# For OpenAPI only; ImportIn reads the query as a whole and refuses what is not here.
PARAMETERS = {
    "as": "busy: the venue needs the space itself. slots: people may book.",
    "space": "The key of the space.",
    "source": "Which of the venue's calendars this is, for the next file of it. Left out: the"
    " key of the space.",
    "capacity": "Of each slot; needed with ``as=slots``.",
    "audience": "Who may book; may be repeated. Left out: everybody.",
    "kind": "access, visit, activity, shift or outreach. Left out: access.",
    "zone": "Of times that name none. Left out: Asia/Shanghai.",
    "until": "Up to which day series are followed. Left out: for a year.",
    "allow_empty": "true: a calendar without events means that there are none any more.",
}


@dataclass
class UploadOperation(Operation):
    """Tells OpenAPI the parameters that ``ImportIn`` reads, and the file in the body."""

    def __post_init__(self) -> None:
        described = [
            Parameter(
                name=name,
                param_in="query",
                description=text,
                required=name in {"as", "space"},
                schema=Schema(type=OpenAPIType.STRING),
            )
            for name, text in PARAMETERS.items()
        ]
        self.parameters = [*(self.parameters or []), *described]
        schema = Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY)
        self.request_body = RequestBody(
            content={"text/calendar": OpenAPIMediaType(schema=schema)},
            description="The .ics file as it is, at most 5 MB.",
            required=True,
        )


@post(
    "/{key:str}/imports",
    operation_id="uploadCalendar",
    operation_class=UploadOperation,
    status_code=201,
    request_max_body_size=calendar_files.MAX_BYTES,
)
async def upload(request: Call, key: FromPath[str]) -> Response[ImportOut]:
    """Read a calendar and show what it would change; nothing is changed yet."""
    sent_as = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if sent_as not in _TYPES:
        message = "The body is the .ics file itself: Content-Type: text/calendar."
        raise HTTPException(message, status_code=415)
    told = instructions(read_query(request), clock.now())
    made, items = await preview(request, key, told, await request.body())
    return Response(
        out(made, items),
        status_code=201,
        headers={"Location": f"{_PATH}/{key}/imports/{made.id}"},
    )


@get("/{key:str}/imports", operation_id="listImports")
async def index(
    request: Call,
    key: FromPath[str],
    cursor: FromQuery[UUID | None] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=100)] = 50,
) -> Imports:
    """What was uploaded, and what became of it. Previews are dropped when they have expired."""
    actor = auth.current(request)
    found = await actions.listed(actor, key, before=cursor, limit=limit + 1)
    now = clock.now()
    items = [ImportSummary(**_summary(one, now)) for one in found[:limit]]
    return Imports(items=items, next_cursor=items[-1].id if len(found) > limit else None)


@get("/{key:str}/imports/{import_id:uuid}", operation_id="getImport")
async def look(request: Call, key: FromPath[str], import_id: FromPath[UUID]) -> ImportOut:
    """Every occurrence with what becomes of it, every conflict, and what could not be read."""
    return out(*await actions.look(auth.current(request), key, import_id))


@post("/{key:str}/imports/{import_id:uuid}/apply", operation_id="applyImport", status_code=200)
async def apply(
    request: Call,
    key: FromPath[str],
    import_id: FromPath[UUID],
    touched: FromQuery[Literal["keep", "change"]] = "keep",
) -> Response[ImportOut]:
    """Publish what the preview says, and tell each receipt; 202: not all of them are here yet.

    Applying again publishes nothing again. ``touched``: whether slots that are reserved are moved
    or withdrawn too, and their holders told.
    """
    actor = auth.current(request)
    await carry_out(request, key, import_id, touched)
    made, items = await actions.look(actor, key, import_id)
    done = made.applied_at is not None
    return Response(
        out(made, items),
        status_code=200 if done else 202,
        headers={"Location": f"{_PATH}/{key}/imports/{import_id}"},
    )


async def preview(request: Call, key: str, told: Instructions, data: bytes) -> actions.Told:
    """Shared with the page."""
    actor = auth.current(request)
    await limits.spend(request.app.state.valkey, (UPLOADS, str(actor.account_id)))
    read = request.app.state.calendar_readers.read
    return await actions.preview(actor, key, told, data, read, clock.now())


async def carry_out(
    request: Call, key: str, import_id: UUID, touched: Literal["keep", "change"]
) -> None:
    """Begin to apply it, and wait for the receipts as long as any request waits."""
    actor = auth.current(request)
    begun = await actions.begin(actor, key, import_id, touched, clock.now())
    if begun is None:
        return
    state = request.app.state
    publisher: SlotPublisher = state.slot_publisher
    work = import_publishing.carry_out(publisher, begun, clock.now)
    task = asyncio.create_task(work)
    state.importing.add(task)
    task.add_done_callback(partial(_over, state.importing, import_id))
    await asyncio.wait({task}, timeout=state.settings.decision_wait)


def _over(importing: set[asyncio.Task[bool]], import_id: UUID, task: asyncio.Task[bool]) -> None:
    importing.discard(task)
    error = None if task.cancelled() else task.exception()
    if error is not None:
        _log.error("Import %s is left to the jobs", import_id, exc_info=error)


def read_query(request: Call) -> ImportIn:
    given: dict[str, Any] = {}
    for name, value in request.query_params.multi_items():
        if name == "audience":
            given.setdefault(name, []).append(value)
        elif name in given:
            raise Invalid(f"{name} is given twice.", code="parameter_invalid")
        else:
            given[name] = value
    try:
        return msgspec.convert(given, ImportIn, strict=False)
    except msgspec.ValidationError as error:
        raise Invalid(f"A parameter is wrong: {error}", code="parameter_invalid") from error


def instructions(asked: ImportIn, now: dt.datetime) -> Instructions:
    until = now + _HORIZON
    if asked.until is not None:
        until = dt.datetime.combine(asked.until, dt.time(), clock.SHANGHAI) + dt.timedelta(days=1)
    return Instructions(
        source=asked.source or asked.space[:40],
        purpose=asked.purpose,
        space=asked.space,
        zone=asked.zone,
        until=until,
        capacity=asked.capacity,
        audiences=asked.audience or None,
        kind=asked.kind,
        allow_empty=asked.allow_empty,
    )


def out(made: Import, items: Sequence[tuple[Item, Result | None]]) -> ImportOut:
    return ImportOut(
        **_summary(made, clock.now()),
        items=[_item(item, result) for item, result in items],
        problems=made.problems,
    )


def _summary(made: Import, now: dt.datetime) -> dict[str, Any]:
    return {
        "id": made.id,
        "source": made.source,
        "purpose": made.purpose.value,
        "space": made.space,
        "status": "expired" if made.has_expired(now) else made.status.value,
        "counts": made.counts,
        "problem_count": len(made.problems),
        "created_at": words.local(made.created_at),
        "expires_at": words.local(made.expires_at),
        "applied_at": None if made.applied_at is None else words.local(made.applied_at),
        "touched": made.touched,
    }


def _item(item: Item, result: Result | None) -> ItemOut:
    return ItemOut(
        change=item.change.value,
        external_id=item.external_id,
        title=item.title,
        starts_at=words.local(item.starts_at),
        ends_at=words.local(item.ends_at),
        before=None if item.before is None else _other(item.before),
        others=[_other(one) for one in item.others],
        reason=item.reason or None,
        result=result,
    )


def _other(other: Other) -> OtherOut:
    values = {name: getattr(other, name) for name in Other.__struct_fields__}
    return OtherOut(
        **{
            **values,
            "starts_at": words.local(other.starts_at),
            "ends_at": words.local(other.ends_at),
        }
    )


router = Router(
    _PATH,
    route_handlers=[upload, index, look, apply],
    opt=auth.require(Role.VENUE),
    tags=["imports"],
)
