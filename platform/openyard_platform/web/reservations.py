"""HTTP for reservations: ask, look, give back."""

import secrets
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any
from uuid import UUID

import asyncpg
from litestar import Litestar, Request, Response, Router, delete, get, patch, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, FromQuery, HeaderParameter, JSONBody
from msgspec.structs import replace

from openyard_events.commands import Outcome
from openyard_events.gathering import Gatherer
from openyard_platform import clock, ids
from openyard_platform.actions import parties, reservations
from openyard_platform.actions.alternatives import Alternatives
from openyard_platform.actions.reservations import Amendment, Desk, Queued, Wish
from openyard_platform.domain.errors import Invalid, NotFound, Refused
from openyard_platform.domain.reservations import Refusal
from openyard_platform.settings import Settings
from openyard_platform.store import reservations as records
from openyard_platform.store import waiting
from openyard_platform.store.waiting import Estimate
from openyard_platform.web import auth
from openyard_platform.web.answers import SHORT_WAY, Json
from openyard_platform.web.reservation_bodies import (
    Alternative,
    Decided,
    Page,
    Requested,
    ReservationOut,
    shown,
)
from openyard_platform.web.slots import remaining

PATH = "/api/v1/reservations"
_PAGE = 50

_ABOUT_WHO_COMES = frozenset({"age_out_of_range", "grade_out_of_range"})
# With these, the same party may well be welcome elsewhere or at another time.
_ABOUT_THE_SLOT = frozenset(
    {"slot_full", "insufficient_capacity", "booking_closed", "slot_started", "slot_cancelled"}
    | {"allotment_reserved", "venue_capacity_conflict", "quota_reached"}
    | _ABOUT_WHO_COMES
    | {"not_yet_open", "party_too_large", "party_too_small", "audience_not_allowed"}
)
_NO_DATABASE = (
    OSError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)


_IN_LINE = ResponseSpec(Requested, description="Accepted, not yet decided", generate_examples=False)


@post(
    PATH,
    operation_id="reserve",
    opt={**auth.LOGGED_IN, **SHORT_WAY},
    status_code=201,
    responses={202: _IN_LINE},
)
async def reserve(
    request: Request[Any, Any, Any],
    data: JSONBody[Wish],
    idempotency_key: Annotated[
        str | None, HeaderParameter(name="Idempotency-Key", min_length=1, max_length=200)
    ] = None,
) -> Response[Decided | Requested | ReservationOut]:
    """Reserve seats: 201 decided, 202 accepted but not yet decided, 409 with refusals.

    A refusal that another slot could mend carries ``alternatives``: up to five that have the seats.
    """
    actor = auth.current(request)
    try:
        answer = await reservations.reserve(
            desk(request),
            actor,
            data,
            key=idempotency_key,
            unix_ms=int(clock.now().timestamp() * 1000),
        )
    except Refused as error:
        error.parameters["alternatives"] = await ways_out(
            *(request, error.parameters["refusals"], data.slot_id, data.seats),
            parties.audiences_of(actor, with_children=bool(data.children)),
        )
        raise
    if isinstance(answer, Queued):
        # The answer may have been lost on its way back: what is decided is in the database.
        return await _as_it_stands(request, answer, status=201)
    if answer.reservation_id != answer.id:
        return await _as_it_stands(request, Queued(id=answer.id, queue_ahead=0), status=201)
    return Json(
        Decided(
            id=answer.id,
            status=answer.status,
            position=answer.position,
            slot_id=answer.slot_id,
            seats=data.seats,
            adults=data.adults,
            waitlist_place=answer.waitlist_place,
            decided_at=answer.decided_at and answer.decided_at.astimezone(clock.SHANGHAI),
        ),
        status_code=201,
        headers={"Location": f"{PATH}/{answer.id}"},
    )


