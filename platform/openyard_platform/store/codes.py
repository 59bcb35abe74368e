"""One-time codes, to and from PostgreSQL."""

import datetime as dt
from uuid import UUID

from openyard_platform.store import engine
from openyard_platform.store.tables import OneTimeCodeRow


async def insert(
    code_id: UUID, email: str, digest: bytes, now: dt.datetime, expires_at: dt.datetime
) -> None:
    await OneTimeCodeRow.insert(
        OneTimeCodeRow(
            id=code_id, email=email, code_hash=digest, created_at=now, expires_at=expires_at
        )
    )


async def count_since(email: str, since: dt.datetime) -> int:
    """Locks the address until the transaction ends: requests for it count one after another."""
    await engine.fetch("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", email)
    row = await engine.fetch_one(
        "SELECT count(*) AS n FROM one_time_code WHERE email = $1 AND created_at > $2",
        *(email, since),
    )
    return int(row["n"]) if row else 0


async def spend_try(email: str, now: dt.datetime, max_tries: int) -> tuple[UUID, bytes] | None:
    """Id and hash of the newest code sent to this address, one try fewer left.

    None: there is none, or it is used, too old or out of tries. An older code never counts, so
    that asking again does not add to the tries of the first. Counting and looking are one
    statement: parallel guesses cannot share a try (ASVS 15.4.2).
    """
    row = await engine.fetch_one(
        """UPDATE one_time_code SET tries = tries + 1
           WHERE id = (SELECT id FROM one_time_code WHERE email = $1
                       ORDER BY created_at DESC, id DESC LIMIT 1)
             AND used_at IS NULL AND expires_at > $2 AND tries < $3
           RETURNING id, code_hash""",
        *(email, now, max_tries),
    )
    return None if row is None else (row["id"], row["code_hash"])


async def use(code_id: UUID, now: dt.datetime) -> bool:
    """Whether this was the first use."""
    rows = await engine.fetch(
        "UPDATE one_time_code SET used_at = $2 WHERE id = $1 AND used_at IS NULL RETURNING id",
        *(code_id, now),
    )
    return bool(rows)


async def forget(before: dt.datetime) -> None:
    """Drop what is past any use; the limits look back an hour."""
    await engine.fetch("DELETE FROM one_time_code WHERE created_at < $1", before)
