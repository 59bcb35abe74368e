"""Messages to people: rows first; whatever sends them only reads and marks these."""

import datetime as dt
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from openyard_platform.clock import SHANGHAI
from openyard_platform.domain.day_changes import Changed, DayChange
from openyard_platform.domain.notifications import Occasion
from openyard_platform.domain.reservations import LIVE
from openyard_platform.store import engine


class Claimed(Struct, frozen=True, kw_only=True):
    """A message one process has for itself until its claim runs out. ``tries``: this one too."""

    id: UUID
    kind: str
    email: str
    tries: int
    created_at: dt.datetime
    title: str
    venue: str
    space: str
    address: str
    starts_at: dt.datetime
    ends_at: dt.datetime
    seats: int
    adults: int
    status: str
    reason: str | None
    slot_id: UUID
    reservation_id: UUID
    offer_expires_at: dt.datetime | None = None
    day_change: DayChange | None = None


class Item(Struct, frozen=True, kw_only=True):
    """A message in somebody's inbox."""

    id: UUID
    kind: str
    title: str
    venue: str
    space: str
    address: str
    starts_at: dt.datetime
    ends_at: dt.datetime
    seats: int
    adults: int
    status: str
    reason: str | None
    slot_id: UUID
    reservation_id: UUID
    created_at: dt.datetime
    read_at: dt.datetime | None
    offer_expires_at: dt.datetime | None = None
    day_change: DayChange | None = None


_SUBJECT = """
s.title, o.name AS venue, p.name AS space, o.address, s.starts_at, s.ends_at,
r.seats, r.adults, r.status, r.reason, r.offer_expires_at, n.slot_id, n.reservation_id,
n.details
"""
_SUBJECT_TABLES = """
JOIN reservation r ON r.id = n.reservation_id
JOIN slot s ON s.id = r.slot_id
JOIN organisation o ON o.id = s.venue_id
JOIN space p ON p.id = s.space_id
"""

# An account that is gone needs no message, and must not hold up the others.
_ADD = """
INSERT INTO notification
    (id, account_id, kind, reservation_id, slot_id, dedupe, state, next_try_at, created_at, sent_at)
SELECT new.id, new.account_id, new.kind, new.reservation_id, new.slot_id, new.dedupe,
       $7, $8::timestamptz, $8, CASE WHEN $7 = 'sent' THEN $8 END
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::uuid[], $6::text[])
     AS new (id, account_id, kind, reservation_id, slot_id, dedupe)
JOIN account a ON a.id = new.account_id
ON CONFLICT (dedupe) DO NOTHING
RETURNING id
"""

# One message for each account and day, however many reservations it has then.
_ADD_OF_DAYS = """
INSERT INTO notification
    (id, account_id, kind, reservation_id, slot_id, dedupe, state, next_try_at, created_at, details)
SELECT uuidv7(), account_id, 'day_changed', reservation_id, slot_id,
       concat_ws(':', 'day_changed', account_id, date, $7::timestamptz AT TIME ZONE 'UTC'),
       'pending', $7, $7, jsonb_build_object('date', date, 'before', before, 'after', after)
FROM (
    SELECT DISTINCT ON (r.account_id, d.date)
           r.account_id, r.id AS reservation_id, s.id AS slot_id, d.date, d.before, d.after
    FROM unnest($1::text[], $2::date[], $3::text[], $4::text[]) AS d (district, date, before, after)
    JOIN slot s ON s.status = 'open' AND s.starts_at > $7 AND s.starts_at BETWEEN $5 AND $6
        AND (s.starts_at AT TIME ZONE 'Asia/Shanghai')::date = d.date
    JOIN organisation o ON o.id = s.venue_id AND o.district_key = d.district
    JOIN reservation r ON r.slot_id = s.id AND r.status = ANY($8)
    JOIN account a ON a.id = r.account_id
    ORDER BY r.account_id, d.date, s.starts_at, r.id
) AS told
ON CONFLICT (dedupe) DO NOTHING
RETURNING id
"""

_INBOX = f"""
SELECT n.id, n.kind, n.created_at, n.read_at, {_SUBJECT}
FROM notification n {_SUBJECT_TABLES}
WHERE n.account_id = $1
  AND ($2::uuid IS NULL OR (n.created_at, n.id) < (
        SELECT created_at, id FROM notification WHERE id = $2 AND account_id = $1))
ORDER BY n.created_at DESC, n.id DESC
LIMIT $3
"""  # noqa: S608 - made of constants

# Mails about one reservation leave one after another, each when the one before has arrived or is
# given up: in a calendar, an invitation that came after its cancellation would stay for ever.
_IN_TURN = """
NOT EXISTS (SELECT FROM notification earlier
            WHERE earlier.reservation_id = n.reservation_id AND earlier.id < n.id
              AND earlier.state = 'pending' AND earlier.account_id = n.account_id)
"""

