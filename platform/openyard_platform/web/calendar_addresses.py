"""HTTP for the addresses at which a venue publishes its own calendars."""

import datetime as dt
from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Router, delete, get, post
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct, field

from openyard_events.contracts import Audience, SlotKind, Token
from openyard_platform import clock
from openyard_platform.actions import calendar_addresses as actions
from openyard_platform.domain.calendar_addresses import CalendarAddress, Outcome, Wanted
from openyard_platform.domain.imports import Purpose, Source
from openyard_platform.domain.people import Role
from openyard_platform.web import auth

Call = Request[Any, Any, Any]


class AddressIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``url``: of an .ics file, https. The others as for an upload (``uploadCalendar``)."""

    url: Annotated[str, Meta(min_length=1, max_length=2000)]
    purpose: Purpose = field(name="as")
    space: Token
    source: Source | None = None
    capacity: Annotated[int, Meta(ge=1, le=100_000)] | None = None
    audiences: Annotated[list[Audience], Meta(max_length=5)] = []
    kind: SlotKind = SlotKind.ACCESS
    zone: Annotated[str, Meta(max_length=64)] = "Asia/Shanghai"


class AddressOut(AddressIn, frozen=True, kw_only=True):
    """``outcome``: of the last reading; null: there was none.

    ``changed``: the import ``import_id`` waits to be applied. ``failed``: ``reason`` says why, and
    what stands stays. ``next_at``: when it is read again.
    """

    id: UUID
    outcome: Outcome | None
    reason: str | None
    import_id: UUID | None
    fetched_at: dt.datetime | None
    next_at: dt.datetime


class Addresses(Struct, frozen=True, kw_only=True):
    items: list[AddressOut]


@post("/{key:str}/calendar-addresses", operation_id="addCalendarAddress", status_code=201)
async def add(request: Call, key: FromPath[str], data: JSONBody[AddressIn]) -> AddressOut:
    """Have a calendar read every hour; what it would change waits as an import to be applied."""
    actor = auth.current(request)
    return _out(await actions.add(actor, key, data.url, wanted(data), clock.now()))


@get("/{key:str}/calendar-addresses", operation_id="listCalendarAddresses")
async def index(request: Call, key: FromPath[str]) -> Addresses:
    """The oldest first, each with what the last reading came to."""
    found = await actions.listed(auth.current(request), key)
    return Addresses(items=[_out(one) for one in found])


@post(
    "/{key:str}/calendar-addresses/{address_id:uuid}/read",
    operation_id="readCalendarAddress",
    status_code=202,
)
async def read(request: Call, key: FromPath[str], address_id: FromPath[UUID]) -> None:
    """Read it within seconds rather than when it is due."""
    await actions.hurry(auth.current(request), key, address_id, clock.now())


@delete("/{key:str}/calendar-addresses/{address_id:uuid}", operation_id="removeCalendarAddress")
async def remove(request: Call, key: FromPath[str], address_id: FromPath[UUID]) -> None:
    """Read it no more. What was applied of it stays."""
    await actions.remove(auth.current(request), key, address_id, clock.now())


def wanted(asked: AddressIn) -> Wanted:
    """Shared with the page."""
    return Wanted(
        source=asked.source or asked.space[:40],
        purpose=asked.purpose,
        space=asked.space,
        zone=asked.zone,
        capacity=asked.capacity,
        audiences=asked.audiences or None,
        kind=asked.kind,
    )


def _out(address: CalendarAddress) -> AddressOut:
    told = address.wanted
    return AddressOut(
        id=address.id,
        url=address.url,
        purpose=told.purpose,
        space=told.space,
        source=told.source,
        capacity=told.capacity,
        audiences=told.audiences or [],
        kind=told.kind,
        zone=told.zone,
        outcome=address.outcome,
        reason=address.reason or None,
        import_id=address.import_id if address.outcome is Outcome.CHANGED else None,
        fetched_at=_local(address.fetched_at),
        next_at=address.due_at.astimezone(clock.SHANGHAI),
    )


def _local(moment: dt.datetime | None) -> dt.datetime | None:
    return None if moment is None else moment.astimezone(clock.SHANGHAI)


router = Router(
    "/api/v1/venues",
    route_handlers=[add, index, read, remove],
    opt=auth.require(Role.VENUE),
    tags=["imports"],
)
