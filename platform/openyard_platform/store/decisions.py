"""Decisions, written set-based: one statement a table, whatever the size of the batch."""

import datetime as dt
from typing import Any

import asyncpg
import msgspec

from openyard_calendars import intervals
from openyard_platform.domain.slots import Slot
from openyard_platform.domain.state import Decisions, Woken
from openyard_platform.store import chances, decided_reservations, usual_decisions
from openyard_platform.store.usual_decisions import Collision


async def write(connection: Any, decisions: Decisions) -> None:
    """Write everything but the position. ``connection``: in a transaction.

    Raises:
        Collision: a party or a space is taken after all; nothing may be kept.
    """
    if usual_decisions.fits(decisions):
        await usual_decisions.write(connection, decisions)
        return
    await _slots(connection, decisions)
    await _spaces(connection, decisions)
    await _reservations(connection, decisions)
    await _parties(connection, decisions)
    await chances.give(connection, decisions)
    await _receipts(connection, decisions)
    await usual_decisions.tell(connection, decisions)


async def _slots(connection: Any, decisions: Decisions) -> None:
    if decisions.new_slots:
        slots = list(decisions.new_slots.values())
        await connection.executemany(_INSERT_SLOT, [_slot_row(slot) for slot in slots])
    changed = list(decisions.changed_slots.values())
    counted = [slot for slot in changed if slot.id not in decisions.restated_slots]
    restated = [slot for slot in changed if slot.id in decisions.restated_slots]
    if restated:
        await connection.executemany(_UPDATE_SLOT, [_slot_row(slot) for slot in restated])
    if counted:
        await connection.execute(usual_decisions.COUNT, *usual_decisions.counts(counted))
    await _allotments(connection, decisions)


async def _allotments(connection: Any, decisions: Decisions) -> None:
    """Those of restated and new slots are written whole, of others only the counters."""
    slots = decisions.new_slots | decisions.changed_slots
    recounted = [slots[known] for known in decisions.recounted_slots if known in slots]
    stated = [
        slot
        for slot in recounted
        if slot.id in decisions.new_slots or slot.id in decisions.restated_slots
    ]
    if stated:
        await connection.execute(
            "DELETE FROM slot_allotment WHERE slot_id = ANY($1)", [slot.id for slot in stated]
        )
        await connection.executemany(
            """INSERT INTO slot_allotment (slot_id, audience, seats, release_hours, releases_at,
                   per_school, used, waiting, released, ordinal)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)""",
            [
                (slot.id, *msgspec.structs.astuple(one), ordinal)
                for slot in stated
                for ordinal, one in enumerate(slot.allotments)
            ],
        )
    counted = [
        (slot.id, one) for slot in recounted if slot not in stated for one in slot.allotments
    ]
    if counted:
        await connection.execute(
            """UPDATE slot_allotment a
               SET used = q.used, waiting = q.waiting, released = q.released
               FROM unnest($1::uuid[], $2::text[], $3::int[], $4::int[], $5::bool[])
                   AS q (slot_id, audience, used, waiting, released)
               WHERE a.slot_id = q.slot_id AND a.audience = q.audience""",
            [slot_id for slot_id, _ in counted],
            [one.audience for _, one in counted],
            [one.used for _, one in counted],
            [one.waiting for _, one in counted],
            [one.released for _, one in counted],
        )


async def _spaces(connection: Any, decisions: Decisions) -> None:
    """Freed rows go before new ones come: a swap must not meet itself."""
    if decisions.freed_slots:
        freed = list(decisions.freed_slots)
        await connection.execute("DELETE FROM slot_occupancy WHERE slot_id = ANY($1)", freed)
        await connection.execute("DELETE FROM space_share WHERE slot_id = ANY($1)", freed)
    if decisions.slot_occupancies:
        ranges = [
            (slot_id, *intervals.numbered(leaf, (lo, hi)))
            for slot_id, leaf, lo, hi in decisions.slot_occupancies
        ]
        rows = await connection.fetch(
            """INSERT INTO slot_occupancy (slot_id, during)
               SELECT slot_id, int8range(lo, hi)
               FROM unnest($1::uuid[], $2::int8[], $3::int8[]) AS q (slot_id, lo, hi) ORDER BY lo
               ON CONFLICT DO NOTHING RETURNING 1""",
            [row[0] for row in ranges],
            [row[1] for row in ranges],
            [row[2] for row in ranges],
        )
        if len(rows) < len(ranges):
            raise Collision("A space is taken at that time.")
    if decisions.space_shares:
        shares = list(decisions.space_shares.items())
        try:
            await connection.execute(
                """INSERT INTO space_share (slot_id, space_no, during, seats)
                   SELECT slot_id, no, int4range(lo, hi), seats
                   FROM unnest($1::uuid[], $2::int[], $3::int[], $4::int[], $5::int[])
                       AS q (slot_id, no, lo, hi, seats)""",
                [slot_id for (slot_id, _), _ in shares],
                [no for (_, no), _ in shares],
                [lo for _, (lo, _, _) in shares],
                [hi for _, (_, hi, _) in shares],
                [seats for _, (_, _, seats) in shares],
            )
        except asyncpg.ExclusionViolationError as error:
            raise Collision("A shareable space has no room at that time.") from error
    if decisions.woken:
        await connection.executemany(_WAKE, [_woken(one) for one in decisions.woken])


