"""What pages reckon by themselves: days, forms, where to go after the log-in."""

import datetime as dt

import pytest

from openyard_platform.clock import SHANGHAI
from openyard_platform.web.pages import browse, rendering
from openyard_platform.web.pages.browse import Filters
from openyard_platform.web.pages.forms import Form


def at(day: int, hour: int = 9) -> dt.datetime:
    """An hour of November 2026 in Shanghai; the 28th is a Saturday."""
    return dt.datetime(2026, 11, day, hour, tzinfo=SHANGHAI)


@pytest.mark.parametrize("now", [at(23), at(27, 23)])
def test_the_weekend_is_the_coming_one(now):
    assert browse.window("weekend", now) == (at(28, 0), at(30, 0))


def test_on_a_sunday_the_weekend_is_what_is_left_of_it():
    assert browse.window("weekend", at(29)) == (at(29), at(30, 0))


def test_the_next_weekend_follows_on_this_one():
    since, until = browse.window("next-weekend", at(29))
    assert (since.month, since.day, until.day) == (12, 5, 7)


def test_a_day_lasts_from_midnight_to_midnight():
    assert browse.window("2026-11-26", at(23)) == (at(26, 0), at(27, 0))


def test_no_day_is_from_now_on():
    assert browse.window("", at(23)) == (at(23), None)


def test_a_link_keeps_the_other_choices():
    filters = Filters(district="liubei", q="球 场")
    assert filters.link("/slots", day="2026-11-28") == (
        "/slots?day=2026-11-28&q=%E7%90%83+%E5%9C%BA&district=liubei"
    )
    assert Filters().link("/slots") == "/slots"


def test_choosing_everybody_outlives_the_usual_audience():
    assert Filters(usual="family").link("/") == "/?audience="
    assert Filters(usual="family", audience="family").finer == 0


@pytest.mark.parametrize(
    "path",
    ["https://example.org/", "//example.org", "/\\example.org", "slots", "", None, "/a\nb: c"],
)
def test_after_the_log_in_nobody_is_sent_to_another_site(path):
    """ASVS 3.7.2: redirects stay on this site."""
    assert rendering.safe_next(path) == "/"


def test_after_the_log_in_one_is_where_one_wanted_to_be():
    assert rendering.safe_next("/slots/1?x=/y") == "/slots/1?x=/y"


def test_figures_may_come_from_a_chinese_keyboard():
    form = Form(values={"seats": ["１２"]})
    assert form.number("seats", 1, 40) == 12
    assert form.errors == {}


@pytest.mark.parametrize("typed", ["", "0", "41", "-1", "1.5", "二", "9" * 30])
def test_what_is_no_number_in_bounds_is_told_beside_its_field(typed):
    form = Form(values={"seats": [typed]})
    form.number("seats", 1, 40)
    assert form.errors == {"seats": "请填 1 到 40 之间的数字。"}


def test_control_characters_are_not_kept_but_line_breaks_are():
    form = Form(values={"note": ["  甲\x00\x1b\n乙 "]})
    assert form.text("note") == "甲\n乙"


def test_a_password_is_taken_as_it_is():
    assert Form(values={"password": [" a b "]}).secret("password") == " a b "
