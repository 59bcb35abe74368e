"""What each venue was answered, kept longer than the messages: a repeat has the same answer."""

import datetime as dt
from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from openyard_events.contracts import FieldError, Receipt
from openyard_platform.store import engine

# A venue and the id of one of its receipts.
Key = tuple[UUID, str]


class Answer(Struct, frozen=True, kw_only=True):
    """A receipt of a venue, and when the message was taken in."""

    venue_id: UUID
    receipt: Receipt
    at: dt.datetime


async def stored(keys: Collection[Key]) -> dict[Key, Receipt]:
    """Those of these receipts that there are."""
    rows = await engine.fetch(
        """SELECT r.venue_id, r.id, r.status, r.slot_id, r.version, r.errors, r.created_at
           FROM unnest($1::uuid[], $2::text[]) AS q (venue_id, id)
           JOIN receipt r ON r.venue_id = q.venue_id AND r.id = q.id""",
        [venue_id for venue_id, _ in keys],
        [receipt_id for _, receipt_id in keys],
    )
    return {(row["venue_id"], row["id"]): _answer(row).receipt for row in rows}


async def keep(answers: Sequence[Answer]) -> dict[Key, Receipt]:
    """Store these; for each the receipt that stands now: an earlier one is never replaced."""
    await engine.fetch(
        """INSERT INTO receipt (venue_id, id, status, slot_id, version, errors, created_at)
           SELECT venue_id, id, status, slot_id, version, errors::jsonb, created_at
           FROM unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::int8[], $6::text[],
                       $7::timestamptz[])
               AS q (venue_id, id, status, slot_id, version, errors, created_at)
           ORDER BY venue_id, id ON CONFLICT DO NOTHING""",
        [answer.venue_id for answer in answers],
        [answer.receipt.id for answer in answers],
        [answer.receipt.status for answer in answers],
        [answer.receipt.slot_id for answer in answers],
        [answer.receipt.version for answer in answers],
        # As text: a list of lists would be taken for an array of two dimensions.
        [msgspec.json.encode(answer.receipt.errors).decode() for answer in answers],
        [answer.at for answer in answers],
    )
    return await stored([(answer.venue_id, answer.receipt.id) for answer in answers])


async def recent(
    venue_id: UUID, *, before: tuple[dt.datetime, str] | None, limit: int
) -> list[Answer]:
    """A venue's receipts, the newest first. ``before``: time and id of the last one seen."""
    at, receipt_id = before or (None, None)
    rows = await engine.fetch(
        """SELECT venue_id, id, status, slot_id, version, errors, created_at FROM receipt
           WHERE venue_id = $1 AND ($2::timestamptz IS NULL OR (created_at, id) < ($2, $3))
           ORDER BY created_at DESC, id DESC LIMIT $4""",
        venue_id,
        at,
        receipt_id,
        limit,
    )
    return [_answer(row) for row in rows]


async def venue_ids(keys: Collection[str]) -> dict[str, UUID]:
    """The organisations with these keys: whose messages are answered."""
    rows = await engine.fetch("SELECT key, id FROM organisation WHERE key = ANY($1)", list(keys))
    return {row["key"]: row["id"] for row in rows}


def _answer(row: Any) -> Answer:
    return Answer(
        venue_id=row["venue_id"],
        receipt=Receipt(
            id=row["id"],
            status=row["status"],
            slot_id=row["slot_id"],
            version=row["version"],
            errors=msgspec.convert(row["errors"], list[FieldError]),
        ),
        at=row["created_at"],
    )
