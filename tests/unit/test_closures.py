"""What a closure may be, and how its withdrawals are known again."""

import datetime as dt

import pytest
from msgspec.structs import replace

from openyard_events import subjects
from openyard_platform.domain import closures, schedule_slots
from openyard_platform.domain.closures import Closure
from openyard_platform.domain.errors import Invalid

NOW = dt.datetime(2026, 11, 27, 4, 0, tzinfo=dt.UTC)
STARTS_AT, ENDS_AT = closures.of_days(dt.date(2026, 11, 28), dt.date(2026, 11, 28))
CLOSURE = Closure(starts_at=STARTS_AT, ends_at=ENDS_AT, reason="检修")
HOUR = dt.timedelta(hours=1)


def test_a_day_is_one_of_the_citys_calendar():
    assert STARTS_AT.isoformat() == "2026-11-28T00:00:00+08:00"
    assert ENDS_AT.isoformat() == "2026-11-29T00:00:00+08:00"


@pytest.mark.parametrize(
    ("changes", "path", "code"),
    [
        ({"ends_at": STARTS_AT}, "to", "ends_before_start"),
        ({"starts_at": NOW - 2 * HOUR, "ends_at": NOW}, "to", "in_the_past"),
        ({"ends_at": STARTS_AT + closures.LONGEST + HOUR}, "to", "too_long"),
        ({"spaces": ()}, "spaces", "out_of_range"),
        ({"reason": "  "}, "reason", "missing_field"),
        ({"reason": f" {schedule_slots.REASON}"}, "reason", "reason_reserved"),
    ],
)
def test_what_is_no_closure_is_named(changes, path, code):
    closures.check(CLOSURE, NOW)
    with pytest.raises(Invalid) as refused:
        closures.check(replace(CLOSURE, **changes), NOW)
    (error,) = refused.value.parameters["errors"]
    assert (error.path, error.code) == (path, code)


def test_what_is_under_way_can_still_be_closed():
    closures.check(replace(CLOSURE, starts_at=NOW - HOUR, ends_at=NOW + HOUR), NOW)


def test_the_same_closure_withdraws_a_slot_under_the_same_id():
    known = closures.message_id(CLOSURE, "a", 3)
    moved = {"starts_at": STARTS_AT.astimezone(dt.UTC), "spaces": None}
    assert closures.message_id(replace(CLOSURE, **moved), "a", 3) == known
    assert subjects.is_token(known)
    others = {
        closures.message_id(CLOSURE, "b", 3),
        closures.message_id(CLOSURE, "a", 4),
        closures.message_id(replace(CLOSURE, reason="停电"), "a", 3),
        closures.message_id(replace(CLOSURE, ends_at=ENDS_AT + HOUR), "a", 3),
        closures.message_id(replace(CLOSURE, spaces=("hall",)), "a", 3),
    }
    assert len(others | {known}) == 6


def test_the_order_of_its_spaces_does_not_matter():
    one, other = (replace(CLOSURE, spaces=keys) for keys in (("a", "b"), ("b", "a", "b")))
    assert closures.message_id(one, "x", 1) == closures.message_id(other, "x", 1)
