from uuid import UUID

import pytest

from openyard_platform import clock
from openyard_platform.actions import parties
from openyard_platform.domain.people import Actor, Role

ACCOUNT, FAMILY, CHILD = UUID(int=1), UUID(int=2), UUID(int=3)


def actor(role: Role) -> Actor:
    family_id = FAMILY if role is Role.FAMILY else None
    return Actor(account_id=ACCOUNT, role=role, display_name="某人", family_id=family_id)


async def test_who_names_nobody_costs_no_query():
    """Here is no database: whatever asks it fails, as the second request does."""
    party = await parties.named(actor(Role.FAMILY), None, None, 2, clock.now())

    assert (party.refs, party.births, party.grade) == ((FAMILY,), (), None)
    with pytest.raises(RuntimeError, match="pool"):
        await parties.named(actor(Role.FAMILY), [CHILD], None, 2, clock.now())


@pytest.mark.parametrize("role", list(Role))
def test_who_brings_children_books_as_a_family_too(role):
    alone = parties.audiences_of(actor(role), with_children=False)
    beside = parties.audiences_of(actor(role), with_children=True)

    assert alone == actor(role).audiences
    assert beside == (alone if "family" in alone else (*alone, "family"))
