"""Facts waiting to be published, recorded in the transaction that made them true."""

import datetime as dt
from collections.abc import Collection
from uuid import UUID

from msgspec import Struct

from openyard_platform.store import engine


class Row(Struct, frozen=True, kw_only=True):
    """``event_id``: of the event and of its message, so that a repeat is recognised.

    ``xid``: of the transaction that recorded it.
    """

    id: int
    xid: int
    event_id: UUID
    subject: str
    type: str
    body: str
    at: dt.datetime


async def unsent(limit: int, since: int = 0) -> list[Row]:
    """The oldest rows behind which nothing can appear any more.

    Everything below the oldest running transaction is decided. By ``id`` alone, a row that
    commits late would be passed over for good. ``since``: the transaction of the last row that was
    sent and forgotten; without it, each look goes through all that was deleted since the last
    sweep of the table.
    """
    rows = await engine.fetch(
        """SELECT id, xid::text::int8 AS xid, event_id, subject, type, body, at FROM outbox
           WHERE xid >= $2::int8::text::xid8 AND xid < pg_snapshot_xmin(pg_current_snapshot())
           ORDER BY outbox.xid, id LIMIT $1""",
        limit,
        since,
    )
    return [Row(**dict(row)) for row in rows]


async def forget(ids: Collection[int]) -> None:
    """They are in the stream."""
    await engine.fetch("DELETE FROM outbox WHERE id = ANY($1)", list(ids))


async def waiting() -> int:
    """How many have not been sent."""
    row = await engine.fetch_one("SELECT count(*) AS number FROM outbox")
    return 0 if row is None else int(row["number"])
