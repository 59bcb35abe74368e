"""A school's study groups."""

import datetime as dt
from uuid import UUID

from openyard_platform.domain.accounts import NewStudyGroup
from openyard_platform.domain.errors import NotFound
from openyard_platform.domain.people import Actor
from openyard_platform.store import audit, parties
from openyard_platform.store import study_groups as records
from openyard_platform.store.engine import transaction


async def add(actor: Actor, group: NewStudyGroup, now: dt.datetime) -> None:
    async with transaction():
        await records.insert(group, school_of(actor), now)
        await parties.insert([group.id])
        await audit.record(now, actor.account_id, "study_group.added", group.id)


async def remove(actor: Actor, group_id: UUID, now: dt.datetime) -> None:
    """Raises NotFound: no such group in the actor's school."""
    async with transaction():
        if not await records.delete(group_id, school_of(actor)):
            raise NotFound("There is no such study group in your school.")
        await audit.record(now, actor.account_id, "study_group.removed", group_id)


def school_of(actor: Actor) -> UUID:
    if actor.organisation_id is None:
        raise NotFound("This account belongs to no school.")
    return actor.organisation_id
