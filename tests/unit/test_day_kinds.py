import datetime as dt

import pytest

from openyard_calendars import day_kinds
from openyard_calendars.day_kinds import BadNotice, DayKind, DayKinds

NEW_YEAR = dt.date(2027, 1, 1)
SUNDAY = dt.date(2027, 1, 10)


def test_a_notice_gives_every_day_of_its_year_a_kind():
    kinds = day_kinds.of_year(2027, {NEW_YEAR}, {SUNDAY})

    assert len(kinds) == 365
    assert kinds[NEW_YEAR] is DayKind.HOLIDAY
    assert kinds[SUNDAY] is DayKind.ADJUSTED_WORKDAY
    assert kinds[dt.date(2027, 1, 9)] is DayKind.WEEKEND
    assert kinds[dt.date(2027, 1, 11)] is DayKind.WORKDAY
    assert len(day_kinds.of_year(2028, set(), set())) == 366


def test_a_day_without_notice_is_unknown():
    known = DayKinds(kinds=day_kinds.of_year(2027, set(), set()))

    assert known.of(dt.date(2027, 12, 31)) is DayKind.WORKDAY
    assert known.of(dt.date(2028, 1, 1)) is DayKind.UNKNOWN


@pytest.mark.parametrize(
    ("holidays", "worked", "said"),
    [
        ({dt.date(2026, 12, 31)}, set(), "2026-12-31 is not in 2027."),
        ({SUNDAY}, {SUNDAY}, "2027-01-10 is both a holiday and worked."),
        (set(), {NEW_YEAR}, "2027-01-01 is no weekend day: it is worked anyway."),
    ],
)
def test_a_notice_that_cannot_be_is_refused(holidays, worked, said):
    with pytest.raises(BadNotice, match=said):
        day_kinds.of_year(2027, holidays, worked)
