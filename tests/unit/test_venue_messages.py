import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openyard_events import venue_messages
from openyard_events.contracts import SlotOffered, SlotWithdrawn
from openyard_events.venue_messages import Accepted, Rejected

OFFERED = "venue.museum.slot.offered"
SLOT = {
    "external_id": "a-1",
    "version": 1,
    "space": "hall",
    "starts_at": "2026-12-05T09:00:00+08:00",
    "ends_at": "2026-12-05T11:00:00+08:00",
    "capacity": 40,
    "title": "周末开放",
}
ID = {"ce-id": "e-1"}


def check(data: bytes | None = None, subject: str = OFFERED, headers=ID, **changes):
    body = json.dumps(SLOT | changes).encode() if data is None else data
    return venue_messages.check(subject, headers, body)


def errors(checked) -> list[tuple[str, str]]:
    assert isinstance(checked, Rejected)
    return [(error.path, error.code) for error in checked.errors]


@pytest.mark.parametrize("verb", ["offered", "changed"])
def test_a_slot_in_full_is_accepted(verb):
    checked = check(subject=f"venue.museum.slot.{verb}")

    assert isinstance(checked, Accepted)
    assert checked.receipt_id == "e-1"
    assert isinstance(checked.slot, SlotOffered)


def test_a_withdrawal_is_accepted():
    checked = check(
        b'{"external_id":"a","version":3,"reason":"\xe9\x9b\xa8"}', "venue.m.slot.withdrawn"
    )

    assert isinstance(checked, Accepted)
    assert checked.slot == SlotWithdrawn(external_id="a", version=3, reason="雨")


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"nonsense", b'{"external_id":"\xff"}', b"\xef\xbb\xbf{}", b'{"a":1}{}'],
)
def test_what_is_no_json_is_said(data):
    path, code = errors(check(data))[0]
    assert (path, code) in {("", "malformed_json"), ("a", "unknown_field")}


@pytest.mark.parametrize(
    ("changes", "path", "code"),
    [
        ({"seats": 4}, "seats", "unknown_field"),
        ({"party": {"size": 4}}, "party.size", "unknown_field"),
        ({"capacity": "40"}, "capacity", "wrong_type"),
        ({"capacity": -1}, "capacity", "out_of_range"),
        ({"capacity": 10**40}, "capacity", "out_of_range"),
        ({"title": ""}, "title", "out_of_range"),
        ({"title": "x" * 201}, "title", "out_of_range"),
        ({"audiences": []}, "audiences", "out_of_range"),
        ({"audiences": ["pupils"]}, "audiences[0]", "unknown_value"),
        ({"space": "hall 1"}, "space", "wrong_format"),
        ({"starts_at": "2026-12-05T09:00:00"}, "starts_at", "zone_missing"),
        ({"starts_at": "tomorrow"}, "starts_at", "wrong_format"),
        ({"starts_at": "0001-01-01T00:00:00+14:00"}, "starts_at", "out_of_range"),
        ({"ends_at": "9999-12-31T23:59:00-14:00"}, "ends_at", "out_of_range"),
        ({"starts_at": "2026-12-05T09:00:30+08:00"}, "starts_at", "not_whole_minutes"),
        ({"ends_at": "2026-12-05T11:00:00.5+08:00"}, "ends_at", "not_whole_minutes"),
        ({"ends_at": "2026-12-05T09:00:00+08:00"}, "ends_at", "ends_before_start"),
        ({"ends_at": "2026-12-05T11:00:00+14:00"}, "ends_at", "ends_before_start"),
        ({"ends_at": "2027-12-05T11:00:00+08:00"}, "ends_at", "slot_too_long"),
        ({"title": "a\0b"}, "title", "illegal_character"),
        ({"description": "\x1b[0m"}, "description", "illegal_character"),
        ({"title": "\ud800"}, "", "malformed_json"),
        ({"external_id": "a\nb"}, "external_id", "illegal_character"),
        ({"kind": "busy", "claim": "on_booking"}, "claim", "claim_impossible"),
        ({"party": {"min": 50}}, "party.min", "party_impossible"),
        ({"party": {"min": 5, "max": 4}}, "party.max", "party_impossible"),
        (
            {"opens_at": "2026-12-02T08:00:00Z", "closes_at": "2026-12-01T08:00:00Z"},
            "closes_at",
            "closes_before_opening",
        ),
    ],
)
def test_each_fault_has_a_path_and_a_code(changes, path, code):
    assert errors(check(**changes)) == [(path, code)]


def test_what_the_venue_wrote_comes_back_tamed():
    checked = check(**{"\0" + "x" * 10_000: 1})

    assert isinstance(checked, Rejected)
    [error] = checked.errors
    assert error.code == "unknown_field"
    assert error.path.startswith("�xxx")
    assert len(error.path) == 200
    assert len(error.message) == 500
    assert "\0" not in error.message


def test_a_missing_field_is_named():
    body = json.dumps({key: SLOT[key] for key in SLOT if key != "title"}).encode()
    assert errors(check(body)) == [("title", "missing_field")]


def test_a_description_may_have_lines():
    assert isinstance(check(description="one\r\n\ttwo"), Accepted)


def test_a_message_that_is_too_large_is_not_even_decoded():
    assert errors(check(b" " * (64 * 1024 + 1))) == [("", "too_large")]


def test_a_missing_id_leaves_no_receipt_id():
    checked = check(headers=None)

    assert errors(checked) == [("ce-id", "ce_id_missing")]
    assert isinstance(checked, Rejected)
    assert checked.receipt_id is None


def test_headers_and_body_are_blamed_together():
    checked = check(headers={"ce-id": "e", "ce-time": "noon"}, capacity=0)

    assert errors(checked) == [("ce-time", "wrong_format"), ("capacity", "out_of_range")]
    assert isinstance(checked, Rejected)
    assert checked.receipt_id == "e"


def test_a_type_that_is_not_the_subjects_is_refused():
    headers = ID | {"ce-type": "openyard.slot.withdrawn.v1"}
    assert errors(check(headers=headers)) == [("ce-type", "subject_mismatch")]


def test_an_unknown_verb_is_refused():
    assert errors(check(subject="venue.museum.slot.eaten")) == [("", "subject_mismatch")]


@pytest.mark.parametrize(
    ("subject", "key"),
    [
        (OFFERED, "museum"),
        ("venue.a b.slot.offered", None),
        ("venue.*.slot.offered", None),
        ("venue.museum.room.offered", None),
        ("venue.museum.slot.offered.twice", None),
    ],
)
def test_the_venue_is_in_the_subject(subject, key):
    assert venue_messages.venue_of(subject) == key


@given(st.binary(max_size=300))
def test_no_bytes_whatever_make_it_fail(data):
    assert isinstance(check(data), Rejected)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
        max_leaves=5,
    ),
    st.sampled_from(sorted(SLOT)),
)
def test_no_value_whatever_makes_it_fail(value, field):
    assert isinstance(check(**{field: value}), Accepted | Rejected)
