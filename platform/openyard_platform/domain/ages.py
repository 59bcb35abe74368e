"""Ages and grades: whether those who come are as old as the slot is made for."""

import datetime as dt
from typing import Protocol

from openyard_events.commands import Reserve
from openyard_events.contracts import Audience
from openyard_platform.domain import words
from openyard_platform.domain.reservations import Refusal

ADULT = 18
# A child is six, or about to be, when the first grade begins on the first of September.
_STARTS_SCHOOL = 6
_SCHOOL_YEAR_BEGINS = 9


class Limits(Protocol):
    """Whom a slot is made for: one that is decided about, or one as a page shows it."""

    @property
    def starts_at(self) -> dt.datetime | None: ...
    @property
    def age_min(self) -> int | None: ...
    @property
    def age_max(self) -> int | None: ...
    @property
    def grade_min(self) -> int | None: ...
    @property
    def grade_max(self) -> int | None: ...


def of_people(slot: Limits, asked: Reserve) -> list[Refusal]:
    """What the slot's ages and grades say against those who are named.

    A birth year leaves two ages open, and so two grades: one that fits is enough. Who asks for
    somebody it does not name is refused where only children fit.
    """
    if not asks(slot):
        return []
    if asked.grade is not None:
        return of_group(slot, asked.grade)
    refusals = of_children(slot, asked.births)
    if not refusals and asked.seats > len(asked.births) and names_all(slot):
        refusals = [_unnamed(asked)]
    return refusals


def asks(slot: Limits) -> bool:
    """Whether it matters who comes."""
    return _has_ages(slot) or _has_grades(slot)


def names_all(slot: Limits) -> bool:
    """Whether each of those who come is to be named: none of them can be an adult."""
    return _has_grades(slot) or (slot.age_max is not None and slot.age_max < ADULT)


def of_children(slot: Limits, births: tuple[int, ...]) -> list[Refusal]:
    """What the slot says against children of these birth years."""
    if slot.starts_at is None:
        return []
    local = words.local(slot.starts_at)
    school_year = local.year if local.month >= _SCHOOL_YEAR_BEGINS else local.year - 1
    refusals = []
    if not all(_within(slot.age_min, slot.age_max, local.year - born) for born in births):
        refusals.append(_age_refusal(slot))
    if _has_grades(slot):
        grades = (school_year - born - _STARTS_SCHOOL + 1 for born in births)
        if not all(_within(slot.grade_min, slot.grade_max, grade) for grade in grades):
            refusals.append(_grade_refusal(slot))
    return refusals


def of_group(slot: Limits, grade: int) -> list[Refusal]:
    """What the slot says against a study group of this grade."""
    refusals = []
    if not (_below(slot.grade_min, grade) and _above(slot.grade_max, grade)):
        refusals.append(_grade_refusal(slot))
    # In the course of a school year the pupils of a grade turn one year older.
    if not _within(slot.age_min, slot.age_max, grade + _STARTS_SCHOOL):
        refusals.append(_age_refusal(slot))
    return refusals


def _within(low: int | None, high: int | None, value: int) -> bool:
    """Whether ``value``, or one less, lies between the two."""
    return _below(low, value) and _above(high, value - 1)


def _below(low: int | None, value: int) -> bool:
    return low is None or value >= low


def _above(high: int | None, value: int) -> bool:
    return high is None or value <= high


def _has_ages(slot: Limits) -> bool:
    return slot.age_min is not None or slot.age_max is not None


def _has_grades(slot: Limits) -> bool:
    return slot.grade_min is not None or slot.grade_max is not None


def _unnamed(asked: Reserve) -> Refusal:
    if Audience.FAMILY in asked.audiences or Audience.SCHOOL in asked.audiences:
        return {"code": "children_unnamed", "required": asked.seats}
    return {"code": "guardian_required"}


def _age_refusal(slot: Limits) -> Refusal:
    return {"code": "age_out_of_range", "min": slot.age_min, "max": slot.age_max}


def _grade_refusal(slot: Limits) -> Refusal:
    return {"code": "grade_out_of_range", "min": slot.grade_min, "max": slot.grade_max}