_WAKE = """
    UPDATE slot SET due_at = least(due_at, $5)
    WHERE venue_id = $1 AND space_id = ANY($2) AND starts_at < $4 AND ends_at > $3
        AND starts_at > $3 - interval '32 days'
        AND status = 'open' AND claim = 'on_booking' AND waiting > 0
"""


def _woken(one: Woken) -> tuple[Any, ...]:
    # A day on both sides: the buffers of those who wait are not known here.
    lo, hi = (intervals.EPOCH + dt.timedelta(minutes=minute) for minute in one.span)
    day = dt.timedelta(days=1)
    return (one.venue_id, list(one.space_ids), lo - day, hi + day, one.at)


async def _reservations(connection: Any, decisions: Decisions) -> None:
    await decided_reservations.insert(connection, decisions.new_reservations.values())
    await decided_reservations.update(connection, decisions.changed_reservations.values())
    if decisions.keys:
        rows = await connection.fetch(
            """INSERT INTO idempotency (account_id, key, fingerprint, reservation_id, created_at)
               SELECT * FROM unnest($1::uuid[], $2::text[], $3::bytea[], $4::uuid[],
                                    $5::timestamptz[])
                   AS q (account_id, key, fingerprint, reservation_id, created_at)
               ORDER BY account_id, key ON CONFLICT DO NOTHING RETURNING 1""",
            [use.account_id for use in decisions.keys],
            [use.key for use in decisions.keys],
            [use.fingerprint for use in decisions.keys],
            [use.reservation_id for use in decisions.keys],
            [decisions.new_reservations[use.reservation_id].created_at for use in decisions.keys],
        )
        if len(rows) < len(decisions.keys):
            raise Collision("An Idempotency-Key was used on another partition just now.")
    if decisions.aliases:
        await connection.executemany(
            """INSERT INTO reservation_alias (id, account_id, reservation_id, created_at)
               VALUES ($1, $2, $3, now()) ON CONFLICT DO NOTHING""",
            [(alias.id, alias.account_id, alias.reservation_id) for alias in decisions.aliases],
        )


async def _parties(connection: Any, decisions: Decisions) -> None:
    if decisions.freed_parties:
        await connection.execute(
            """DELETE FROM party_occupancy p
               USING unnest($1::uuid[], $2::int[]) AS q (reservation_id, no)
               WHERE p.party_no = q.no AND p.reservation_id = q.reservation_id""",
            [reservation_id for reservation_id, _ in decisions.freed_parties],
            [no for _, no in decisions.freed_parties],
        )
    if decisions.party_occupancies:
        await usual_decisions.place(connection, decisions)


async def _receipts(connection: Any, decisions: Decisions) -> None:
    if decisions.receipts:
        await connection.executemany(
            """INSERT INTO receipt (venue_id, id, status, slot_id, version, errors, created_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING""",
            [
                (
                    venue_id,
                    receipt.id,
                    receipt.status,
                    receipt.slot_id,
                    receipt.version,
                    msgspec.to_builtins(receipt.errors),
                    at,
                )
                for venue_id, receipt, at in decisions.receipts
            ],
        )


_SLOT_COLUMNS = (
    *("id", "venue_id", "external_id", "version", "status", "space_id", "kind", "title"),
    *("description", "programme", "series", "starts_at", "ends_at", "capacity", "exclusive"),
    *("audiences", "party_min", "party_max", "chaperones_per", "adults_count", "opens_at"),
    *("closes_at", "cancel_until_hours", "claim", "buffer_before_minutes"),
    *("buffer_after_minutes", "notice_hours", "offer_minutes", "age_min", "age_max", "grade_min"),
    *("grade_max", "overbooked", "due_at", "reason", "taken", "waiting", "decided", "revision"),
    *("sequence", "created_at", "updated_at"),
)
_INSERT_SLOT = (
    f"INSERT INTO slot ({', '.join(_SLOT_COLUMNS)}, allotment_count) "  # noqa: S608 - made of constants
    f"VALUES ({', '.join(f'${n + 1}' for n in range(len(_SLOT_COLUMNS) + 1))})"
)
_UPDATE_SLOT = (
    "UPDATE slot SET "  # noqa: S608 - made of constants
    + ", ".join(f"{name} = ${n + 1}" for n, name in enumerate(_SLOT_COLUMNS) if name != "id")
    + f", allotment_count = ${len(_SLOT_COLUMNS) + 1}"
    + " WHERE id = $1"
)


def _slot_row(slot: Slot) -> tuple[Any, ...]:
    return (*(getattr(slot, name) for name in _SLOT_COLUMNS), len(slot.allotments))
