"""What is said to who waits: how long, how likely, and why others were served first."""

import datetime as dt

import pytest

from openyard_platform.domain import waiting_words

NOW = dt.datetime(2026, 11, 28, 1, 0, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "已到期限"),
        (0, "已到期限"),
        (59, "还剩不到 1 分钟"),
        (60, "还剩 1 分钟"),
        (3599, "还剩 59 分钟"),
        (3600, "还剩 1 小时"),
        (5700, "还剩 1 小时 35 分"),
        (48 * 3600, "还剩 2 天 0 小时"),
    ],
)
def test_the_time_left_is_never_more_than_there_is(seconds, text):
    assert waiting_words.time_left(NOW + dt.timedelta(seconds=seconds), NOW) == text


def test_an_estimate_says_how_many_and_promises_nothing():
    some = waiting_words.estimate(12, 7, 3)
    assert "12 场" in some
    assert "其中 7 场轮到了第 3 位" in some
    assert "不代表这一次" in some
    assert "全都轮到了第 1 位" in waiting_words.estimate(5, 5, 1)
    assert "都没有轮到第 9 位" in waiting_words.estimate(5, 0, 9)


@pytest.mark.parametrize(
    ("skip", "words"),
    [
        ({"code": "insufficient_capacity", "remaining": 1}, "空出 1 个名额，您这组要 3 个"),
        ({"code": "overlaps_own_reservation", "reservation": "x"}, "同一时间已有别的预约"),
        ({"code": "quota_reached", "limit": 4, "period": "slot"}, "最多 4 个名额"),
        ({"code": "venue_capacity_conflict"}, "场地那时被别的安排占用"),
        ({"code": "slot_started"}, "这一场已经开始"),
    ],
)
def test_who_was_passed_over_hears_when_and_why(skip, words):
    told = waiting_words.passed_over(skip | {"at": NOW.isoformat()}, held=3)
    assert told.startswith("11月28日（周六）09:00：")
    assert words in told
    assert told.endswith("。")
    assert waiting_words.passed_over(skip, held=3).startswith("有一次：")
