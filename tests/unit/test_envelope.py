import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openyard_events import envelope
from openyard_events.envelope import BadEnvelope, Envelope
from openyard_events.subjects import BadToken

NINE = dt.datetime(2026, 12, 1, 9, tzinfo=dt.timezone(dt.timedelta(hours=8)))


def codes(headers: dict[str, str] | None) -> list[tuple[str, str]]:
    with pytest.raises(BadEnvelope) as caught:
        envelope.read(headers)
    return [(error.path, error.code) for error in caught.value.errors]


def test_an_envelope_survives_the_wire():
    headers = envelope.headers("e-1", "openyard.slot.offered.v1", "/venues/museum", NINE, "场馆 7")

    assert headers["ce-specversion"] == "1.0"
    assert headers["ce-time"] == "2026-12-01T01:00:00Z"
    assert headers["ce-subject"].isascii()
    assert envelope.read(headers) == Envelope(
        id="e-1",
        type="openyard.slot.offered.v1",
        source="/venues/museum",
        time=NINE,
        subject="场馆 7",
    )


@given(st.text(min_size=1, max_size=40))
def test_any_subject_survives_the_wire(subject):
    headers = envelope.headers("e", "t", "s", NINE, subject)

    assert all(value.isascii() and value.isprintable() for value in headers.values())
    assert envelope.read(headers).subject == subject


def test_an_id_alone_is_enough_in_any_case_of_the_header():
    assert envelope.read({"Ce-Id": "x"}) == Envelope(id="x")


def test_an_illegal_id_is_never_sent():
    with pytest.raises(BadToken):
        envelope.headers("a b", "t", "s", NINE)


@pytest.mark.parametrize("headers", [None, {}, {"ce-type": "t"}, {"ce-id": ""}])
def test_a_missing_id_is_said(headers):
    assert codes(headers) == [("ce-id", "ce_id_missing")]
    assert envelope.event_id(headers) is None


@pytest.mark.parametrize("text", ["a b", "a.b", "*", ">", "é", "x" * 65, "a\n"])
def test_an_id_that_cannot_stand_in_a_subject_is_said(text):
    assert codes({"ce-id": text}) == [("ce-id", "ce_id_illegal")]
    assert envelope.event_id({"ce-id": text}) is None


def test_everything_that_is_wrong_is_said_at_once():
    headers = {"ce-id": "x", "ce-specversion": "0.3", "ce-type": "", "ce-time": "noon"}

    assert codes(headers) == [
        ("ce-specversion", "wrong_value"),
        ("ce-type", "out_of_range"),
        ("ce-time", "wrong_format"),
    ]
    assert envelope.event_id(headers) == "x"


def test_a_time_needs_an_offset():
    assert codes({"ce-id": "x", "ce-time": "2026-12-01T09:00:00"}) == [("ce-time", "zone_missing")]