_DUE = f"""
SELECT n.id, n.tries FROM notification n
WHERE n.state = 'pending' AND n.next_try_at <= $1 AND {_IN_TURN}
ORDER BY n.next_try_at, n.id LIMIT $2
"""  # noqa: S608 - made of constants

# Moving next_try_at on is the claim: who comes a moment later finds the row not due, and if the
# one who has it dies, it is due again.
_CLAIM = f"""
WITH mine AS (
    UPDATE notification n SET tries = tries + 1, next_try_at = $3
    WHERE id = $1 AND state = 'pending' AND next_try_at <= $2 AND {_IN_TURN}
    RETURNING *
)
SELECT n.id, n.kind, a.email, n.tries, n.created_at, {_SUBJECT}
FROM mine n JOIN account a ON a.id = n.account_id {_SUBJECT_TABLES}
"""  # noqa: S608 - made of constants


async def add(
    occasions: Sequence[tuple[UUID, Occasion]], now: dt.datetime, *, state: str
) -> list[UUID]:
    """Write those that are not there yet; returns the ids of the new ones, in order."""
    rows = await engine.fetch(
        _ADD,
        [new for new, _ in occasions],
        [one.account_id for _, one in occasions],
        [one.kind.value for _, one in occasions],
        [one.reservation_id for _, one in occasions],
        [one.slot_id for _, one in occasions],
        [one.dedupe for _, one in occasions],
        state,
        now,
    )
    return [row["id"] for row in rows]


async def add_of_days(changed: Sequence[Changed], now: dt.datetime) -> list[UUID]:
    """Tell everybody who has a live reservation on one of these days, in its district."""
    if not changed:
        return []
    days = [one.change.date for one in changed]
    rows = await engine.fetch(
        _ADD_OF_DAYS,
        [one.district for one in changed],
        days,
        [one.change.before.value for one in changed],
        [one.change.after.value for one in changed],
        dt.datetime.combine(min(days), dt.time(), SHANGHAI),
        dt.datetime.combine(max(days), dt.time.max, SHANGHAI),
        now,
        sorted(LIVE),
    )
    return [row["id"] for row in rows]


async def inbox(account_id: UUID, before: UUID | None, limit: int) -> list[Item]:
    """Newest first; ``before``: an id of the same inbox, itself left out."""
    rows = await engine.fetch(_INBOX, account_id, before, limit)
    return [Item(**_values(row)) for row in rows]


async def unread(account_id: UUID) -> int:
    rows = await engine.fetch(
        "SELECT count(*) AS n FROM notification WHERE account_id = $1 AND read_at IS NULL",
        account_id,
    )
    return int(rows[0]["n"])


async def mark_read(notification_id: UUID, account_id: UUID, now: dt.datetime) -> bool:
    """Whether there is such a message of this account; read twice, the first time counts."""
    rows = await engine.fetch(
        "UPDATE notification SET read_at = coalesce(read_at, $3)"
        " WHERE id = $1 AND account_id = $2 RETURNING 1",
        notification_id,
        account_id,
        now,
    )
    return bool(rows)


async def due(now: dt.datetime, limit: int) -> list[tuple[UUID, int]]:
    """Ids and tries of what should be sent by now, the longest due first.

    What has to wait for an earlier message is left out, or it would hold up all others.
    """
    rows = await engine.fetch(_DUE, now, limit)
    return [(row["id"], row["tries"]) for row in rows]


async def claim(notification_id: UUID, now: dt.datetime, until: dt.datetime) -> Claimed | None:
    """Have the message for oneself ``until`` then.

    None: sent, not due, not its turn, or another has it.
    """
    row = await engine.fetch_one(_CLAIM, notification_id, now, until)
    return None if row is None else Claimed(**_values(row))


async def mark_sent(notification_id: UUID, now: dt.datetime) -> None:
    await engine.fetch(
        "UPDATE notification SET state = 'sent', sent_at = $2, error = NULL WHERE id = $1",
        notification_id,
        now,
    )


async def put_off(notification_id: UUID, until: dt.datetime, error: str) -> None:
    """Not sent; try again later."""
    await engine.fetch(
        "UPDATE notification SET next_try_at = $2, error = $3 WHERE id = $1 AND state = 'pending'",
        notification_id,
        until,
        error,
    )


async def give_up(notification_id: UUID, error: str) -> None:
    await engine.fetch(
        "UPDATE notification SET state = 'failed', error = $2 WHERE id = $1 AND state = 'pending'",
        notification_id,
        error,
    )


def _values(row: Any) -> dict[str, Any]:
    values = dict(row)
    details = values.pop("details")
    return values | {"day_change": msgspec.convert(details, DayChange) if details else None}
