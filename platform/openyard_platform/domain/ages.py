"""Ages and grades: whether those who come are as old as the slot is made for."""

import datetime as dt

from openyard_events.commands import Reserve
from openyard_events.contracts import Audience
from openyard_platform.domain import words
from openyard_platform.domain.reservations import Refusal
from openyard_platform.domain.slots import Slot

ADULT = 18
# A child is six, or about to be, when the first grade begins on the first of September.
_STARTS_SCHOOL = 6
_SCHOOL_YEAR_BEGINS = 9


def of_people(slot: Slot, asked: Reserve) -> list[Refusal]:
    """What the slot's ages and grades say against those who are named.

    A birth year leaves two ages open, and so two grades: one that fits is enough. Who asks for
    somebody it does not name is refused where only children fit.
    """
    if slot.starts_at is None or not (_has_ages(slot) or _has_grades(slot)):
        return []
    if asked.grade is not None:
        return _of_group(slot, asked.grade)
    refusals = _of_children(slot, slot.starts_at, asked.births)
    if not refusals and asked.seats > len(asked.births) and not _fits_adults(slot):
        refusals = [_unnamed(asked)]
    return refusals


def _of_children(slot: Slot, starts_at: dt.datetime, births: tuple[int, ...]) -> list[Refusal]:
    local = words.local(starts_at)
    school_year = local.year if local.month >= _SCHOOL_YEAR_BEGINS else local.year - 1
    refusals = []
    if not all(_within(slot.age_min, slot.age_max, local.year - born) for born in births):
        refusals.append(_age_refusal(slot))
    if _has_grades(slot):
        grades = (school_year - born - _STARTS_SCHOOL + 1 for born in births)
        if not all(_within(slot.grade_min, slot.grade_max, grade) for grade in grades):
            refusals.append(_grade_refusal(slot))
    return refusals


def _of_group(slot: Slot, grade: int) -> list[Refusal]:
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


def _has_ages(slot: Slot) -> bool:
    return slot.age_min is not None or slot.age_max is not None


def _has_grades(slot: Slot) -> bool:
    return slot.grade_min is not None or slot.grade_max is not None


def _fits_adults(slot: Slot) -> bool:
    """Whether those who are not named may be adults who come for themselves."""
    return not _has_grades(slot) and (slot.age_max is None or slot.age_max >= ADULT)


def _unnamed(asked: Reserve) -> Refusal:
    if Audience.FAMILY in asked.audiences or Audience.SCHOOL in asked.audiences:
        return {"code": "children_unnamed", "required": asked.seats}
    return {"code": "guardian_required"}


def _age_refusal(slot: Slot) -> Refusal:
    return {"code": "age_out_of_range", "min": slot.age_min, "max": slot.age_max}


def _grade_refusal(slot: Slot) -> Refusal:
    return {"code": "grade_out_of_range", "min": slot.grade_min, "max": slot.grade_max}
