"""Which days people are told about, and in which words."""

import datetime as dt

import pytest

from openyard_calendars.day_kinds import DayKind
from openyard_platform.domain import day_changes
from openyard_platform.domain.day_changes import DayChange

SUNDAY = dt.date(2031, 10, 12)
MONDAY = dt.date(2031, 10, 13)


@pytest.mark.parametrize(
    ("date", "before", "after", "told"),
    [
        (SUNDAY, "weekend", "adjusted_workday", True),
        (SUNDAY, "adjusted_workday", "weekend", True),
        (SUNDAY, "weekend", "weekend", False),
        (SUNDAY, "unknown", "weekend", False),
        (SUNDAY, "unknown", "adjusted_workday", True),
        (SUNDAY, "adjusted_workday", "unknown", True),
        (MONDAY, "unknown", "workday", False),
        (MONDAY, "unknown", "holiday", True),
        (MONDAY, "workday", "unknown", False),
    ],
)
def test_a_day_is_told_about_if_it_is_not_what_everybody_expected(date, before, after, told):
    found = day_changes.between(
        {("liubei", date): DayKind(before), ("yufeng", date): DayKind(after)},
        {("liubei", date): DayKind(after), ("yufeng", date): DayKind(after)},
    )

    assert [(one.district, one.change.date) for one in found] == [("liubei", date)] * told


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("weekend", "adjusted_workday", "10月12日（周日）由周末改为调休上班日。"),
        ("unknown", "holiday", "放假安排公布了，10月12日（周日）是法定节假日。"),
        ("holiday", "unknown", "10月12日（周日）的放假、调休安排还要再定。"),
    ],
)
def test_the_change_is_told_and_that_the_reservation_stands(before, after, said):
    change = DayChange(date=SUNDAY, before=DayKind(before), after=DayKind(after))

    assert day_changes.sentence(change, "confirmed").startswith(f"{said}您这一天的预约目前不变")
    assert day_changes.sentence(change, "waitlisted").startswith(f"{said}您这一天的候补目前不变")
