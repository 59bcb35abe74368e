"""What our way is measured against, in the same web process, with the same authentication.

``/bench/bare`` decodes and answers. ``/bench/row-lock`` decides in the request itself, under a row
lock, with the same rules, writing the same rows, behind the framework: the way most systems do it.
``/bench/row-lock-short`` is the same on the short way that our own requests take.
"""

import datetime as dt
from typing import Any

import msgspec
from litestar import Request, Response, post

from openyard_events.commands import Outcome, Reserve
from openyard_infra.bench import feed_routes
from openyard_platform import clock, ids
from openyard_platform.actions.reservations import Wish
from openyard_platform.domain.deciding import decide
from openyard_platform.domain.state import Asked, Decisions, State
from openyard_platform.store import engine, working_copies
from openyard_platform.web import auth
from openyard_platform.web.answers import SHORT_WAY, Json
from openyard_platform.web.reservation_bodies import Decided

_to_json = msgspec.json.Encoder().encode


@post("/bench/bare", opt={**auth.LOGGED_IN, **SHORT_WAY}, status_code=201, include_in_schema=False)
async def bare(request: Request[Any, Any, Any], data: Wish) -> Response[Decided]:
    """The limit of the web layer: nothing is decided."""
    actor = auth.current(request)
    return _told(Outcome(id=actor.account_id, status="confirmed", slot_id=data.slot_id), data)


@post("/bench/row-lock", opt=auth.LOGGED_IN, status_code=201, include_in_schema=False)
async def row_lock(request: Request[Any, Any, Any], data: Wish) -> Response[Decided]:
    """As most systems do it."""
    return await _decide(request, data)


@post(
    "/bench/row-lock-short",
    opt={**auth.LOGGED_IN, **SHORT_WAY},
    status_code=201,
    include_in_schema=False,
)
async def row_lock_short(request: Request[Any, Any, Any], data: Wish) -> Response[Decided]:
    """Past the framework, as our requests."""
    return await _decide(request, data)


async def _decide(request: Request[Any, Any, Any], data: Wish) -> Response[Decided]:
    """``SELECT … FOR UPDATE``, the same rules, one writing statement, COMMIT: six round trips."""
    actor = auth.current(request)
    now = clock.now()
    party = actor.family_id or actor.account_id
    command = Reserve(
        id=ids.new(),
        slot_id=data.slot_id,
        account_id=actor.account_id,
        holder_id=actor.holder_id,
        parties=(party,),
        audiences=actor.audiences,
        seats=data.seats,
        adults=data.adults,
        waitlist=data.waitlist,
    )
    async with engine.transaction() as connection:
        state = await _load(connection, command)
        decided = decide(state, [Asked(command, now)])
        await _write(connection, decided, command, now)
    return _told(decided.outcomes[0], data)


async def _load(connection: Any, command: Reserve) -> State:
    state = State()
    party = command.parties[0]
    no = await connection.fetchval("SELECT no FROM party WHERE ref = $1 FOR NO KEY UPDATE", party)
    state.party_nos[party] = no
    row = await connection.fetchrow(_LOCK_SLOT, command.slot_id)
    slot = working_copies.slot(row)
    state.slots[slot.id] = slot
    for row in await connection.fetch(
        """SELECT slot_id, reservation_id, lower(during) AS lo, upper(during) AS hi
           FROM party_occupancy
           WHERE party_no = $1 AND (slot_id = $2 OR during && int4range($3, $4))""",
        no,
        slot.id,
        *slot.span,
    ):
        state.live[row["slot_id"], no] = row["reservation_id"]
        if row["lo"] is not None:
            entry = (row["lo"], row["hi"], row["reservation_id"])
            state.party_busy.setdefault(no, []).append(entry)
    return state


async def _write(connection: Any, decided: Decisions, command: Reserve, now: dt.datetime) -> None:
    slot = decided.changed_slots[command.slot_id]
    made = decided.new_reservations[command.id]
    district, _, fact = decided.facts[0]
    entry = decided.audit[0]
    no = made.party_nos[0]
    claim = decided.party_occupancies.get((made.id, no))
    lo, hi = (None, None) if claim is None or claim.span is None else claim.span
    verb = made.status
    await connection.execute(
        _WRITE,
        made.id,
        slot.id,
        made.account_id,
        made.holder_id,
        made.party_nos,
        made.seats,
        made.adults,
        made.held,
        made.status,
        made.position,
        made.refusals,
        now,
        no,
        lo,
        hi,
        slot.taken,
        slot.waiting,
        slot.revision,
        ids.new(),
        f"fact.{district}.reservation.{verb}",
        f"openyard.reservation.{verb}.v1",
        _to_json(fact).decode(),
        entry.action,
        msgspec.to_builtins(entry.detail),
        made.audiences,
    )


def _told(outcome: Outcome, data: Wish) -> Response[Decided]:
    return Json(
        Decided(
            id=outcome.id,
            status=outcome.status,
            position=outcome.position,
            slot_id=outcome.slot_id,
            seats=data.seats,
            waitlist_place=outcome.waitlist_place,
            decided_at=outcome.decided_at,
        ),
        status_code=201 if outcome.status != "refused" else 409,
        headers={"Location": f"/api/v1/reservations/{outcome.id}"},
    )


_LOCK_SLOT = f"""
    SELECT {working_copies.SLOT} FROM slot s JOIN organisation o ON o.id = s.venue_id
    WHERE s.id = $1 FOR NO KEY UPDATE OF s
"""  # noqa: S608 - made of constants

_WRITE = """
    WITH made AS (
        INSERT INTO reservation (id, slot_id, account_id, holder_id, party_nos, seats, adults,
            held, status, position, refusals, created_at, updated_at, audiences)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12, $25)
    ), placed AS (
        INSERT INTO party_occupancy (reservation_id, party_no, slot_id, during)
        SELECT $1, $13, $2, int4range($14, $15) WHERE $14::int4 IS NOT NULL
    ), counted AS (
        UPDATE slot SET taken = $16, waiting = $17, decided = $10, revision = $18, updated_at = $12
        WHERE id = $2
    ), told AS (
        INSERT INTO outbox (event_id, subject, type, body, at) VALUES ($19, $20, $21, $22, $12)
    )
    INSERT INTO audit (at, actor_id, action, subject_id, detail) VALUES ($12, $3, $23, $1, $24)
"""

handlers = [bare, row_lock, row_lock_short, *feed_routes.handlers]
