"""Imports with their items, and the slots that stand around a calendar."""

import datetime as dt
from collections.abc import Collection, Sequence
from typing import Any, Literal
from uuid import UUID

import asyncpg
import msgspec

from openyard_calendars import intervals
from openyard_platform.domain.event_slots import Problem
from openyard_platform.domain.imports import (
    PUBLISHED,
    Around,
    Import,
    Instructions,
    Item,
    Other,
    Purpose,
    Result,
    Standing,
    Status,
    Taken,
)
from openyard_platform.store import engine, spaces, venues

_LONGEST = dt.timedelta(days=32)  # a slot lasts, with its buffers
_DAY = dt.timedelta(days=1)
_MINUTE = dt.timedelta(minutes=1)
_PREVIEWS = 100  # of a venue; older ones make room

_SELECT = """
    SELECT i.id, i.venue_id, o.key AS venue_key, i.source, i.purpose, i.space, i.status, i.counts,
           i.problems, i.created_at, i.expires_at, i.applied_at, i.touched
    FROM calendar_import i JOIN organisation o ON o.id = i.venue_id
"""

# As it is guarded: buffers are in it, and a claim on booking only while somebody holds seats.
_TAKEN = """
    SELECT t.lo, t.hi, t.seats, s.external_id, s.kind, s.title, s.starts_at, s.ends_at, s.taken,
           s.waiting, sp.key AS space
    FROM slot s JOIN space sp ON sp.id = s.space_id
    CROSS JOIN LATERAL (
        SELECT lower(during) AS lo, upper(during) AS hi, NULL::int AS seats
        FROM slot_occupancy WHERE slot_id = s.id
        UNION ALL
        SELECT (space_no::int8 << $6) + lower(during), (space_no::int8 << $6) + upper(during), seats
        FROM space_share WHERE slot_id = s.id
    ) t
    WHERE s.venue_id = $1 AND s.starts_at BETWEEN $2 AND $3 AND s.ends_at > $4
        AND NOT starts_with(s.external_id, $5)
"""


async def around(venue_id: UUID, told: Instructions, now: dt.datetime) -> Around:
    """What stands from ``now`` on that an import of this calendar has to reckon with."""
    own = await engine.fetch(
        f"""{venues.STATED} WHERE s.venue_id = $1 AND s.ends_at > $2
            AND starts_with(s.external_id, $3)""",
        *(venue_id, now, told.prefix),
    )
    taken = await engine.fetch(
        _TAKEN,
        *(venue_id, now - _LONGEST, told.until + _LONGEST, now - _DAY, told.prefix),
        intervals.MINUTE_BITS,
    )
    known = await spaces.of_venues(engine, [venue_id])
    return Around(
        own=[_standing(row) for row in own],
        taken=[_taken(row) for row in taken],
        spaces={key: space for (_, key), space in known.items()},
    )


async def reserved(venue_id: UUID, external_ids: Collection[str]) -> set[str]:
    """Those of the venue's slots that somebody holds, or waits for."""
    rows = await engine.fetch(
        """SELECT external_id FROM slot WHERE venue_id = $1 AND external_id = ANY ($2::text[])
           AND (taken > 0 OR waiting > 0)""",
        *(venue_id, list(external_ids)),
    )
    return {row["external_id"] for row in rows}


async def insert(made: Import, items: Sequence[Item]) -> None:
    """Keep a preview; part of a transaction. The venue's oldest ones make room."""
    await engine.fetch(
        """INSERT INTO calendar_import (id, venue_id, source, purpose, space, status, counts,
                                        problems, created_at, expires_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)""",
        *(made.id, made.venue_id, made.source, made.purpose.value, made.space, made.status.value),
        *(made.counts, msgspec.to_builtins(made.problems), made.created_at, made.expires_at),
    )
    await engine.fetch(
        """INSERT INTO calendar_import_item (import_id, no, item, published)
           SELECT $1, no - 1, item::jsonb, published
           FROM unnest($2::text[], $3::bool[]) WITH ORDINALITY AS q (item, published, no)""",
        *(made.id, [msgspec.json.encode(item).decode() for item in items]),
        [item.change in PUBLISHED for item in items],
    )
    await engine.fetch(
        """DELETE FROM calendar_import WHERE id IN (
               SELECT id FROM calendar_import WHERE venue_id = $1 AND status = 'previewed'
               ORDER BY id DESC OFFSET $2)""",
        *(made.venue_id, _PREVIEWS),
    )


async def recent(venue_id: UUID, *, before: UUID | None, limit: int) -> list[Import]:
    """The venue's imports, the newest first. ``before``: the last one seen."""
    rows = await engine.fetch(
        f"""{_SELECT} WHERE i.venue_id = $1 AND ($2::uuid IS NULL OR i.id < $2)
            ORDER BY i.id DESC LIMIT $3""",
        *(venue_id, before, limit),
    )
    return [_import(row) for row in rows]


