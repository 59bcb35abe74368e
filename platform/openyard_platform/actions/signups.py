"""Signing up: a code by mail proves the address, then there is an account."""

import datetime as dt
from uuid import UUID

import asyncpg

from openyard_platform.domain import codes
from openyard_platform.domain.accounts import NewAccount
from openyard_platform.domain.errors import Conflict, Invalid, TooMany
from openyard_platform.store import accounts, audit
from openyard_platform.store import codes as records
from openyard_platform.store.engine import transaction

_HOUR = dt.timedelta(hours=1)


async def begin(email: str, code_id: UUID, code: str, now: dt.datetime, secret_key: str) -> bool:
    """Remember a code for this address. True: the address has an account already.

    Known and unknown addresses take the same way and the same time; only what is then mailed
    differs, and that only the owner of the address can read (ASVS 6.3.8).

    Raises:
        TooMany: five codes in the last hour.
    """
    async with transaction():
        if await records.count_since(email, now - _HOUR) >= codes.MAX_PER_HOUR:
            raise TooMany("Too many codes were sent to this address.", retry_after=3600)
        await records.forget(now - 2 * _HOUR)
        digest = codes.digest(secret_key, code_id, code)
        await records.insert(code_id, email, digest, now, now + codes.LIFETIME)
        return await accounts.by_email(email) is not None


async def check(email: str, code: str, now: dt.datetime, secret_key: str) -> UUID:
    """The id of the code, which is still to be used; a wrong guess costs a try.

    Raises:
        Invalid: it is wrong, too old, used or out of tries; all say the same.
    """
    found = await records.spend_try(email, now, codes.MAX_TRIES)
    if found is None or not codes.matches(found[1], secret_key, found[0], code):
        raise Invalid("The code is wrong or no longer valid.", code="code_wrong")
    return found[0]


async def complete(code_id: UUID, account: NewAccount, now: dt.datetime) -> None:
    """Use the code and make the account, both or neither.

    Raises:
        Invalid: the code was used in the meantime.
        Conflict: the address has an account (``email_taken``); its owner, who has the code, may
            know that.
    """
    try:
        async with transaction():
            if not await records.use(code_id, now):
                raise Invalid("The code is wrong or no longer valid.", code="code_wrong")
            await accounts.insert([account], now)
            await audit.record(now, account.id, "account.created", account.id, role=account.role)
    except asyncpg.UniqueViolationError as error:
        raise Conflict("This address has an account already.", code="email_taken") from error
