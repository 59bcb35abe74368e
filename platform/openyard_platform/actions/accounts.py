"""Making accounts: one, or thousands in the same statements."""

import datetime as dt
from collections.abc import Sequence

import asyncpg

from openyard_platform.domain.accounts import NewAccount
from openyard_platform.domain.errors import Conflict, Invalid
from openyard_platform.store import accounts as records
from openyard_platform.store.engine import transaction

_AT_ONCE = 5_000


async def register_many(accounts: Sequence[NewAccount], now: dt.datetime) -> None:
    """All of them with their families, parties and tokens, or none.

    Raises:
        Conflict: an address has an account already (``email_taken``).
        Invalid: role, family and organisation do not fit together.
    """
    try:
        async with transaction():
            for start in range(0, len(accounts), _AT_ONCE):
                await records.insert(accounts[start : start + _AT_ONCE], now)
    except asyncpg.UniqueViolationError as error:
        raise Conflict("This address has an account already.", code="email_taken") from error
    except (asyncpg.ForeignKeyViolationError, asyncpg.CheckViolationError) as error:
        raise Invalid(f"This account does not fit: {error.constraint_name}.") from error
