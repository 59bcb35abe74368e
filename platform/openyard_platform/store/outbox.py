"""Facts waiting to be published, recorded in the transaction that made them true."""

import datetime as dt
from collections.abc import Collection
from uuid import UUID

from msgspec import Struct

from openyard_platform.store import engine


class Row(Struct, frozen=True, kw_only=True):
    """``event_id``: of the event and of its message, so that a repeat is recognised."""

    id: int
    event_id: UUID
    subject: str
    type: str
    body: str
    at: dt.datetime


async def unsent(limit: int) -> list[Row]:
    """The oldest rows behind which nothing can appear any more.

    Everything below the oldest running transaction is decided. By ``id`` alone, a row that
    commits late would be passed over for good.
    """
    rows = await engine.fetch(
        """SELECT id, event_id, subject, type, body, at FROM outbox
           WHERE xid < pg_snapshot_xmin(pg_current_snapshot())
           ORDER BY xid, id LIMIT $1""",
        limit,
    )
    return [Row(**dict(row)) for row in rows]


async def forget(ids: Collection[int]) -> None:
    """They are in the stream."""
    await engine.fetch("DELETE FROM outbox WHERE id = ANY($1)", list(ids))


async def waiting() -> int:
    """How many have not been sent."""
    row = await engine.fetch_one("SELECT count(*) AS number FROM outbox")
    return 0 if row is None else int(row["number"])
