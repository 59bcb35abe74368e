"""Where a page of slots ended, in a text that is carried about."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from openyard_platform.domain.errors import Invalid
from openyard_platform.store import slots


class Last(Struct):
    starts_at: dt.datetime
    id: object


@given(
    st.datetimes(
        min_value=dt.datetime(1990, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
        max_value=dt.datetime(2100, 1, 1),  # noqa: DTZ001
        timezones=st.just(dt.UTC),
    ),
    st.uuids(),
)
def test_a_cursor_says_exactly_where_the_page_ended(starts_at, slot_id):
    assert slots.decode_cursor(slots.encode_cursor(Last(starts_at, slot_id))) == (
        starts_at,
        slot_id,
    )


@given(st.text(max_size=80))
def test_what_is_no_cursor_is_refused(text):
    with pytest.raises(Invalid) as caught:
        slots.decode_cursor(text)
    assert caught.value.code == "cursor_invalid"


def test_a_cursor_beyond_the_calendar_is_refused():
    with pytest.raises(Invalid):
        slots.decode_cursor("f" * 32)