@get(PATH, operation_id="listReservations", opt=auth.LOGGED_IN)
async def list_own(request: Request[Any, Any, Any], before: FromQuery[UUID | None] = None) -> Page:
    rows = await records.page(auth.current(request).holder_id, before=before, limit=_PAGE + 1)
    items = [shown(row) for row in rows[:_PAGE]]
    return Page(items=items, next=items[-1].id if len(rows) > _PAGE else None)


@get(PATH + "/{reservation_id:uuid}", operation_id="getReservation", opt=auth.LOGGED_IN)
async def get_own(
    request: Request[Any, Any, Any], reservation_id: FromPath[UUID]
) -> Response[Decided | Requested | ReservationOut]:
    """One's own: 200 decided, 202 still in line, 404 otherwise."""
    actor = auth.current(request)
    known = await records.get(actor.holder_id, reservation_id)
    if known is not None:
        return Response(await _in_full(request, known))
    settings = desk(request).settings
    if ids.minted_partition(settings.secret_key, actor.account_id, reservation_id) is None:
        raise NotFound("There is no such reservation.")
    if await records.key_was_reused(actor.account_id, reservation_id):
        raise Invalid(
            "This Idempotency-Key was used for another request before.",
            code="idempotency_key_reused",
        )
    ahead = desk(request).gatherer.queue_ahead(reservation_id)
    return _requested(Queued(id=reservation_id, queue_ahead=ahead))


@delete(
    PATH + "/{reservation_id:uuid}",
    operation_id="cancelReservation",
    opt=auth.LOGGED_IN,
    status_code=200,
)
async def cancel(
    request: Request[Any, Any, Any], reservation_id: FromPath[UUID]
) -> Response[Decided | Requested | ReservationOut]:
    """Give seats or a place on the waiting list back."""
    answer = await reservations.cancel(desk(request), auth.current(request), reservation_id)
    if isinstance(answer, Queued):
        return _requested(answer)
    return await _as_it_stands(request, Queued(id=_id(answer), queue_ahead=0))


@asynccontextmanager
async def opened(app: Litestar) -> AsyncGenerator[None, None]:
    """Put the desk of this process into ``app.state``; the connection to NATS stands there."""
    settings: Settings = app.state.settings
    connection = app.state.nats
    instance = f"web-{secrets.token_hex(8)}"
    gatherer = Gatherer(connection, connection.jetstream(), instance, settings.partitions)
    await gatherer.start()
    app.state.desk = Desk(settings, gatherer)
    app.state.alternatives = Alternatives()
    app.state.metrics.gauge(
        "openyard_decisions_waiting",
        "Commands of this process that wait for their decision.",
        lambda: gatherer.undecided,
    )
    try:
        yield
    finally:
        await app.state.desk.close()
        await gatherer.stop()


@patch(PATH + "/{reservation_id:uuid}", operation_id="changeReservation", opt=auth.LOGGED_IN)
async def change(
    request: Request[Any, Any, Any],
    reservation_id: FromPath[UUID],
    data: JSONBody[Amendment],
) -> Response[Decided | Requested | ReservationOut]:
    """Other seats, or another slot of the same venue: all of it, or 409 and nothing."""
    actor = auth.current(request)
    answer = await reservations.amend(desk(request), actor, reservation_id, data, clock.now())
    if isinstance(answer, Queued):
        return _requested(answer)
    return await _as_it_stands(request, Queued(id=_id(answer), queue_ahead=0))


@post(
    PATH + "/{reservation_id:uuid}/accept",
    operation_id="acceptOffer",
    opt=auth.LOGGED_IN,
    status_code=200,
)
async def accept(
    request: Request[Any, Any, Any], reservation_id: FromPath[UUID]
) -> Response[Decided | Requested | ReservationOut]:
    """Take the seats that are held for one's waiting party, or say yes to a moved slot."""
    return await _answered(request, reservation_id, accept=True)


