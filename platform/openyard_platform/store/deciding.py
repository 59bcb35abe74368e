"""What a batch of commands needs from the database, in a fixed number of queries."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from openyard_calendars import intervals
from openyard_events.commands import (
    AcceptOffer,
    Cancel,
    Change,
    DeclineOffer,
    OfferSlot,
    ReleaseDue,
    Reserve,
    WithdrawSlot,
)
from openyard_events.contracts import FieldError, Receipt
from openyard_platform.domain.allotments import Allotment
from openyard_platform.domain.state import Asked, KeyUse, State
from openyard_platform.store import lines, occupancy, spaces, working_copies


async def load(connection: Any, asked: Sequence[Asked]) -> State:
    """Lock and read all that the commands touch. ``connection``: in a transaction.

    Slots are locked first, by id, then parties by number. Only this partition writes its venues'
    slots, so across partitions only parties meet, and those in one order everywhere.
    """
    state = State()
    commands = [one.command for one in asked]
    reserves = [command for command in commands if isinstance(command, Reserve)]
    venues = [command for command in commands if isinstance(command, OfferSlot | WithdrawSlot)]
    named = [
        command.reservation_id
        for command in commands
        if isinstance(command, Cancel | Change | AcceptOffer | DeclineOffer)
    ]
    slot_ids = {command.slot_id for command in reserves}
    for command in commands:
        if isinstance(command, ReleaseDue):
            slot_ids.update(command.slot_ids)
        elif isinstance(command, Change) and command.slot_id is not None:
            slot_ids.add(command.slot_id)
    if named:
        await _load_reservations(connection, state, named)
        slot_ids |= {reservation.slot_id for reservation in state.reservations.values()}
    await _lock_slots(connection, state, slot_ids)
    if venues:
        await _lock_stated(connection, state, venues)
    await _load_allotments(connection, state)
    restated = {
        (command.venue_id, command.slot.external_id)
        for command in venues
        if isinstance(command, OfferSlot)
    }
    await lines.load(connection, state, asked[-1].at, giving=bool(named), restated=restated)
    if venues:
        await _load_offers(connection, state, venues)
    await occupancy.load_claims(connection, state)
    refs = {ref for command in reserves for ref in command.parties}
    nos = {no for held in state.reservations.values() for no in held.party_nos}
    await _lock_parties(connection, state, refs, nos)
    await _load_parties(connection, state, venues)
    if reserves:
        await _load_known(connection, state, reserves)
    return state


async def _lock_slots(connection: Any, state: State, slot_ids: Collection[UUID]) -> None:
    if not slot_ids:
        return
    for row in await connection.fetch(
        f"""SELECT {working_copies.SLOT} FROM slot s JOIN organisation o ON o.id = s.venue_id
            WHERE s.id = ANY($1) ORDER BY s.id FOR NO KEY UPDATE OF s""",  # noqa: S608 - made of constants
        list(slot_ids),
    ):
        _keep(state, row)


async def _lock_stated(
    connection: Any, state: State, venues: Sequence[OfferSlot | WithdrawSlot]
) -> None:
    """The slots that venues' statements are about."""
    for row in await connection.fetch(
        f"""SELECT {working_copies.SLOT}
            FROM unnest($1::uuid[], $2::text[]) AS q (venue_id, external_id)
            JOIN slot s ON s.venue_id = q.venue_id AND s.external_id = q.external_id
            JOIN organisation o ON o.id = s.venue_id
            ORDER BY s.id FOR NO KEY UPDATE OF s""",  # noqa: S608 - made of constants
        [command.venue_id for command in venues],
        [command.slot.external_id for command in venues],
    ):
        _keep(state, row)
        slot = state.slots[row["id"]]
        state.by_external[slot.venue_id, slot.external_id] = slot


def _keep(state: State, row: Any) -> None:
    if row["id"] not in state.slots:
        state.slots[row["id"]] = working_copies.slot(row)
        if row["allotment_count"]:
            state.allotted.append(row["id"])


async def _load_allotments(connection: Any, state: State) -> None:
    if not state.allotted:
        return
    for row in await connection.fetch(
        """SELECT slot_id, audience, seats, release_hours, releases_at, per_school, used, waiting,
               released FROM slot_allotment WHERE slot_id = ANY($1) ORDER BY slot_id, ordinal""",
        state.allotted,
    ):
        values = dict(row)
        state.slots[values.pop("slot_id")].allotments.append(Allotment(**values))
    capped = [
        slot_id
        for slot_id in state.allotted
        if any(one.per_school is not None for one in state.slots[slot_id].allotments)
    ]
    if not capped:
        return
    for row in await connection.fetch(
        """SELECT slot_id, holder_id, sum(held)::int AS held FROM reservation
           WHERE slot_id = ANY($1) AND status IN ('confirmed', 'offered')
           GROUP BY slot_id, holder_id""",
        capped,
    ):
        state.held[row["slot_id"], row["holder_id"]] = row["held"]


