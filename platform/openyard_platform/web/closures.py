"""HTTP for closing a venue for a while, what that would touch, and what is closed."""

import datetime as dt
from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Response, Router, delete, get, post
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct, field

from openyard_events.contracts import FieldError, Instant, Token
from openyard_platform import clock
from openyard_platform.actions import closures
from openyard_platform.domain import closures as domain
from openyard_platform.domain import words
from openyard_platform.domain.closures import Closure
from openyard_platform.domain.errors import Invalid
from openyard_platform.domain.people import Role
from openyard_platform.store.closures import Touched
from openyard_platform.web import auth
from openyard_platform.web.fields import Line
from openyard_platform.web.venues import ReceiptOut, receipt_out

Call = Request[Any, Any, Any]


class ClosureIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``date``: a whole day of the city's calendar; or ``from`` and ``to``, RFC 3339.

    ``spaces``: keys; left out: the whole venue. ``reason``: those who have seats are told it.
    """

    reason: Annotated[Line, Meta(min_length=1, max_length=500)]
    date: dt.date | None = None
    since: Instant | None = field(default=None, name="from")
    until: Instant | None = field(default=None, name="to")
    spaces: Annotated[list[Token], Meta(min_length=1, max_length=200)] | None = None


class TouchedOut(Struct, frozen=True, kw_only=True):
    """``seats``: taken by ``holders`` parties. ``waiting``: parties that wait."""

    slot_id: UUID
    external_id: str
    title: str
    space: str
    starts_at: dt.datetime
    ends_at: dt.datetime
    seats: int
    holders: int
    waiting: int


class ClosedOut(TouchedOut, frozen=True, kw_only=True):
    """``receipt``: the answer to its withdrawal; null: it is open still."""

    receipt: ReceiptOut | None


class Preview(Struct, frozen=True, kw_only=True):
    """The open slots that would be withdrawn, and the parties on all of them."""

    starts_at: dt.datetime = field(name="from")
    ends_at: dt.datetime = field(name="to")
    slots: list[TouchedOut]
    seats: int
    holders: int
    waiting: int


class ClosureOut(Struct, frozen=True, kw_only=True):
    """``open``: so many got no answer in time; the same request again goes on with them."""

    starts_at: dt.datetime = field(name="from")
    ends_at: dt.datetime = field(name="to")
    reason: str
    slots: list[ClosedOut]
    open: int


@post("/{key:str}/closures/preview", operation_id="previewClosure", status_code=200)
async def preview(request: Call, key: FromPath[str], data: JSONBody[ClosureIn]) -> Preview:
    """What a closure would withdraw, and whom that touches; nothing changes."""
    closure = _closure(data)
    found = await closures.preview(auth.current(request), key, closure, clock.now())
    return Preview(
        starts_at=words.local(closure.starts_at),
        ends_at=words.local(closure.ends_at),
        slots=[TouchedOut(**_touched(slot)) for slot in found],
        seats=sum(slot.seats for slot in found),
        holders=sum(slot.holders for slot in found),
        waiting=sum(slot.waiting for slot in found),
    )


@post("/{key:str}/closures", operation_id="closeVenue", status_code=200)
async def close(
    request: Call, key: FromPath[str], data: JSONBody[ClosureIn]
) -> Response[ClosureOut]:
    """Withdraw every open slot in it; everybody on them is told. 202: some got no answer yet.

    It is remembered: opening schedules publish nothing into it until it is lifted.
    """
    closure = _closure(data)
    publisher = request.app.state.slot_publisher
    found = await closures.close(publisher, auth.current(request), key, closure, clock.now)
    standing = sum(one.receipt is None for one in found)
    return Response(
        ClosureOut(
            starts_at=words.local(closure.starts_at),
            ends_at=words.local(closure.ends_at),
            reason=closure.reason,
            slots=[
                ClosedOut(
                    **_touched(one.slot),
                    receipt=None if one.receipt is None else receipt_out(one.receipt),
                )
                for one in found
            ],
            open=standing,
        ),
        status_code=202 if standing else 200,
        headers={"Retry-After": "1"} if standing else None,
    )


class StandingOut(Struct, frozen=True, kw_only=True):
    """A closure that opening schedules publish nothing into. ``spaces`` null: the whole venue."""

    id: UUID
    starts_at: dt.datetime = field(name="from")
    ends_at: dt.datetime = field(name="to")
    reason: str
    spaces: list[str] | None


class Closures(Struct, frozen=True, kw_only=True):
    items: list[StandingOut]


@get("/{key:str}/closures", operation_id="listClosures")
async def index(request: Call, key: FromPath[str]) -> Closures:
    """The venue's closures that are not over, in order of time."""
    found = await closures.listed(auth.current(request), key, clock.now())
    return Closures(
        items=[
            StandingOut(
                id=one.id,
                starts_at=words.local(one.starts_at),
                ends_at=words.local(one.ends_at),
                reason=one.reason,
                spaces=one.spaces,
            )
            for one in found
        ]
    )


@delete("/{key:str}/closures/{closure_id:uuid}", operation_id="liftClosure")
async def lift(request: Call, key: FromPath[str], closure_id: FromPath[UUID]) -> None:
    """Let opening schedules publish there again; slots it has withdrawn stay withdrawn."""
    await closures.lift(auth.current(request), key, closure_id, clock.now())


def _closure(data: ClosureIn) -> Closure:
    """Raises Invalid where it is neither a day nor a stretch."""
    if data.date is not None and data.since is None and data.until is None:
        starts_at, ends_at = domain.of_days(data.date, data.date)
    elif data.date is None and data.since is not None and data.until is not None:
        starts_at, ends_at = data.since, data.until
    else:
        message = "Either date, or from and to."
        error = FieldError(path="date", code="missing_field", message=message)
        raise Invalid(message, errors=[error])
    return Closure(
        starts_at=starts_at,
        ends_at=ends_at,
        reason=data.reason,
        spaces=None if data.spaces is None else tuple(data.spaces),
    )


def _touched(slot: Touched) -> dict[str, Any]:
    fields = {name: getattr(slot, name) for name in TouchedOut.__struct_fields__}
    return fields | {
        "starts_at": words.local(slot.starts_at),
        "ends_at": words.local(slot.ends_at),
    }


router = Router(
    "/api/v1/venues",
    route_handlers=[preview, close, index, lift],
    opt=auth.require(Role.VENUE),
    tags=["venues"],
)
