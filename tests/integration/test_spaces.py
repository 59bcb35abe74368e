"""Spaces of a venue: who may see them, and that a shared one has nothing below it."""

import asyncpg
import pytest

from openyard_platform import ids
from openyard_platform.actions import organisations
from openyard_platform.domain.errors import Invalid
from openyard_platform.domain.organisations import NewSpace
from openyard_platform.domain.people import Role
from openyard_platform.store import engine
from tests.integration import people

pytestmark = pytest.mark.usefixtures("app")


def space(organisation_id, key: str, **changes) -> NewSpace:
    return NewSpace(id=ids.new(), organisation_id=organisation_id, key=key, name=key, **changes)


async def test_a_venue_sees_its_spaces_and_how_many_share_them(app):
    venue_id = await people.organisation("venue", "with-spaces")
    hall = space(venue_id, "hall")
    room = space(venue_id, "room", parent_id=hall.id, shareable=True, capacity=60)
    await organisations.create([], [hall, room], people.NOW)
    staff = await people.person(Role.VENUE, venue_id)
    async with staff.client(app) as client:
        answer = await client.get("/api/v1/venues/with-spaces/spaces")
        foreign = await client.get("/api/v1/venues/another/spaces")
    plain = {"parent": None, "shareable": False, "capacity": None}
    assert answer.json()["items"] == [
        {"key": "hall", "name": "hall", **plain},
        {"key": "room", "name": "room", "parent": "hall", "shareable": True, "capacity": 60},
    ]
    assert foreign.status_code == 404


async def test_a_shareable_space_says_for_how_many_it_has_room():
    venue_id = await people.organisation("venue")
    with pytest.raises(Invalid) as refused:
        await organisations.create([], [space(venue_id, "room", shareable=True)], people.NOW)
    assert refused.value.code == "space_without_capacity"


async def test_nothing_lies_in_a_shareable_space_made_with_it_or_before():
    venue_id = await people.organisation("venue")
    room = space(venue_id, "room", shareable=True, capacity=60)
    corner = space(venue_id, "corner", parent_id=room.id)
    with pytest.raises(Invalid) as refused:
        await organisations.create([], [room, corner], people.NOW)
    assert refused.value.code == "space_shared_not_leaf"
    await organisations.create([], [room], people.NOW)
    with pytest.raises(Invalid, match="space_shared_is_leaf"):
        await organisations.create([], [corner], people.NOW)


async def test_a_space_with_others_below_it_cannot_become_shareable():
    venue_id = await people.organisation("venue")
    hall = space(venue_id, "hall")
    court = space(venue_id, "court", parent_id=hall.id)
    await organisations.create([], [hall, court], people.NOW)
    share = "UPDATE space SET shareable = true, capacity = 60 WHERE id = $1"
    with pytest.raises(asyncpg.ForeignKeyViolationError, match="space_shared_is_leaf"):
        await engine.fetch(share, hall.id)
    await engine.fetch(share, court.id)