async def one(venue_id: UUID, import_id: UUID) -> Import | None:
    row = await engine.fetch_one(
        f"{_SELECT} WHERE i.venue_id = $1 AND i.id = $2", *(venue_id, import_id)
    )
    return None if row is None else _import(row)


async def items(import_id: UUID) -> list[tuple[Item, Result | None]]:
    """In the order in which they are published, and then those that are not."""
    rows = await engine.fetch(
        "SELECT item, result FROM calendar_import_item WHERE import_id = $1 ORDER BY no", import_id
    )
    return [(_item(row["item"]), _result(row["result"])) for row in rows]


async def unpublished(import_id: UUID) -> list[tuple[int, Item]]:
    """What is still to be published, by number and in order."""
    rows = await engine.fetch(
        """SELECT no, item FROM calendar_import_item
           WHERE import_id = $1 AND published AND result IS NULL ORDER BY no""",
        import_id,
    )
    return [(row["no"], _item(row["item"])) for row in rows]


async def is_overtaken(made: Import) -> bool:
    """Whether a file of the same calendar was applied since, or is being applied."""
    row = await engine.fetch_one(
        """SELECT 1 FROM calendar_import WHERE venue_id = $1 AND purpose = $2 AND source = $3
           AND id <> $4 AND (status = 'applying' OR applied_at > $5) LIMIT 1""",
        *(made.venue_id, made.purpose.value, made.source, made.id, made.created_at),
    )
    return row is not None


async def begin(
    import_id: UUID, touched: Literal["keep", "change"], claimed_until: dt.datetime
) -> bool:
    """Have a preview applied, by this process; False: it is no preview, or another one is first."""
    try:
        rows = await engine.fetch(
            """UPDATE calendar_import SET status = 'applying', touched = $2, claimed_until = $3
               WHERE id = $1 AND status = 'previewed' RETURNING id""",
            *(import_id, touched, claimed_until),
        )
    except asyncpg.UniqueViolationError:
        return False
    return bool(rows)


async def claim(now: dt.datetime, until: dt.datetime) -> Import | None:
    """One that is being applied and that nobody works on."""
    claimed = await engine.fetch_one(
        """UPDATE calendar_import SET claimed_until = $2
           WHERE id = (SELECT id FROM calendar_import
                       WHERE status = 'applying' AND claimed_until <= $1
                       ORDER BY claimed_until LIMIT 1 FOR UPDATE SKIP LOCKED)
           RETURNING id""",
        *(now, until),
    )
    if claimed is None:
        return None
    row = await engine.fetch_one(f"{_SELECT} WHERE i.id = $1", claimed["id"])
    return None if row is None else _import(row)


async def note(import_id: UUID, results: Sequence[tuple[int, Result]], until: dt.datetime) -> None:
    """Write down receipts as they come; the claim lasts until then."""
    await engine.fetch(
        """UPDATE calendar_import_item i SET result = q.result::jsonb
           FROM unnest($2::int[], $3::text[]) AS q (no, result)
           WHERE i.import_id = $1 AND i.no = q.no""",
        *(import_id, [no for no, _ in results]),
        [msgspec.json.encode(result).decode() for _, result in results],
    )
    await release(import_id, until)


async def release(import_id: UUID, until: dt.datetime) -> None:
    """Somebody else may go on with it from then on."""
    await engine.fetch(
        "UPDATE calendar_import SET claimed_until = $2 WHERE id = $1", import_id, until
    )


async def finish(import_id: UUID, now: dt.datetime) -> None:
    """Everything of it has its receipt."""
    await engine.fetch(
        """UPDATE calendar_import SET status = 'applied', applied_at = $2
           WHERE id = $1 AND status = 'applying'""",
        *(import_id, now),
    )


def _import(row: Any) -> Import:
    values = dict(row)
    return Import(
        purpose=Purpose(values.pop("purpose")),
        status=Status(values.pop("status")),
        problems=msgspec.convert(values.pop("problems"), list[Problem]),
        **values,
    )


def _item(document: Any) -> Item:
    return msgspec.convert(document, Item)


def _result(document: Any) -> Result | None:
    return None if document is None else msgspec.convert(document, Result)


def _standing(row: Any) -> Standing:
    return Standing(
        slot=venues.offered(row),
        is_open=row["status"] == "open",
        reason=row["reason"],
        taken=row["taken"],
        waiting=row["waiting"],
    )


def _taken(row: Any) -> Taken:
    values = dict(row)
    lo, hi, seats = (values.pop(name) for name in ("lo", "hi", "seats"))
    leaf = lo >> intervals.MINUTE_BITS
    starts_at, ends_at = (
        intervals.EPOCH + (bound - (leaf << intervals.MINUTE_BITS)) * _MINUTE for bound in (lo, hi)
    )
    return Taken(leaf=leaf, starts_at=starts_at, ends_at=ends_at, seats=seats, by=Other(**values))
