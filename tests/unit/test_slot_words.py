"""What a slot says of itself: ages, grades, and what is kept for whom."""

import datetime as dt

import pytest

from openyard_platform.domain import age_words, slot_words, words

UNTIL = dt.datetime(2026, 11, 25, 1, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (None, None, ""),
        (6, 12, "6–12 岁"),
        (6, None, "6 岁以上"),
        (None, 12, "12 岁以下"),
        (6, 6, "6 岁"),
    ],
)
def test_ages_have_two_ends_or_one(low, high, text):
    assert age_words.ages(low, high) == text


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (1, 6, "1–6 年级"),
        (0, 0, "幼儿园"),
        (None, 0, "幼儿园"),
        (0, 2, "幼儿园至 2 年级"),
        (0, None, "幼儿园及以上"),
        (7, None, "7 年级以上"),
    ],
)
def test_a_grade_of_nought_is_the_kindergarten(low, high, text):
    assert age_words.grades(low, high) == text
    assert text in words.sentence({"code": "grade_out_of_range", "min": low, "max": high})


@pytest.mark.parametrize(("left", "rest"), [(20, "都还没约"), (3, "还剩 3 个"), (0, "已全部约出")])
def test_what_is_kept_says_how_many_are_left_and_until_when(left, rest):
    told = slot_words.kept("school", 20, left, UNTIL, None)
    assert told == (f"为学校保留 20 个名额（{rest}），到 11月25日（周三）09:00，之后向所有人开放")
    assert slot_words.kept("school", 20, left, UNTIL, 5) == f"{told}；每所学校最多 5 个"


def test_what_does_not_fit_is_said_beside_the_name():
    refusals = [
        {"code": "age_out_of_range", "min": 6, "max": 12},
        {"code": "grade_out_of_range", "min": 1, "max": 6},
    ]
    assert slot_words.misfit([]) == ""
    assert slot_words.misfit(refusals) == (
        "年龄不合，这一场适合 6–12 岁；年级不合，这一场适合 1–6 年级"
    )
