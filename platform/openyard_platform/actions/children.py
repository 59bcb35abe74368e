"""A family's children: added with consent, read with a trace, taken out again."""

import datetime as dt
from typing import Any
from uuid import UUID

from openyard_platform.domain.accounts import NewChild
from openyard_platform.domain.errors import Conflict, Invalid, NotFound
from openyard_platform.domain.people import Actor
from openyard_platform.store import audit, organisations, parties
from openyard_platform.store import children as records
from openyard_platform.store.engine import transaction

MAX_CHILDREN = 12


async def add(actor: Actor, child: NewChild, now: dt.datetime) -> None:
    """The guardian has consented; that stands beside the child with its time.

    Raises:
        Invalid: no school has this key, or the birth year is no child's.
        Conflict: the family has twelve already (``too_many_children``).
    """
    if not now.year - 19 <= child.birth_year <= now.year:
        raise Invalid("A child is born within the last 19 years.", code="birth_year_out_of_range")
    family_id = _family(actor)
    async with transaction():
        school_id = None
        if child.school is not None:
            school_id = await organisations.school_id(child.school)
            if school_id is None:
                raise Invalid("No school has this key.", code="school_unknown")
        if await records.count(family_id) >= MAX_CHILDREN:
            message = f"A family has at most {MAX_CHILDREN} children here."
            raise Conflict(message, code="too_many_children", max=MAX_CHILDREN)
        await records.insert(child, family_id, school_id, now)
        await parties.insert([child.id])
        await audit.record(now, actor.account_id, "child.added", child.id)


async def read(actor: Actor, now: dt.datetime) -> list[dict[str, Any]]:
    """The family's children; that somebody looked is recorded."""
    async with transaction():
        children = await records.of_family(_family(actor))
        if children:
            ids = [child["id"] for child in children]
            await audit.record(now, actor.account_id, "child.read", actor.family_id, children=ids)
    return children


async def remove(actor: Actor, child_id: UUID, now: dt.datetime) -> None:
    """Forget a child. Reservations stay: they hold seats, not names.

    Raises:
        NotFound: no such child in this family.
    """
    async with transaction():
        if not await records.delete(child_id, _family(actor)):
            raise NotFound("There is no such child in your family.")
        await audit.record(now, actor.account_id, "child.removed", child_id)


def _family(actor: Actor) -> UUID:
    if actor.family_id is None:
        raise NotFound("This account has no family.")
    return actor.family_id
