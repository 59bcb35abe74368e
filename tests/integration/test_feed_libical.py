"""Our feeds under libical's strict check; runs where Debian's libical3 is installed."""

import datetime as dt

import pytest
from msgspec.structs import replace

from openyard_calendars import entry, feed, special_days
from openyard_calendars.entry import Entry
from openyard_calendars.feed import Head
from openyard_calendars.special_days import SpecialDay
from tests.integration.libical import LIBRARY, check

CHANGED_AT = dt.datetime(2026, 11, 20, 4, tzinfo=dt.UTC)
PRIVATE = Head(name="我家的预约", description="联育", changed_at=CHANGED_AT, private=True)
PUBLIC = Head(
    name="柳州市科技馆",
    description="周末开放, 活动; 讲座",
    changed_at=CHANGED_AT,
    url="https://openyard.example/venues/kjg",
    source="https://openyard.example/venues/kjg/calendar.ics",
)
WORKSHOP = Entry(
    uid="0198-7a@openyard",
    summary="机器人工坊：第一场; 家长陪同, 自带水杯",
    location="柳州市科技馆 三楼\n机器人教室",
    description="请提前十分钟到场。" * 30,
    starts_at=CHANGED_AT + dt.timedelta(days=8),
    ends_at=CHANGED_AT + dt.timedelta(days=8, hours=2),
    changed_at=CHANGED_AT,
    categories=("科普", "周末"),
    geo=(24.3264, 109.428),
    url="https://openyard.example/slots/0198-7a",
    private=True,
)
STATES = [
    WORKSHOP,
    replace(WORKSHOP, uid="b", cancelled=True, sequence=1),
    replace(WORKSHOP, uid="c", tentative=True, private=False, geo=None, url=None),
]


@pytest.mark.skipif(LIBRARY is None, reason="libical is not installed")
@pytest.mark.parametrize("head", [PRIVATE, PUBLIC], ids=["private", "public"])
@pytest.mark.parametrize("count", [0, 3], ids=["empty", "full"])
def test_a_feed_passes_the_strict_check(head, count):
    data = feed.assemble(head, map(entry.fragment, STATES[:count]))

    assert check(data) == (True, 0)


@pytest.mark.skipif(LIBRARY is None, reason="libical is not installed")
def test_a_feed_with_nothing_to_say_of_itself_passes_the_strict_check():
    assert check(feed.assemble(replace(PUBLIC, description=""), [])) == (True, 0)


@pytest.mark.skipif(LIBRARY is None, reason="libical is not installed")
@pytest.mark.parametrize("worked", [False, True])
def test_a_special_day_passes_the_strict_check(worked):
    day = SpecialDay(
        date=dt.date(2026, 2, 28), name="春节, 班", worked=worked, changed_at=CHANGED_AT
    )

    assert check(feed.assemble(PUBLIC, [special_days.fragment(day)])) == (True, 0)


@pytest.mark.skipif(LIBRARY is None, reason="libical is not installed")
def test_the_check_notices_what_is_wrong():
    twice = entry.fragment(WORKSHOP).replace(b"SEQUENCE:0", b"SEQUENCE:0\r\nSEQUENCE:1")

    assert check(feed.assemble(PUBLIC, [twice])) == (False, 1)
