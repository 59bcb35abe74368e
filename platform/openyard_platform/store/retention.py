"""What is kept for a time only, and dropped after it."""

import datetime as dt

from openyard_platform.store import engine

BATCH = 5000  # rows a statement: a decider never waits for more
IMPORTS = 20  # of thousands of items each


async def drop_keys(before: dt.datetime) -> int:
    """Idempotency-Keys first used before that moment; returns how many went, at most ``BATCH``."""
    rows = await engine.fetch(
        """DELETE FROM idempotency WHERE (account_id, key) IN (
             SELECT account_id, key FROM idempotency WHERE created_at < $1 LIMIT $2)
           RETURNING 1""",
        *(before, BATCH),
    )
    return len(rows)


async def drop_sessions(now: dt.datetime) -> int:
    """Sessions past their end; returns how many went, at most ``BATCH``."""
    rows = await engine.fetch(
        """DELETE FROM session WHERE token_hash IN (
             SELECT token_hash FROM session WHERE expires_at <= $1 LIMIT $2)
           RETURNING 1""",
        *(now, BATCH),
    )
    return len(rows)


async def drop_occupancies(before: dt.datetime) -> int:
    """Who was where on slots that ended by then; returns how many rows went of the largest table.

    They guard the future only. Without them the past costs a decision nothing: what is read of a
    party does not grow with the years.
    """
    dropped = [
        len(
            await engine.fetch(
                f"""DELETE FROM {table} WHERE ctid IN (
                      SELECT p.ctid FROM {table} p JOIN slot s ON s.id = p.slot_id
                      WHERE s.ends_at <= $1 LIMIT $2 FOR UPDATE OF p SKIP LOCKED)
                    RETURNING 1""",  # noqa: S608 - one of three names
                *(before, BATCH),
            )
        )
        for table in ("party_occupancy", "slot_occupancy", "space_share")
    ]
    return max(dropped)


async def drop_imports(now: dt.datetime, before: dt.datetime) -> int:
    """Previews that have expired, and imports applied before that moment, with their items."""
    rows = await engine.fetch(
        """DELETE FROM calendar_import WHERE id IN (
             SELECT id FROM calendar_import
             WHERE (status = 'previewed' AND expires_at <= $1)
                 OR (status = 'applied' AND created_at < $2) LIMIT $3)
           RETURNING 1""",
        *(now, before, IMPORTS),
    )
    return len(rows)
