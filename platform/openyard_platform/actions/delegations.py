"""A guardian lets somebody else bring a child, and takes that back; a delegate looks whom.

Given to an e-mail address, not to an account: the answer is the same whether there is an account
or not, nothing is sent there, and who signs up with that address later (which takes a code that is
mailed to it) has the right then.
"""

import datetime as dt
from uuid import UUID

from openyard_platform.domain import delegations as domain
from openyard_platform.domain import words
from openyard_platform.domain.delegations import (
    MAX_DELEGATIONS,
    Delegation,
    Entrusted,
    NewDelegation,
)
from openyard_platform.domain.errors import Conflict, Invalid, NotFound
from openyard_platform.domain.people import Actor
from openyard_platform.store import audit
from openyard_platform.store import delegations as records
from openyard_platform.store.engine import transaction


async def grant(actor: Actor, new: NewDelegation, now: dt.datetime) -> None:
    """Let whoever has this address bring the child.

    Raises:
        NotFound: no such child in the actor's family.
        Invalid: it would end before it begins, or the address is the family's own
            (``already_guardian``).
        Conflict: the address has that right (``already_delegated``), or six others have
            (``too_many_delegations``).
    """
    today = words.local(now).date()
    family_id = _family(actor)
    domain.check(new, today)
    async with transaction():
        if not await records.lock_child(new.child_id, family_id):
            raise _no_child()
        if await records.is_guardian(family_id, new.email):
            raise Invalid("This address is your family's own.", code="already_guardian")
        given = await records.of_family(family_id, today)
        known = [one for one in given if one.child_id == new.child_id]
        if any(one.email == new.email for one in known):
            raise Conflict("This address may bring the child already.", code="already_delegated")
        if len(known) >= MAX_DELEGATIONS:
            message = f"A child has at most {MAX_DELEGATIONS} delegated guardians."
            raise Conflict(message, code="too_many_delegations", max=MAX_DELEGATIONS)
        await records.insert(new, actor.account_id, now)
        await audit.record(
            *(now, actor.account_id, "delegation.granted", new.child_id),
            delegation=new.id,
            relation=new.relation,
            ends_on=new.ends_on and new.ends_on.isoformat(),
        )


async def given(actor: Actor, child_id: UUID, now: dt.datetime) -> list[Delegation]:
    """Who else may bring this child now.

    Raises:
        NotFound: no such child in the actor's family.
    """
    family_id = _family(actor)
    async with transaction():
        if not await records.lock_child(child_id, family_id):
            raise _no_child()
        known = await records.of_family(family_id, words.local(now).date())
    return [one for one in known if one.child_id == child_id]


async def given_by_family(actor: Actor, now: dt.datetime) -> dict[UUID, list[Delegation]]:
    """Who else may bring which of the family's children now."""
    found: dict[UUID, list[Delegation]] = {}
    for one in await records.of_family(_family(actor), words.local(now).date()):
        found.setdefault(one.child_id, []).append(one)
    return found


async def revoke(actor: Actor, child_id: UUID, delegation_id: UUID, now: dt.datetime) -> None:
    """End the right at once; what was reserved by it stays its holder's.

    Raises:
        NotFound: no such delegation of a child in the actor's family.
    """
    async with transaction():
        if not await records.revoke(delegation_id, child_id, _family(actor), now):
            raise NotFound("There is no such delegation.")
        await audit.record(
            now, actor.account_id, "delegation.revoked", child_id, delegation=delegation_id
        )


async def entrusted(actor: Actor, now: dt.datetime) -> list[Entrusted]:
    """The children that others let the actor bring; that it looked is recorded with each."""
    async with transaction():
        found = await records.to_account(actor.account_id, actor.family_id, words.local(now).date())
        for one in found:
            await audit.record(
                *(now, actor.account_id, "child.read", one.child_id), delegation=one.delegation_id
            )
    return found


def _family(actor: Actor) -> UUID:
    if actor.family_id is None:
        raise NotFound("This account has no family.")
    return actor.family_id


def _no_child() -> NotFound:
    return NotFound("There is no such child in your family.")
