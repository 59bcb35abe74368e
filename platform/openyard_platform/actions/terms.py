"""Supervisors' changes of the term calendar: schedules follow at once."""

import datetime as dt

import asyncpg

from openyard_platform.domain.errors import Invalid, NotAllowed, NotFound
from openyard_platform.domain.people import Actor
from openyard_platform.store import audit, schedules
from openyard_platform.store import terms as records
from openyard_platform.store.engine import transaction
from openyard_platform.store.terms import Term


async def state(actor: Actor, district: str, term: Term, now: dt.datetime) -> None:
    """Say when a term of a district is.

    Raises:
        NotAllowed: it is another district's.
        Invalid: there is no such district, or the term ends before it starts.
    """
    _allowed(actor, district)
    if term.ends_on < term.starts_on:
        raise Invalid("The term ends before it starts.", code="ends_before_start")
    try:
        async with transaction():
            await records.put(district, term, now)
            await schedules.hurry(district, now)
            await audit.record(
                *(now, actor.account_id, "term.stated", None),
                district=district,
                key=term.key,
                starts_on=term.starts_on.isoformat(),
                ends_on=term.ends_on.isoformat(),
            )
    except asyncpg.ForeignKeyViolationError as error:
        raise Invalid("There is no such district.", code="district_unknown") from error


async def take_back(actor: Actor, district: str, key: str, now: dt.datetime) -> None:
    """Forget a term.

    Raises:
        NotAllowed: it is another district's.
        NotFound: there is no such term.
    """
    _allowed(actor, district)
    async with transaction():
        if not await records.delete(district, key):
            raise NotFound("There is no such term.")
        await schedules.hurry(district, now)
        await audit.record(
            *(now, actor.account_id, "term.taken_back", None), district=district, key=key
        )


def _allowed(actor: Actor, district: str) -> None:
    if actor.district_key not in {None, district}:
        raise NotAllowed("This is another district's calendar.")
