"""Whom a request is for: children by their years, a class by its grade and size, over HTTP."""

from uuid import uuid4

import pytest

from openyard_platform.domain.people import Role
from openyard_platform.store import engine
from tests.integration import people
from tests.integration import slots_stage as stage
from tests.integration.booking_stage import (
    child,
    codes,
    deciding,
    family,
    group,
    nats,
    reserve,
    school,
)

__all__ = ["deciding", "family", "nats", "school"]

pytestmark = pytest.mark.usefixtures("deciding")
SIX_TO_TWELVE = {"age_min": 6, "age_max": 12}


async def slot(**changes):
    return await stage.slot(await stage.venue(), **changes)


async def test_a_child_of_the_right_age_has_its_seat(family):
    answer = await reserve(family, await slot(**SIX_TO_TWELVE), children=[await child(family, 8)])
    assert (answer.status_code, answer.json()["status"]) == (201, "confirmed")


async def test_a_child_of_another_age_hears_which_ages_there_are(family):
    answer = await reserve(family, await slot(**SIX_TO_TWELVE), children=[await child(family, 15)])
    assert answer.json()["refusals"] == [{"code": "age_out_of_range", "min": 6, "max": 12}]
    assert "6–12 岁" in answer.json()["detail"]


async def test_children_are_to_be_named_where_there_are_ages_and_nowhere_else(family):
    unnamed = await reserve(family, await slot(**SIX_TO_TWELVE), seats=2)
    free = await reserve(family, await slot(starts_at=stage.at(6)), seats=2)
    assert codes(unnamed) == ["children_unnamed"]
    assert free.status_code == 201


async def test_strangers_children_cannot_be_named(app, family):
    stranger = await people.person(Role.FAMILY)
    async with stranger.client(app) as client:
        theirs = await child(client)
    wanted = await slot()
    for children in ([theirs], [await child(family), theirs], [str(uuid4())]):
        answer = await reserve(family, wanted, seats=2, children=children)
        assert (answer.status_code, answer.json()["code"]) == (422, "child_unknown")
    assert await engine.fetch("SELECT FROM reservation WHERE slot_id = $1", wanted) == []


async def test_each_child_takes_a_seat(family):
    both = [await child(family), await child(family)]
    answer = await reserve(family, await slot(), seats=1, children=both)
    assert (answer.status_code, answer.json()["code"]) == (422, "seats_below_children")


async def test_a_class_of_another_grade_hears_which_grades_there_are(school):
    wanted = await slot(kind="visit", audiences=["school"], grade_min=4, grade_max=6, capacity=60)
    third = await reserve(school, wanted, seats=40, study_group=await group(school))
    fourth = await reserve(school, wanted, seats=40, study_group=await group(school, grade=4))
    assert third.json()["refusals"] == [{"code": "grade_out_of_range", "min": 4, "max": 6}]
    assert fourth.status_code == 201


async def test_a_class_has_no_more_seats_than_pupils(school):
    wanted = await slot(kind="visit", audiences=["school"], capacity=60)
    answer = await reserve(school, wanted, seats=41, study_group=await group(school))
    assert (answer.status_code, answer.json()["code"]) == (422, "seats_above_group")
    assert answer.json()["size"] == 40


async def test_another_schools_class_cannot_be_named(app, school):
    colleague = await people.person(Role.SCHOOL)
    async with colleague.client(app) as client:
        theirs = await group(client)
    answer = await reserve(school, await slot(), seats=40, study_group=theirs)
    assert (answer.status_code, answer.json()["code"]) == (422, "study_group_unknown")


async def test_adults_that_are_left_out_are_not_invented(school):
    wanted = await slot(kind="visit", capacity=60, chaperones_per=10)
    answer = await reserve(school, wanted, seats=40, study_group=await group(school))
    assert answer.json()["refusals"] == [{"code": "chaperones_missing", "required": 4}]


async def test_who_changes_is_still_as_old_as_before(family):
    """The party of a reservation is known to its change, though the body does not name it."""
    place = await stage.venue()
    young = await stage.slot(place, starts_at=stage.at(5), **SIX_TO_TWELVE)
    old = await stage.slot(place, starts_at=stage.at(6), age_min=13, age_max=17)
    same = await stage.slot(place, starts_at=stage.at(7), **SIX_TO_TWELVE)
    made = await reserve(family, young, children=[await child(family, 8)])
    address = f"/api/v1/reservations/{made.json()['id']}"
    assert codes(await family.patch(address, json={"slot_id": str(old)})) == ["age_out_of_range"]
    moved = await family.patch(address, json={"slot_id": str(same)})
    assert (moved.status_code, moved.json()["slot_id"]) == (200, str(same))
    assert codes(await family.patch(address, json={"seats": 2})) == ["children_unnamed"]


async def test_a_change_of_a_class_is_held_to_its_grade_and_size(school):
    place = await stage.venue()
    first = await stage.slot(place, starts_at=stage.at(5), capacity=60)
    older = await stage.slot(place, starts_at=stage.at(6), capacity=60, grade_min=5)
    made = await reserve(school, first, seats=30, study_group=await group(school))
    address = f"/api/v1/reservations/{made.json()['id']}"
    assert codes(await school.patch(address, json={"slot_id": str(older)})) == [
        "grade_out_of_range"
    ]
    larger = await school.patch(address, json={"seats": 41})
    assert (larger.status_code, larger.json()["code"]) == (422, "seats_above_group")
    assert (await school.patch(address, json={"seats": 40})).json()["seats"] == 40


async def test_on_the_page_a_class_that_became_too_large_keeps_its_number(school):
    made = await reserve(school, await slot(capacity=60), 30, study_group=await group(school))
    address = f"/my/reservations/{made.json()['id']}/seats"
    answer = await school.post(address, data={"seats": "41"})
    assert answer.status_code == 422
    assert "40 人" in answer.text
