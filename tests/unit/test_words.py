"""Every refusal has its sentence, whatever came along with it."""

import datetime as dt
import re
from pathlib import Path

import pytest

from openyard_events.contracts import Audience, PartyRule, SlotKind
from openyard_platform.domain import notifications, words
from openyard_platform.domain.people import Role
from openyard_platform.domain.reservations import ReservationStatus

# The whole vocabulary of refusals, also what later rules will say.
CODES = """
slot_full insufficient_capacity not_yet_open booking_closed slot_started slot_cancelled
audience_not_allowed allotment_reserved party_too_small party_too_large chaperones_missing
age_out_of_range guardian_required consent_missing quota_reached already_reserved
overlaps_own_reservation suspended_for_no_shows qualification_missing clearance_missing
approval_declined venue_capacity_conflict not_bookable
""".split()  # noqa: SIM905

AT_EIGHT = dt.datetime(2026, 11, 27, 0, 0, tzinfo=dt.UTC)
PARAMETERS = {
    "insufficient_capacity": {"remaining": 3},
    "not_yet_open": {"opens_at": AT_EIGHT},
    "booking_closed": {"closes_at": AT_EIGHT},
    "audience_not_allowed": {"audiences": ["school", "volunteer"]},
    "allotment_reserved": {"audience": "school", "releases_at": AT_EIGHT},
    "party_too_small": {"min": 10},
    "party_too_large": {"max": 6},
    "chaperones_missing": {"required": 4},
    "age_out_of_range": {"min": 6, "max": 12},
    "quota_reached": {"limit": 2, "period": "week", "resets_at": AT_EIGHT},
    "suspended_for_no_shows": {"until": AT_EIGHT},
    "qualification_missing": {"qualification": "急救证"},
    "approval_declined": {"reason": "人数太多"},
    "cancellation_closed": {"until": AT_EIGHT},
}
DOMAIN = Path(words.__file__).parent


@pytest.mark.parametrize("code", CODES)
def test_every_code_of_the_vocabulary_has_a_sentence(code):
    assert code in words.REFUSAL_CODES
    assert code not in words.sentence({"code": code})


def test_every_code_that_the_rules_say_has_a_sentence():
    said = set()
    for name in ("rules", "requests"):
        said |= set(re.findall(r'"code": "([a-z_]+)"', (DOMAIN / f"{name}.py").read_text()))
    assert said
    assert said <= words.REFUSAL_CODES


@pytest.mark.parametrize("code", sorted(words.REFUSAL_CODES))
def test_a_sentence_is_whole_with_and_without_its_parameters(code):
    for refusal in ({"code": code}, {"code": code} | PARAMETERS.get(code, {})):
        sentence = words.sentence(refusal)
        assert sentence.endswith("。")
        assert "{" not in sentence
        assert "None" not in sentence


@pytest.mark.parametrize(("code", "parameters"), PARAMETERS.items())
def test_the_parameters_are_told(code, parameters):
    bare = words.sentence({"code": code})
    assert words.sentence({"code": code} | parameters) != bare


def test_times_may_be_datetimes_or_text():
    """What a decider says comes over the bus, from the database and from JSON."""
    text = {"code": "not_yet_open", "opens_at": "2026-11-27T08:00:00+08:00"}
    assert words.sentence(text) == words.sentence({"code": "not_yet_open", "opens_at": AT_EIGHT})
    assert "11月27日（周五）08:00" in words.sentence(text)


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [({"min": 6}, "6 岁以上"), ({"max": 12}, "12 岁以下"), ({"min": 6, "max": 12}, "6–12 岁")],
)
def test_an_age_may_have_one_bound_only(bounds, expected):
    assert expected in words.sentence({"code": "age_out_of_range"} | bounds)


def test_an_unknown_code_still_says_something():
    assert "made_up" in words.sentence({"code": "made_up"})
    assert words.sentence({})


def test_everything_with_a_name_has_a_chinese_one():
    assert set(words.AUDIENCES) == set(Audience)
    assert set(words.KINDS) == set(SlotKind)
    assert set(words.ROLES) == set(Role)
    assert set(words.RESERVATION_STATUSES) >= set(ReservationStatus)
    assert set(words.NOTIFICATION_KINDS) >= set(notifications.Kind)
    assert len(words.DISTRICTS) == 10
    assert len(words.CATEGORIES) == 21


def test_a_span_names_the_second_day_only_where_it_is_another():
    hour = dt.timedelta(hours=1)
    assert words.span(AT_EIGHT, AT_EIGHT + 2 * hour) == "11月27日（周五）08:00–10:00"
    assert words.span(AT_EIGHT, AT_EIGHT + 24 * hour).endswith("–11月28日（周六）08:00")


@pytest.mark.parametrize(
    ("rule", "exclusive", "expected"),
    [
        (PartyRule(), False, ""),
        (PartyRule(max=6), False, "每次最多 6 人。"),
        (PartyRule(min=10, max=40), False, "每次 10–40 人。"),
        (PartyRule(min=10), True, "整场只接待一组，每次至少 10 人。"),
        (PartyRule(chaperones_per=10), False, "每 10 人至少 1 位成人陪同。"),
    ],
)
def test_party_rules_in_words(rule, exclusive, expected):
    assert words.party_rules(rule, exclusive) == expected