@post(
    PATH + "/{reservation_id:uuid}/decline",
    operation_id="declineOffer",
    opt=auth.LOGGED_IN,
    status_code=200,
)
async def decline(
    request: Request[Any, Any, Any], reservation_id: FromPath[UUID]
) -> Response[Decided | Requested | ReservationOut]:
    """Let the seats go that are held for one's waiting party."""
    return await _answered(request, reservation_id, accept=False)


async def _answered(
    request: Request[Any, Any, Any], reservation_id: UUID, *, accept: bool
) -> Response[Decided | Requested | ReservationOut]:
    actor = auth.current(request)
    answer = await reservations.answer_offer(desk(request), actor, reservation_id, accept=accept)
    if isinstance(answer, Queued):
        return _requested(answer)
    return await _as_it_stands(request, Queued(id=_id(answer), queue_ahead=0))


async def _in_full(request: Request[Any, Any, Any], row: records.Reservation) -> ReservationOut:
    return replace(
        shown(row),
        waitlist_estimate=await estimate_of(row),
        alternatives=await ways_out_of(request, row),
    )


async def estimate_of(row: records.Reservation) -> Estimate | None:
    """How far earlier waiting lists got, for a party that waits; None: it does not, or too few."""
    if row.waitlist_place is None:
        return None
    return await waiting.estimate(row.slot_id, row.waitlist_place, clock.now())


async def ways_out_of(
    request: Request[Any, Any, Any], row: records.Reservation
) -> list[Alternative]:
    """Other slots for a reservation that was refused, also when that was known only later."""
    if row.status != "refused" or row.starts_at <= clock.now():
        return []
    return await ways_out(request, row.refusals, row.slot_id, row.seats, row.audiences)


async def ways_out(
    request: Request[Any, Any, Any],
    refusals: Sequence[Refusal],
    slot_id: UUID,
    seats: int,
    audiences: Sequence[str],
) -> list[Alternative]:
    """Other slots that would do, where the refusal is about this slot and not about who asks."""
    codes = {refusal["code"] for refusal in refusals}
    if not codes <= _ABOUT_THE_SLOT:
        return []
    known: Alternatives = request.app.state.alternatives
    try:
        now = clock.now()
        found = await known.of(slot_id, seats, audiences, now, unfit=bool(codes & _ABOUT_WHO_COMES))
    except _NO_DATABASE:
        # The decision stands; what else there is can be looked up later.
        return []
    return [
        Alternative(
            id=slot.id,
            title=slot.title,
            starts_at=slot.starts_at.astimezone(clock.SHANGHAI),
            ends_at=slot.ends_at.astimezone(clock.SHANGHAI),
            remaining=remaining(slot, now, audiences),
            venue=slot.venue.key,
            venue_name=slot.venue.name,
            space=slot.space,
        )
        for slot in found
    ]


def desk(request: Request[Any, Any, Any]) -> Desk:
    made: Desk = request.app.state.desk
    return made


def _id(outcome: Outcome) -> UUID:
    return outcome.reservation_id or outcome.id


async def _as_it_stands(
    request: Request[Any, Any, Any], queued: Queued, status: int = 200
) -> Response[Decided | Requested | ReservationOut]:
    try:
        known = await records.get(auth.current(request).holder_id, queued.id)
    except _NO_DATABASE:
        # It is in line or decided. A 503 would say that nothing has happened.
        known = None
    if known is None:
        return _requested(queued)
    if known.status == "refused":
        raise Refused(
            "The reservation is not possible.",
            refusals=known.refusals,
            reservation=known.id,
            position=known.position,
            alternatives=await ways_out_of(request, known),
        )
    return Response(shown(known), status_code=status, headers={"Location": f"{PATH}/{known.id}"})


def _requested(queued: Queued) -> Response[Decided | Requested | ReservationOut]:
    return Response(
        Requested(id=queued.id, queue_ahead=queued.queue_ahead),
        status_code=202,
        headers={"Location": f"{PATH}/{queued.id}", "Retry-After": "1"},
    )


router = Router("/", route_handlers=[reserve, list_own, get_own, change, cancel, accept, decline])
