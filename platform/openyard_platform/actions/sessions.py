"""Opening and closing sessions."""

import datetime as dt
from uuid import UUID

from openyard_platform.store import sessions as records
from openyard_platform.store.engine import transaction

# Without logging in again at the latest (ASVS 7.3.2); the cookie says the same.
LIFETIME = dt.timedelta(days=14)


async def begin(
    digest: bytes, account_id: UUID, now: dt.datetime, *, instead_of: bytes | None
) -> None:
    """A new session; the one the browser had before ends in the same moment (ASVS 7.2.4)."""
    async with transaction():
        if instead_of is not None:
            await records.delete(instead_of)
        await records.delete_expired(account_id, now)
        await records.insert(digest, account_id, now, now + LIFETIME)


async def end(digest: bytes) -> None:
    await records.delete(digest)
