import datetime as dt
from itertools import pairwise
from zoneinfo import ZoneInfo

import msgspec
import pytest
from chinese_calendar import constants
from hypothesis import given, settings
from hypothesis import strategies as st

from openyard_calendars import day_kinds, opening
from openyard_calendars.day_kinds import DayKind, DayKinds
from openyard_calendars.opening import (
    CannotOpen,
    DayException,
    DayPolicy,
    OpeningSchedule,
    Policy,
    SkippedDay,
    Term,
)

YEAR = 2026
WORKED = [(1, 4), (2, 14), (2, 28), (5, 9), (9, 20), (10, 10)]
KINDS = DayKinds(
    kinds=day_kinds.of_year(
        YEAR,
        {day for day in constants.holidays if day.year == YEAR},
        {day for day in constants.workdays if day.year == YEAR},
    )
)
WEEKENDS = OpeningSchedule(
    spaces=("yard",),
    rrule="FREQ=WEEKLY;BYDAY=SA,SU",
    starts_on=dt.date(YEAR, 1, 1),
    ends_on=dt.date(YEAR, 12, 31),
    opens=9 * 60,
    closes=17 * 60,
    slot_minutes=480,
)


def changed(**fields) -> OpeningSchedule:
    return msgspec.structs.replace(WEEKENDS, **fields)


def march(day: int) -> dt.date:
    return dt.date(YEAR, 3, day)


def days(expansion) -> list[dt.date]:
    return sorted({slot.starts_at.date() for slot in expansion.slots})


def test_the_weekends_of_2026_are_98_days_and_the_six_worked_ones_are_named():
    found = opening.expand(WEEKENDS, KINDS)

    assert len(days(found)) == 98
    assert found.skipped == [
        SkippedDay(dt.date(YEAR, month, day), DayKind.ADJUSTED_WORKDAY, "adjusted_workday")
        for month, day in WORKED
    ]
    assert not any(slot.provisional for slot in found.slots)


def test_weekends_that_are_holidays_are_shut_where_the_policy_says_so():
    found = opening.expand(changed(day_policy=DayPolicy(holiday=Policy.CLOSED)), KINDS)

    assert len(days(found)) == 84
    assert sum(day.reason == "holiday" for day in found.skipped) == 14


def test_weekday_holidays_open_only_where_the_policy_says_so():
    national_day = dt.date(YEAR, 10, 1)
    as_rule = opening.expand(WEEKENDS, KINDS)
    opened = opening.expand(changed(day_policy=DayPolicy(holiday=Policy.OPEN)), KINDS)

    assert national_day.weekday() < 5
    assert national_day not in days(as_rule)
    assert national_day in days(opened)
    assert {day.weekday() for day in set(days(opened)) - set(days(as_rule))} <= set(range(5))


def test_worked_weekends_open_where_the_policy_leaves_it_to_the_rule():
    found = opening.expand(changed(day_policy=DayPolicy(adjusted_workday=Policy.AS_RULE)), KINDS)

    assert (len(days(found)), found.skipped) == (104, [])


def test_a_year_without_notice_is_provisional_and_follows_the_rule():
    schedule = changed(starts_on=dt.date(2030, 1, 1), ends_on=dt.date(2030, 12, 31))

    found = opening.expand(schedule, KINDS)

    assert len(days(found)) == 104
    assert all(slot.provisional for slot in found.slots)
    assert found.skipped == []


def test_exam_days_are_shut_unless_the_policy_says_otherwise():
    exams = DayKinds(kinds=KINDS.kinds, exams={march(7), march(9)})
    shut = opening.expand(WEEKENDS, exams)
    ruled = opening.expand(changed(day_policy=DayPolicy(exam_day=Policy.AS_RULE)), exams)

    assert SkippedDay(march(7), DayKind.WEEKEND, "exam_day") in shut.skipped
    assert march(9) not in {day.date for day in shut.skipped}  # a Monday: nobody expected it
    assert march(7) in days(ruled)


def test_closed_wins_where_two_policies_meet():
    holiday = dt.date(YEAR, 10, 3)
    exams = DayKinds(kinds=KINDS.kinds, exams={holiday})
    schedule = changed(day_policy=DayPolicy(holiday=Policy.OPEN))

    found = opening.expand(schedule, exams)

    assert SkippedDay(holiday, DayKind.HOLIDAY, "exam_day") in found.skipped


