"""My reservations: the list, one of them, and giving it back."""

import datetime as dt
from typing import Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.params import FromPath
from msgspec import Struct

from openyard_platform import clock, ids
from openyard_platform.actions import reservations
from openyard_platform.actions.reservations import Amendment
from openyard_platform.domain.errors import Invalid, NotFound, Refused
from openyard_platform.store import reservations as records
from openyard_platform.store.reservations import Reservation
from openyard_platform.web import auth
from openyard_platform.web.pages import forms, rendering
from openyard_platform.web.reservations import desk, estimate_of, ways_out_of

_PAGE = 30
_MOST_SEATS = 10_000
_LIVE = frozenset({"confirmed", "offered", "waitlisted"})


class Shown(Struct, frozen=True, kw_only=True):
    """A reservation and what its holder may still do. ``cancel_until``: while it is confirmed."""

    it: Reservation
    cancel_until: dt.datetime
    cancellable: bool
    past: bool


@get("/my/reservations", opt=auth.LOGGED_IN)
async def index(request: Request[Any, Any, Any]) -> Response[str]:
    """What is to be answered, what is to come by its time, then what has been, newest first."""
    now = clock.now()
    holder_id = auth.current(request).holder_id
    before = _before(request)
    rows = await records.page(holder_id, before=before, limit=_PAGE + 1)
    # An answer that is wanted soon stands before everything, however long ago the party asked.
    offered = await records.offered(holder_id) if before is None else []
    shown = [_shown(row, now) for row in rows[:_PAGE] if row.status != "offered"]
    coming = [each for each in shown if each.it.status in _LIVE and not each.past]
    return await rendering.page(
        request,
        "reservations.html",
        {
            "offered": [_shown(row, now) for row in offered],
            "coming": sorted(coming, key=lambda each: each.it.starts_at),
            "rest": [each for each in shown if each not in coming],
            "older": rows[_PAGE - 1].id if len(rows) > _PAGE else None,
        },
    )


@get("/my/reservations/{reservation_id:uuid}", opt=auth.LOGGED_IN)
async def show(reservation_id: FromPath[UUID], request: Request[Any, Any, Any]) -> Response[str]:
    """What came of one; while it is undecided the page asks again by itself."""
    return await _page(request, reservation_id)


@post("/my/reservations/{reservation_id:uuid}/cancel", status_code=200, opt=auth.LOGGED_IN)
async def cancel(reservation_id: FromPath[UUID], request: Request[Any, Any, Any]) -> Response[Any]:
    try:
        await reservations.cancel(desk(request), auth.current(request), reservation_id)
    except Refused as error:
        refusals = error.parameters["refusals"]
        return await _page(request, reservation_id, refusals=refusals, status_code=409)
    return rendering.go(f"/my/reservations/{reservation_id}")


@post("/my/reservations/{reservation_id:uuid}/accept", status_code=200, opt=auth.LOGGED_IN)
async def accept(reservation_id: FromPath[UUID], request: Request[Any, Any, Any]) -> Response[Any]:
    """Take what is offered, or say yes to the new time."""
    return await _answer(request, reservation_id, accept=True)


@post("/my/reservations/{reservation_id:uuid}/decline", status_code=200, opt=auth.LOGGED_IN)
async def decline(reservation_id: FromPath[UUID], request: Request[Any, Any, Any]) -> Response[Any]:
    return await _answer(request, reservation_id, accept=False)


@post("/my/reservations/{reservation_id:uuid}/seats", status_code=200, opt=auth.LOGGED_IN)
async def change_seats(
    reservation_id: FromPath[UUID], request: Request[Any, Any, Any]
) -> Response[Any]:
    """More or fewer people; the old number stands where the new one is not possible."""
    form = await forms.read(request)
    amendment = Amendment(
        seats=form.number("seats", 1, _MOST_SEATS),
        adults=form.number("adults", 0, _MOST_SEATS) if form.ticked("adults") else None,
    )
    if form.errors:
        return await _page(request, reservation_id, errors=form.errors, status_code=422)
    try:
        await reservations.amend(
            desk(request), auth.current(request), reservation_id, amendment, clock.now()
        )
    except Refused as error:
        refusals = error.parameters["refusals"]
        return await _page(request, reservation_id, refusals=refusals, status_code=409)
    except Invalid as error:
        refusals = [{"code": error.code, **error.parameters}]
        return await _page(request, reservation_id, refusals=refusals, status_code=422)
    return rendering.go(f"/my/reservations/{reservation_id}")


async def _answer(
    request: Request[Any, Any, Any], reservation_id: UUID, *, accept: bool
) -> Response[Any]:
    actor = auth.current(request)
    try:
        await reservations.answer_offer(desk(request), actor, reservation_id, accept=accept)
    except Refused as error:
        refusals = error.parameters["refusals"]
        return await _page(request, reservation_id, refusals=refusals, status_code=409)
    return rendering.go(f"/my/reservations/{reservation_id}")


async def _page(
    request: Request[Any, Any, Any],
    reservation_id: UUID,
    *,
    refusals: list[dict[str, Any]] | None = None,
    errors: dict[str, str] | None = None,
    status_code: int = 200,
) -> Response[str]:
    actor = auth.current(request)
    known = await records.get(actor.holder_id, reservation_id)
    if known is None:
        return await _undecided(request, reservation_id)
    context = {
        "shown": _shown(known, clock.now()),
        "estimate": await estimate_of(known),
        "ways": await ways_out_of(request, known),
        "refusals": refusals or [],
        "errors": errors or {},
    }
    return await rendering.page(request, "reservation.html", context, status_code=status_code)


async def _undecided(request: Request[Any, Any, Any], reservation_id: UUID) -> Response[str]:
    """Accepted and still in line, or the key of its form belonged to another wish."""
    actor = auth.current(request)
    secret = request.app.state.settings.secret_key
    if ids.minted_partition(secret, actor.account_id, reservation_id) is None:
        raise NotFound("There is no such reservation.")
    if await records.key_was_reused(actor.account_id, reservation_id):
        raise Refused("Reused.", refusals=[{"code": "idempotency_key_reused"}])
    ahead = desk(request).gatherer.queue_ahead(reservation_id)
    return await rendering.page(
        request, "waiting.html", {"ahead": ahead}, status_code=202, headers={"Refresh": "2"}
    )


def _shown(row: Reservation, now: dt.datetime) -> Shown:
    until = row.starts_at - dt.timedelta(hours=row.cancel_until_hours or 0)
    past = row.ends_at <= now
    free_to_go = row.status != "confirmed" or row.needs_reconfirm or now <= until
    return Shown(
        it=row,
        cancel_until=until,
        cancellable=row.status in _LIVE and now < row.starts_at and free_to_go,
        past=past,
    )


def _before(request: Request[Any, Any, Any]) -> UUID | None:
    try:
        return UUID(request.query_params.get("before", ""))
    except ValueError:
        return None
