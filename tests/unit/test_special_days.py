"""Holidays and worked weekends in calendars."""

import datetime as dt

import icalendar
import pytest

from openyard_calendars import special_days
from openyard_calendars.special_days import SpecialDay
from openyard_platform.domain import feed_kinds

CHANGED_AT = dt.datetime(2026, 11, 20, 4, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("worked", "summary", "mark"),
    [(False, "春节（休）", "WORK-HOLIDAY"), (True, "春节（班）", "ALTERNATE-WORKDAY")],
)
def test_a_special_day_is_a_whole_day_marked_for_apples_calendars(worked, summary, mark):
    day = SpecialDay(date=dt.date(2026, 2, 28), name="春节", worked=worked, changed_at=CHANGED_AT)
    event = icalendar.Event.from_ical(special_days.fragment(day))
    assert event["SUMMARY"] == summary
    assert event["X-APPLE-SPECIAL-DAY"] == mark
    assert (event.start, event.end) == (dt.date(2026, 2, 28), dt.date(2026, 3, 1))
    assert event["TRANSP"] == "TRANSPARENT"


@pytest.mark.parametrize(
    ("notice", "name"),
    [("Spring Festival", "春节"), ("除夕", "除夕"), ("", "节假日")],
)
def test_a_holiday_is_called_what_people_call_it(notice, name):
    assert feed_kinds.holiday_name(notice) == name
