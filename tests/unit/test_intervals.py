import datetime as dt

from openyard_calendars import intervals

NINE = dt.datetime(2026, 11, 28, 9, tzinfo=dt.UTC)
TEN = NINE + dt.timedelta(hours=1)


def test_a_span_is_its_whole_minutes():
    assert intervals.span(intervals.EPOCH, intervals.EPOCH + dt.timedelta(hours=1)) == (0, 60)


def test_a_started_minute_counts_whole():
    assert intervals.span(
        NINE + dt.timedelta(seconds=59), TEN + dt.timedelta(seconds=1)
    ) == intervals.span(NINE, TEN + dt.timedelta(minutes=1))


def test_spans_that_only_touch_do_not_overlap():
    morning, next_hour = intervals.span(NINE, TEN), intervals.span(TEN, TEN + (TEN - NINE))

    assert not intervals.overlap(morning, next_hour)
    assert intervals.overlap(morning, (morning[1] - 1, morning[1]))


def test_two_owners_never_meet_at_the_same_time():
    one, other = (intervals.numbered(number, intervals.span(NINE, TEN)) for number in (1, 2))

    assert not intervals.overlap(one, other)
    assert one[1] - one[0] == 60