async def _load_offers(
    connection: Any, state: State, venues: Sequence[OfferSlot | WithdrawSlot]
) -> None:
    """Receipts, spaces, and what these statements might collide with."""
    venue_ids = [command.venue_id for command in venues]
    for row in await connection.fetch(
        """SELECT r.venue_id, r.id, r.status, r.slot_id, r.version, r.errors FROM receipt r
           JOIN unnest($1::uuid[], $2::text[]) AS q (venue_id, id) USING (venue_id, id)""",
        venue_ids,
        [command.receipt_id for command in venues],
    ):
        state.receipts[row["venue_id"], row["id"]] = Receipt(
            id=row["id"],
            status=row["status"],
            slot_id=row["slot_id"],
            version=row["version"],
            errors=msgspec.convert(row["errors"], list[FieldError]),
        )
    for row in await connection.fetch(
        "SELECT id, district_key FROM organisation WHERE id = ANY($1)", list(set(venue_ids))
    ):
        state.districts[row["id"]] = row["district_key"]
    state.spaces = await spaces.of_venues(connection, set(venue_ids))
    wanted = []
    for command in venues:
        if not isinstance(command, OfferSlot):
            continue
        space = state.spaces.get((command.venue_id, command.slot.space))
        if space is not None:
            lo, hi = intervals.span(command.slot.starts_at, command.slot.ends_at)
            before = command.slot.buffer_before_minutes
            after = command.slot.buffer_after_minutes
            wanted.append((space, (lo - before, hi + after)))
    await occupancy.load(connection, state, wanted)


async def _lock_parties(connection: Any, state: State, refs: set[UUID], nos: set[int]) -> None:
    if not refs and not nos:
        return
    rows = await _locked(connection, refs, nos)
    missing = refs - {row["ref"] for row in rows}
    if missing:
        # An account made outside the usual way: its party is made here, and then locked in order.
        await connection.execute(
            """INSERT INTO party (ref) SELECT ref FROM unnest($1::uuid[]) AS q (ref)
               ORDER BY ref ON CONFLICT DO NOTHING""",
            list(missing),
        )
        rows = await _locked(connection, refs, nos)
    for row in rows:
        state.party_nos[row["ref"]] = row["no"]


async def _load_parties(
    connection: Any, state: State, venues: Sequence[OfferSlot | WithdrawSlot]
) -> None:
    """What locked parties have to do with these slots, or have at the time of one of them.

    Also where they wait, which may be their chance once they are free. Whatever else is booked for
    them is left where it is: a decision does not grow with that.
    """
    if not state.party_nos:
        return
    spans = {slot.span for slot in state.slots.values()}
    for command in venues:
        if isinstance(command, OfferSlot):
            spans.add(intervals.span(command.slot.starts_at, command.slot.ends_at))
    for row in await connection.fetch(
        """SELECT party_no, slot_id, reservation_id, lower(during) AS lo, upper(during) AS hi
           FROM party_occupancy
           WHERE party_no = ANY($1) AND (slot_id = ANY($2) OR isempty(during)
               OR during && $3::int4multirange)""",
        list(state.party_nos.values()),
        list(state.slots),
        [asyncpg.Range(lo, hi) for lo, hi in spans if lo < hi],
    ):
        number, owner = row["party_no"], row["reservation_id"]
        state.live[row["slot_id"], number] = owner
        if row["lo"] is None:
            state.waits.setdefault(number, set()).add(row["slot_id"])
        else:
            state.party_busy.setdefault(number, []).append((row["lo"], row["hi"], owner))


async def _locked(connection: Any, refs: set[UUID], nos: set[int]) -> list[Any]:
    """Nearly always they are named by their refs alone, which one index finds."""
    if not nos:
        return list(
            await connection.fetch(
                "SELECT no, ref FROM party WHERE ref = ANY($1) ORDER BY no FOR NO KEY UPDATE",
                list(refs),
            )
        )
    return list(
        await connection.fetch(
            """SELECT no, ref FROM party WHERE ref = ANY($1) OR no = ANY($2)
               ORDER BY no FOR NO KEY UPDATE""",
            list(refs),
            list(nos),
        )
    )


async def _load_known(connection: Any, state: State, reserves: Sequence[Reserve]) -> None:
    """Commands that were decided before, and keys that were used before."""
    known = [command.id for command in reserves]
    keyed = [command for command in reserves if command.key is not None]
    if keyed:
        for row in await connection.fetch(
            """SELECT i.account_id, i.key, i.fingerprint, i.reservation_id
               FROM unnest($1::uuid[], $2::text[]) AS q (account_id, key)
               JOIN idempotency i USING (account_id, key)""",
            [command.account_id for command in keyed],
            [command.key for command in keyed],
        ):
            use = KeyUse(**dict(row))
            state.keys[use.account_id, use.key] = use
            known.append(use.reservation_id)
    await _load_reservations(connection, state, known)


async def _load_reservations(connection: Any, state: State, ids: Sequence[UUID]) -> None:
    wanted = [one for one in ids if one not in state.reservations]
    if not wanted:
        return
    for row in await connection.fetch(
        f"SELECT {working_copies.RESERVATION} FROM reservation r WHERE r.id = ANY($1)",  # noqa: S608 - made of constants
        wanted,
    ):
        state.reservations[row["id"]] = working_copies.reservation(row)
