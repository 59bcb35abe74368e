"""Issuing and revoking API tokens."""

import datetime as dt
from uuid import UUID

from openyard_platform.domain.errors import Conflict, NotFound
from openyard_platform.domain.people import Actor
from openyard_platform.store import audit
from openyard_platform.store import tokens as records
from openyard_platform.store.engine import transaction

MAX_TOKENS = 20


async def issue(actor: Actor, token_id: UUID, digest: bytes, name: str, now: dt.datetime) -> None:
    """Raises Conflict (``too_many_tokens``) where the account has twenty already."""
    async with transaction():
        if await records.count(actor.account_id) >= MAX_TOKENS:
            message = f"An account has at most {MAX_TOKENS} tokens."
            raise Conflict(message, code="too_many_tokens", max=MAX_TOKENS)
        await records.insert(token_id, digest, actor.account_id, name, now)
        await audit.record(now, actor.account_id, "token.issued", token_id)


async def revoke(actor: Actor, token_id: UUID, now: dt.datetime) -> bytes:
    """The digest of the token that is valid no more. Raises NotFound."""
    async with transaction():
        digest = await records.revoke(token_id, actor.account_id, now)
        if digest is None:
            raise NotFound("There is no such token.")
        await audit.record(now, actor.account_id, "token.revoked", token_id)
    return digest