def test_a_schedule_across_two_terms_stays_shut_between_them():
    terms = [
        Term(starts_on=march(1), ends_on=dt.date(YEAR, 7, 4)),
        Term(starts_on=dt.date(YEAR, 9, 1), ends_on=dt.date(YEAR, 12, 31)),
    ]
    found = opening.expand(changed(in_term_only=True), KINDS, terms)

    open_days = days(found)
    assert (open_days[0], dt.date(YEAR, 7, 4) in open_days) == (march(1), True)
    assert not [day for day in open_days if dt.date(YEAR, 7, 5) <= day < dt.date(YEAR, 9, 1)]
    assert SkippedDay(dt.date(YEAR, 7, 5), DayKind.WEEKEND, "outside_term") in found.skipped
    assert days(opening.expand(WEEKENDS, KINDS, terms)) == days(opening.expand(WEEKENDS, KINDS))


def test_without_a_term_calendar_there_are_no_terms():
    assert len(days(opening.expand(changed(in_term_only=True), KINDS))) == 98


def test_exceptions_close_open_and_change_the_hours_of_their_day():
    exceptions = (
        DayException(date=march(7), kind="closed"),
        DayException(date=march(11), kind="extra", opens=600, closes=1080),
        DayException(date=march(14), kind="hours", opens=540, closes=1440),
        DayException(date=march(18), kind="hours", opens=540, closes=1440),
        DayException(date=dt.date(YEAR, 2, 14), kind="extra"),
    )
    found = opening.expand(changed(exceptions=exceptions), KINDS)

    assert SkippedDay(march(7), DayKind.WEEKEND, "exception") in found.skipped
    extra = next(slot for slot in found.slots if slot.starts_at.date() == march(11))
    assert (extra.starts_at.hour, extra.ends_at.hour) == (10, 18)
    assert dt.date(YEAR, 2, 14) in days(found)
    longer = [slot for slot in found.slots if slot.starts_at.date() == march(14)]
    assert [slot.ends_at.hour for slot in longer] == [17]
    assert march(18) not in days(found)  # a Wednesday stays shut


def test_slots_leave_their_gap_and_the_rest_of_the_day_free():
    schedule = changed(
        spaces=("hall", "yard"), closes=12 * 60, slot_minutes=45, gap_minutes=15, ends_on=march(1)
    )

    slots = opening.expand(schedule, KINDS, first=march(1)).slots

    assert [(slot.key, f"{slot.starts_at:%H:%M}", f"{slot.ends_at:%H:%M}") for slot in slots] == [
        ("2026-03-01:hall:1", "09:00", "09:45"),
        ("2026-03-01:hall:2", "10:00", "10:45"),
        ("2026-03-01:hall:3", "11:00", "11:45"),
        ("2026-03-01:yard:1", "09:00", "09:45"),
        ("2026-03-01:yard:2", "10:00", "10:45"),
        ("2026-03-01:yard:3", "11:00", "11:45"),
    ]
    assert slots[0].starts_at.tzinfo == ZoneInfo("Asia/Shanghai")


def test_intervals_count_from_the_week_of_the_first_day_and_until_ends_the_rule():
    every_other = "FREQ=WEEKLY;INTERVAL=2;BYDAY=SU,SA;WKST=MO;UNTIL=20260315"
    schedule = changed(rrule=every_other, starts_on=march(1), ends_on=march(31))

    assert days(opening.expand(schedule, KINDS)) == [march(1), march(14), march(15)]


