"""Ages and grades: who fits, by the year of birth and the grade of a class."""

import datetime as dt
from uuid import UUID

import pytest

from openyard_events.commands import Reserve
from openyard_platform.domain import ages
from openyard_platform.domain.slots import Slot

SATURDAY = dt.datetime(2026, 11, 28, 1, tzinfo=dt.UTC)


def slot(starts_at: dt.datetime = SATURDAY, **rules) -> Slot:
    return Slot(
        id=UUID(int=1),
        venue_id=UUID(int=2),
        venue_key="library",
        district="chengzhong",
        external_id="s",
        version=1,
        status="open",
        starts_at=starts_at,
        ends_at=starts_at + dt.timedelta(hours=1),
        created_at=starts_at,
        updated_at=starts_at,
        **rules,
    )


def refused(of: Slot, *births: int, seats: int | None = None, **changes) -> list[str]:
    asked = Reserve(
        **{
            "id": UUID(int=3),
            "slot_id": of.id,
            "account_id": UUID(int=4),
            "holder_id": UUID(int=4),
            "parties": (),
            "audiences": ("family", "resident"),
            "seats": len(births) if seats is None else seats,
            "births": births,
        }
        | changes
    )
    return [refusal["code"] for refusal in ages.of_people(of, asked)]


@pytest.mark.parametrize(
    ("born", "fits"), [(2021, False), (2020, True), (2014, True), (2013, True), (2012, False)]
)
def test_a_birth_year_fits_where_one_of_its_two_ages_does(born, fits):
    assert refused(slot(age_min=6, age_max=12), born) == ([] if fits else ["age_out_of_range"])


@pytest.mark.parametrize(
    ("at", "born", "grade", "fits"),
    [
        # In November 2026 the first grade was born from September 2019 to August 2020.
        (SATURDAY, 2020, 1, True),
        (SATURDAY, 2019, 1, True),
        (SATURDAY, 2019, 2, True),
        (SATURDAY, 2021, 1, False),
        (SATURDAY, 2018, 1, False),
        # In the spring it is still the school year that began the autumn before.
        (SATURDAY + dt.timedelta(days=150), 2020, 1, True),
        (SATURDAY + dt.timedelta(days=150), 2021, 1, False),
    ],
)
def test_a_birth_year_fits_where_one_of_its_two_grades_does(at, born, grade, fits):
    of = slot(at, grade_min=grade, grade_max=grade)
    assert refused(of, born) == ([] if fits else ["grade_out_of_range"])


def test_one_child_that_does_not_fit_is_enough():
    assert refused(slot(age_max=6), 2020, 2010) == ["age_out_of_range"]


def test_whoever_is_not_named_has_to_be_where_only_children_fit():
    assert refused(slot(age_max=12), seats=2) == ["children_unnamed"]
    assert refused(slot(age_max=12), 2018, seats=2) == ["children_unnamed"]
    assert refused(slot(age_max=12), seats=1, audiences=("volunteer",)) == ["guardian_required"]


def test_grown_ups_need_no_name_where_they_fit():
    assert refused(slot(age_min=18), seats=2) == []
    assert refused(slot(age_min=60), seats=1, audiences=("resident",)) == []
    assert refused(slot(age_min=18), 2018) == ["age_out_of_range"]


def test_a_class_is_as_old_as_its_grade_says():
    of = slot(grade_min=3, grade_max=4)
    assert refused(of, seats=40, grade=3, audiences=("school",)) == []
    assert refused(of, seats=40, grade=5, audiences=("school",)) == ["grade_out_of_range"]
    young = slot(age_max=7)
    assert refused(young, seats=40, grade=1, audiences=("school",)) == []
    assert refused(young, seats=40, grade=3, audiences=("school",)) == ["age_out_of_range"]


def test_what_a_venue_leaves_out_restricts_nothing():
    assert refused(slot(), 1999, seats=3) == []
    assert refused(slot(age_min=6), 2010) == []
