import datetime as dt
import itertools
import warnings

import pytest
from dateutil.rrule import rrulestr
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from openyard_calendars import occurrences, recurrence
from openyard_calendars.unreadable import CannotRead

ZONE = dt.timezone(dt.timedelta(hours=8))
SATURDAY = dt.datetime.fromisoformat("2026-11-28T09:00")
HORIZON = dt.datetime.fromisoformat("2030-01-01T00:00")


def starts(rule: str, first=SATURDAY, horizon=None) -> list[str]:
    found = occurrences.starts(recurrence.parse(rule, ZONE), first, horizon)
    return [f"{time:%Y-%m-%d %H:%M}" for time in found.times]


def refusal(rule: str, horizon=None) -> str:
    with pytest.raises(CannotRead) as caught:
        occurrences.starts(recurrence.parse(rule, ZONE), SATURDAY, horizon)
    return caught.value.code


def numbers(least, greatest, *, signed=False):
    single = st.integers(least, greatest)
    if signed:
        single |= st.integers(-greatest, -least)
    return st.lists(single, min_size=1, max_size=4, unique=True).map(
        lambda some: ",".join(map(str, some))
    )


@st.composite
def rules(draw):
    frequency = draw(st.sampled_from(["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]))
    parts = {"FREQ": frequency}
    optional = {
        "INTERVAL": st.sampled_from(["1", "2", "3", "5", "13"]),
        "COUNT": st.sampled_from(["1", "3", "40"]),
        "WKST": st.sampled_from(["MO", "SU", "WE"]),
        "BYMONTH": numbers(1, 12),
        "BYMONTHDAY": numbers(1, 31, signed=True),
        "BYHOUR": numbers(0, 23),
        "BYMINUTE": numbers(0, 59),
        "BYSETPOS": numbers(1, 6, signed=True),
    }
    if frequency == "WEEKLY":
        del optional["BYSETPOS"]  # the library counts positions of a first week only from its event
    if frequency == "YEARLY":
        optional["BYYEARDAY"] = numbers(1, 366, signed=True)
    for name in draw(st.lists(st.sampled_from(sorted(optional)), max_size=4, unique=True)):
        parts[name] = draw(optional[name])
    # Not mixed: the library takes "MO,1MO" for what is both, where the standard says either.
    with_ordinals = frequency in ("MONTHLY", "YEARLY") and draw(st.booleans())
    ordinals = ["1", "-1", "2", "+3", "-4"] if with_ordinals else [""]
    if draw(st.booleans()):
        days = st.tuples(st.sampled_from(ordinals), st.sampled_from(["MO", "TU", "SA", "SU"]))
        chosen = draw(st.lists(days, min_size=1, max_size=3, unique=True))
        parts["BYDAY"] = ",".join(map("".join, chosen))
    return ";".join(f"{name}={value}" for name, value in parts.items())


@given(rules(), st.integers(0, 1000))
@settings(deadline=None)
def test_a_library_finds_the_same_times(rule, days):
    first = SATURDAY + dt.timedelta(days=days)
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        # Otherwise it looks for what an impossible rule matches until the year 9999.
        patch.setattr("datetime.MAXYEAR", HORIZON.year + 1)
        theirs = list(
            itertools.takewhile(lambda time: time <= HORIZON, rrulestr(rule, dtstart=first))
        )
    assume(len(theirs) <= occurrences.MAX_OCCURRENCES)

    ours = occurrences.starts(recurrence.parse(rule, ZONE), first, HORIZON)

    assert ours.times == sorted({first, *theirs})


def test_a_day_of_the_year_may_be_counted_from_its_end():
    assert starts("FREQ=YEARLY;BYYEARDAY=1,-1;COUNT=3")[1:] == [
        "2026-12-31 09:00",
        "2027-01-01 09:00",
        "2027-12-31 09:00",
    ]


def test_the_last_weekday_of_a_year_is_found():
    assert starts("FREQ=YEARLY;BYDAY=-1SA;COUNT=1")[1:] == ["2026-12-26 09:00"]


def test_positions_count_in_the_whole_week():
    tuesday = dt.datetime.fromisoformat("2027-04-06T09:00")

    assert starts("FREQ=WEEKLY;BYSETPOS=1;BYDAY=MO,SA;COUNT=1", tuesday)[1] == "2027-04-12 09:00"


def test_either_of_two_ways_to_name_a_weekday_is_enough():
    assert starts("FREQ=MONTHLY;BYDAY=1MO,SA;COUNT=3") == [
        "2026-11-28 09:00",
        "2026-12-05 09:00",
        "2026-12-07 09:00",
    ]


def test_a_weekly_rule_follows_the_weekday_of_its_first_event():
    assert starts("FREQ=WEEKLY;COUNT=3") == [
        "2026-11-28 09:00",
        "2026-12-05 09:00",
        "2026-12-12 09:00",
    ]


def test_a_month_without_a_31st_is_left_out():
    first = dt.datetime.fromisoformat("2026-01-31T09:00")

    assert starts("FREQ=MONTHLY;COUNT=3", first) == [
        "2026-01-31 09:00",
        "2026-03-31 09:00",
        "2026-05-31 09:00",
    ]


def test_the_29th_of_february_comes_in_leap_years():
    first = dt.datetime.fromisoformat("2024-02-29T09:00")

    assert starts("FREQ=YEARLY;COUNT=2", first) == ["2024-02-29 09:00", "2028-02-29 09:00"]


@pytest.mark.parametrize(
    "until", ["20261205T010000Z", "20261205T090000", "20261205", "20261205T011500Z"]
)
def test_until_is_inclusive_and_may_be_utc_local_or_a_day(until):
    assert starts(f"FREQ=WEEKLY;UNTIL={until}") == ["2026-11-28 09:00", "2026-12-05 09:00"]


def test_until_in_utc_is_compared_in_the_zone_of_the_event():
    assert starts("FREQ=WEEKLY;UNTIL=20261205T005959Z") == ["2026-11-28 09:00"]


@pytest.mark.parametrize("until", ["00010101T000000Z", "20200101"])
def test_a_rule_that_ends_before_its_event_gives_nothing(until):
    assert starts(f"FREQ=DAILY;UNTIL={until}") == []


@pytest.mark.parametrize("until", ["99991231T235959Z", "21500101"])
def test_no_rule_goes_on_after_the_year_2100(until):
    assert starts(f"FREQ=YEARLY;UNTIL={until}")[-1] == "2100-11-28 09:00"


def test_the_first_event_counts_even_where_the_rule_does_not_name_it():
    assert starts("FREQ=WEEKLY;BYDAY=SU;COUNT=1") == ["2026-11-28 09:00", "2026-11-29 09:00"]


def test_an_endless_rule_is_followed_to_the_horizon_and_said_to_be_cut():
    horizon = dt.datetime.fromisoformat("2026-12-06T00:00")

    found = occurrences.starts(recurrence.parse("FREQ=WEEKLY", ZONE), SATURDAY, horizon)

    assert [time.day for time in found.times] == [28, 5]
    assert found.cut


@pytest.mark.parametrize("end", ["COUNT=2", "UNTIL=20261205"])
def test_a_rule_that_ends_before_the_horizon_is_not_cut(end):
    rule = recurrence.parse(f"FREQ=WEEKLY;{end}", ZONE)

    assert not occurrences.starts(rule, SATURDAY, HORIZON).cut


def test_an_endless_rule_without_horizon_is_refused():
    assert refusal("FREQ=WEEKLY") == "rule_endless"


def test_more_occurrences_than_anybody_offers_are_refused():
    assert refusal("FREQ=DAILY;BYHOUR=8,9;UNTIL=20330101") == "rule_too_many"


def test_the_last_of_two_thousand_occurrences_is_found():
    assert len(starts("FREQ=DAILY;COUNT=2000")) == 2000


def test_days_looked_at_are_counted_and_end_with_the_century():
    rule = recurrence.parse("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30;COUNT=1", ZONE)

    found = occurrences.starts(rule, SATURDAY, None)

    assert found.times == [SATURDAY]
    assert found.looked == (dt.date(2100, 12, 31) - SATURDAY.date()).days + 1


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ("FREQ=HOURLY;COUNT=2", "rule_frequency"),
        ("FREQ=MINUTELY;COUNT=2", "rule_frequency"),
        ("FREQ=SECONDLY;COUNT=2", "rule_frequency"),
        ("COUNT=2", "rule_frequency"),
        ("", "rule_frequency"),
        ("FREQ=DAILY;INTERVAL=0;COUNT=2", "rule_out_of_range"),
        ("FREQ=DAILY;INTERVAL=367;COUNT=2", "rule_out_of_range"),
        ("FREQ=DAILY;INTERVAL=-1;COUNT=2", "rule_out_of_range"),
        ("FREQ=DAILY;COUNT=3501", "rule_out_of_range"),
        ("FREQ=DAILY;COUNT=0", "rule_out_of_range"),
        ("FREQ=DAILY;COUNT=٣", "rule_out_of_range"),
        ("FREQ=DAILY;COUNT=99999999999999999999", "rule_out_of_range"),
        ("FREQ=DAILY;FREQ=WEEKLY;COUNT=2", "rule_malformed"),
        ("FREQ=DAILY;COUNT", "rule_malformed"),
        ("FREQ=DAILY;COUNT=2;BYMONTH=13", "rule_malformed"),
        ("FREQ=DAILY;COUNT=2;BYMONTH=-1", "rule_malformed"),
        ("FREQ=DAILY;COUNT=2;BYMONTHDAY=0", "rule_malformed"),
        ("FREQ=DAILY;COUNT=2;BYMONTHDAY=1,,2", "rule_malformed"),
        ("FREQ=DAILY;COUNT=2;BYSETPOS=367", "rule_malformed"),
        ("FREQ=DAILY;COUNT=2;BYHOUR=24", "rule_malformed"),
        ("FREQ=WEEKLY;COUNT=2;BYDAY=1MO", "rule_malformed"),
        ("FREQ=MONTHLY;COUNT=2;BYDAY=6MO", "rule_malformed"),
        ("FREQ=MONTHLY;COUNT=2;BYDAY=0MO", "rule_malformed"),
        ("FREQ=YEARLY;BYMONTH=2;COUNT=2;BYDAY=-6MO", "rule_malformed"),
        ("FREQ=YEARLY;COUNT=2;BYDAY=54MO", "rule_malformed"),
        ("FREQ=WEEKLY;COUNT=2;BYDAY=XX", "rule_malformed"),
        ("FREQ=WEEKLY;COUNT=2;WKST=1MO", "rule_malformed"),
        ("FREQ=WEEKLY;UNTIL=tomorrow", "rule_malformed"),
        ("FREQ=WEEKLY;UNTIL=20261399", "rule_malformed"),
        ("FREQ=WEEKLY;COUNT=2;" + "BYDAY=" + "MO," * 400, "rule_malformed"),
        ("FREQ=YEARLY;COUNT=2;BYEASTER=1", "rule_part_unknown"),
        ("RSCALE=CHINESE;FREQ=YEARLY;COUNT=2", "rule_part_unknown"),
        ("FREQ=YEARLY;COUNT=2;BYWEEKNO=20", "rule_part_unknown"),
        (
            "FREQ=DAILY;COUNT=2;BYHOUR=1,2,3,4,5,6,7,8,9,10;BYMINUTE=1,2,3,4,5,6,7,8,9,10",
            "rule_too_dense",
        ),
    ],
)
def test_what_is_outside_the_whitelist_is_refused_before_anything_is_reckoned(rule, code):
    assert refusal(rule) == code


def test_a_rule_may_end_in_a_semicolon():
    assert len(starts("FREQ=YEARLY;COUNT=2;")) == 2