@pytest.mark.parametrize(
    ("fields", "path", "code"),
    [
        ({"ends_on": dt.date(2025, 12, 31)}, "ends_on", "ends_before_start"),
        ({"starts_on": dt.date(1999, 1, 1)}, "starts_on", "out_of_range"),
        ({"ends_on": dt.date(2036, 1, 1)}, "ends_on", "too_long"),
        ({"spaces": ("yard", "yard")}, "spaces", "twice"),
        ({"slot_minutes": 481}, "to", "no_room"),
        ({"slot_minutes": 1, "ends_on": dt.date(2027, 1, 1)}, "ends_on", "too_many_slots"),
        ({"rrule": "FREQ=HOURLY"}, "rrule", "rule_frequency"),
        ({"rrule": "FREQ=DAILY"}, "rrule", "rule_not_weekly"),
        ({"rrule": "FREQ=WEEKLY"}, "rrule", "rule_not_weekly"),
        ({"rrule": "FREQ=WEEKLY;BYDAY=SA;COUNT=3"}, "rrule", "rule_not_weekly"),
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused_with_its_field(fields, path, code):
    with pytest.raises(CannotOpen) as caught:
        opening.check(changed(**fields))

    assert (caught.value.path, caught.value.code) == (path, code)


@pytest.mark.parametrize(
    ("exceptions", "path", "code"),
    [
        ([{"date": march(1), "kind": "closed"}] * 2, "exceptions[1].date", "twice"),
        (
            [{"date": dt.date(2027, 1, 1), "kind": "extra"}],
            "exceptions[0].date",
            "outside_validity",
        ),
        ([{"date": march(1), "kind": "hours"}], "exceptions[0]", "hours_missing"),
        ([{"date": march(1), "kind": "extra", "opens": 540}], "exceptions[0]", "hours_missing"),
        (
            [{"date": march(1), "kind": "closed", "closes": 540}],
            "exceptions[0]",
            "hours_needless",
        ),
        (
            [{"date": march(1), "kind": "extra", "opens": 540, "closes": 600}],
            "exceptions[0].to",
            "no_room",
        ),
    ],
)
def test_an_exception_that_makes_no_sense_is_refused_with_its_place(exceptions, path, code):
    with pytest.raises(CannotOpen) as caught:
        opening.check(changed(exceptions=tuple(DayException(**one) for one in exceptions)))

    assert (caught.value.path, caught.value.code) == (path, code)


def test_exceptions_that_make_sense_pass():
    opening.check(
        changed(
            exceptions=(
                DayException(date=march(1), kind="closed"),
                DayException(date=march(2), kind="extra"),
                DayException(date=march(7), kind="hours", opens=480, closes=1080),
            )
        )
    )


@st.composite
def schedules(draw) -> OpeningSchedule:
    starts_on = draw(st.dates(dt.date(2025, 12, 1), dt.date(2027, 1, 31)))
    length = draw(st.integers(1, 200))
    opens = draw(st.integers(0, 1200))
    slot_minutes = draw(st.integers(20, 240))
    weekdays = draw(
        st.sets(st.sampled_from(["MO", "TU", "WE", "TH", "FR", "SA", "SU"]), min_size=1)
    )
    dates = draw(st.sets(st.integers(0, length - 1), max_size=4))
    policies = st.sampled_from(Policy)
    return OpeningSchedule(
        spaces=tuple(draw(st.sets(st.sampled_from("abc"), min_size=1))),
        rrule=f"FREQ=WEEKLY;INTERVAL={draw(st.integers(1, 4))};BYDAY={','.join(weekdays)}",
        starts_on=starts_on,
        ends_on=starts_on + dt.timedelta(days=length - 1),
        opens=opens,
        closes=draw(st.integers(min(opens + slot_minutes, 1440), 1440)),
        slot_minutes=min(slot_minutes, 1440 - opens),
        gap_minutes=draw(st.integers(0, 60)),
        day_policy=DayPolicy(
            adjusted_workday=draw(policies), holiday=draw(policies), exam_day=draw(policies)
        ),
        exceptions=tuple(
            DayException(
                date=starts_on + dt.timedelta(days=number),
                kind=draw(st.sampled_from(["closed", "extra"])),
            )
            for number in dates
        ),
    )


@settings(max_examples=60, deadline=None)
@given(schedules(), st.sets(st.dates(dt.date(2026, 1, 1), dt.date(2026, 12, 31)), max_size=20))
def test_no_expansion_overlaps_leaves_its_validity_or_differs_from_the_next(schedule, exams):
    known = DayKinds(kinds=KINDS.kinds, exams=exams)
    opening.check(schedule)

    found = opening.expand(schedule, known)

    assert found == opening.expand(schedule, known)
    assert len({slot.key for slot in found.slots}) == len(found.slots)
    for space in schedule.spaces:
        own = [slot for slot in found.slots if slot.space == space]
        assert all(one.ends_at <= other.starts_at for one, other in pairwise(own))
    for slot in found.slots:
        assert schedule.starts_on <= slot.starts_at.date() <= schedule.ends_on
        assert slot.ends_at - slot.starts_at == dt.timedelta(minutes=schedule.slot_minutes)
    assert not {day.date for day in found.skipped} & set(days(found))


@settings(max_examples=40, deadline=None)
@given(schedules(), st.integers(0, 200))
def test_keys_stay_the_same_when_a_schedule_is_cut_or_one_day_of_it_changes(schedule, number):
    whole = {slot.key: slot for slot in opening.expand(schedule, KINDS).slots}
    first = schedule.starts_on + dt.timedelta(days=number)
    rest = opening.expand(schedule, KINDS, first=first).slots
    shut = msgspec.structs.replace(schedule, exceptions=(DayException(date=first, kind="closed"),))
    without = {slot.key: slot for slot in opening.expand(shut, KINDS).slots}

    assert [whole[slot.key] for slot in rest] == rest
    touched = {first} | {one.date for one in schedule.exceptions}
    assert {k: s for k, s in whole.items() if s.starts_at.date() not in touched} == {
        k: s for k, s in without.items() if s.starts_at.date() not in touched
    }
