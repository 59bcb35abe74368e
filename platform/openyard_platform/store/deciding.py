"""What a batch of commands needs from the database, in a fixed number of queries."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from openyard_calendars import intervals
from openyard_events.commands import Cancel, Change, OfferSlot, Reserve, WithdrawSlot
from openyard_events.contracts import FieldError, Receipt
from openyard_platform.domain.reservations import Reservation
from openyard_platform.domain.slots import Slot
from openyard_platform.domain.state import Asked, KeyUse, State
from openyard_platform.store import spaces

_SLOT = """s.id, s.venue_id, o.key AS venue_key, o.district_key AS district, s.external_id,
    s.version, s.status, s.space_id, s.kind, s.title, s.description, s.programme, s.series,
    s.starts_at, s.ends_at, s.capacity, s.exclusive, s.audiences, s.party_min, s.party_max,
    s.chaperones_per, s.adults_count, s.opens_at, s.closes_at, s.cancel_until_hours,
    s.reason, s.taken, s.waiting,
    s.decided, s.revision, s.sequence, s.created_at, s.updated_at"""

_RESERVATION = """r.id, r.slot_id, r.account_id, r.holder_id, r.party_nos, r.seats, r.adults,
    r.held, r.status, r.position, r.refusals, r.skips, r.needs_reconfirm, r.cancelled_by,
    r.reason, r.note, r.revision, r.sequence, r.created_at, r.updated_at"""


async def load(connection: Any, asked: Sequence[Asked]) -> State:
    """Lock and read all that the commands touch. ``connection``: in a transaction.

    Locks are taken in one order everywhere: parties by number, then slots by id. What a slot's
    own decider alone writes is read before its lock is held.
    """
    state = State()
    commands = [one.command for one in asked]
    reserves = [command for command in commands if isinstance(command, Reserve)]
    changes = [command for command in commands if isinstance(command, Change)]
    named = [command.reservation_id for command in commands if isinstance(command, Cancel | Change)]
    venues = [command for command in commands if isinstance(command, OfferSlot | WithdrawSlot)]

    slot_ids = {command.slot_id for command in reserves}
    if named:
        await _load_reservations(connection, state, named)
        slot_ids |= {reservation.slot_id for reservation in state.reservations.values()}
        slot_ids |= {command.slot_id for command in changes if command.slot_id is not None}
        # Their seats may be handed on: who waits for them counts.
        await _load_on_slots(connection, state, slot_ids, ["waitlisted"])
    if venues:
        await _load_offers(connection, state, venues)
        stated = {slot.id for slot in state.by_external.values()}
        # These may be moved or ended: who holds them counts as well.
        await _load_on_slots(connection, state, stated, ["confirmed", "waitlisted"])
        slot_ids |= stated

    refs = {ref for command in reserves for ref in command.parties}
    nos = {no for held in state.reservations.values() for no in held.party_nos}
    await _lock_parties(connection, state, refs, nos)
    await _lock_slots(connection, state, slot_ids)
    if reserves:
        await _load_known(connection, state, reserves)
    return state


async def _load_offers(
    connection: Any, state: State, venues: Sequence[OfferSlot | WithdrawSlot]
) -> None:
    """Receipts, spaces, and the slots these statements are about or might collide with."""
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
    for row in await connection.fetch(
        f"""SELECT {_SLOT} FROM slot s JOIN organisation o ON o.id = s.venue_id
            JOIN unnest($1::uuid[], $2::text[]) AS q (venue_id, external_id)
              ON s.venue_id = q.venue_id AND s.external_id = q.external_id""",  # noqa: S608 - made of constants
        venue_ids,
        [command.slot.external_id for command in venues],
    ):
        slot = _slot(row)
        state.by_external[slot.venue_id, slot.external_id] = slot
    await _load_space_busy(connection, state, venues)


async def _load_space_busy(
    connection: Any, state: State, venues: Sequence[OfferSlot | WithdrawSlot]
) -> None:
    ranges: set[tuple[int, int]] = set()
    for command in venues:
        if not isinstance(command, OfferSlot):
            continue
        space = state.spaces.get((command.venue_id, command.slot.space))
        if space is None:
            continue
        pair = intervals.span(command.slot.starts_at, command.slot.ends_at)
        ranges |= {intervals.numbered(leaf, pair) for leaf in space.leaves}
    if not ranges:
        return
    rows = await connection.fetch(
        """SELECT DISTINCT s.slot_id, lower(s.during) AS lo, upper(s.during) AS hi
           FROM unnest($1::int8[], $2::int8[]) AS q (lo, hi)
           JOIN slot_occupancy s ON s.during && int8range(q.lo, q.hi)""",
        [lo for lo, _ in ranges],
        [hi for _, hi in ranges],
    )
    others = set()
    for row in rows:
        number, pair = _unnumbered(row["lo"], row["hi"])
        state.space_busy.setdefault(number, []).append((*pair, row["slot_id"]))
        others.add(row["slot_id"])
    # Only to name the other slot in the refusal.
    for row in await connection.fetch(
        f"""SELECT {_SLOT} FROM slot s JOIN organisation o ON o.id = s.venue_id
            WHERE s.id = ANY($1)""",  # noqa: S608 - made of constants
        list(others),
    ):
        state.slots[row["id"]] = _slot(row)


async def _load_on_slots(
    connection: Any, state: State, slot_ids: set[UUID], statuses: list[str]
) -> None:
    rows = await connection.fetch(
        f"""SELECT {_RESERVATION} FROM reservation r WHERE r.slot_id = ANY($1)
            AND r.status = ANY($2) ORDER BY r.slot_id, r.position""",  # noqa: S608 - made of constants
        list(slot_ids),
        statuses,
    )
    for slot_id in slot_ids:
        state.on_slot[slot_id] = []
    for row in rows:
        reservation = state.reservations.setdefault(row["id"], _reservation(row))
        state.on_slot.setdefault(reservation.slot_id, []).append(reservation.id)


async def _lock_parties(connection: Any, state: State, refs: set[UUID], nos: set[int]) -> None:
    if not refs and not nos:
        return
    rows = await connection.fetch(_LOCK_PARTIES, list(refs), list(nos))
    missing = refs - {row["ref"] for row in rows}
    if missing:
        # An account made outside the usual way: its party is made here, and then locked in order.
        await connection.execute(
            """INSERT INTO party (ref) SELECT ref FROM unnest($1::uuid[]) AS q (ref)
               ORDER BY ref ON CONFLICT DO NOTHING""",
            list(missing),
        )
        rows = await connection.fetch(_LOCK_PARTIES, list(refs), list(nos))
    for row in rows:
        state.party_nos[row["ref"]] = row["no"]
    for row in await connection.fetch(
        """SELECT party_no, slot_id, reservation_id, lower(during) AS lo, upper(during) AS hi
           FROM party_occupancy WHERE party_no = ANY($1)""",
        [row["no"] for row in rows],
    ):
        number, owner = row["party_no"], row["reservation_id"]
        state.live[row["slot_id"], number] = owner
        if row["lo"] is not None:
            state.party_busy.setdefault(number, []).append((row["lo"], row["hi"], owner))


_LOCK_PARTIES = """SELECT no, ref FROM party WHERE ref = ANY($1) OR no = ANY($2)
    ORDER BY no FOR NO KEY UPDATE"""


async def _lock_slots(connection: Any, state: State, slot_ids: set[UUID]) -> None:
    if not slot_ids:
        return
    for row in await connection.fetch(
        f"""SELECT {_SLOT} FROM slot s JOIN organisation o ON o.id = s.venue_id
            WHERE s.id = ANY($1) ORDER BY s.id FOR NO KEY UPDATE OF s""",  # noqa: S608 - made of constants
        list(slot_ids),
    ):
        slot = _slot(row)
        state.slots[slot.id] = slot
        if (slot.venue_id, slot.external_id) in state.by_external:
            state.by_external[slot.venue_id, slot.external_id] = slot


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
        f"SELECT {_RESERVATION} FROM reservation r WHERE r.id = ANY($1)",  # noqa: S608 - made of constants
        wanted,
    ):
        state.reservations[row["id"]] = _reservation(row)


def _slot(row: Any) -> Slot:
    return Slot(**dict(row))


def _reservation(row: Any) -> Reservation:
    return Reservation(**dict(row))


def _unnumbered(lo: int, hi: int) -> tuple[int, tuple[int, int]]:
    number = lo >> intervals.MINUTE_BITS
    base = number << intervals.MINUTE_BITS
    return number, (lo - base, hi - base)
