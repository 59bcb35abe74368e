from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openyard_infra import founding
from openyard_platform.domain.errors import Invalid

ORGANISATION = UUID(int=1)


def made(*texts: str):
    return founding.spaces_of(ORGANISATION, texts)


def test_a_space_has_a_key_a_name_and_perhaps_a_hall():
    hall, court = made("hall:大厅", "court:一号场:hall")

    assert (hall.key, hall.name, hall.parent_id) == ("hall", "大厅", None)
    assert (court.parent_id, court.shareable, court.capacity) == (hall.id, False, None)


def test_a_number_of_people_makes_it_shareable():
    hall, room = made("hall:大厅", "reading-room:阅览室@60:hall")

    assert (room.name, room.shareable, room.capacity) == ("阅览室", True, 60)
    assert (room.parent_id, hall.shareable) == (hall.id, False)


@given(st.integers(min_value=1, max_value=999_999))
def test_every_number_of_people_is_read_as_it_is_written(room):
    (space,) = made(f"room:a@b@{room}")

    assert (space.name, space.capacity) == ("a@b", room)


@pytest.mark.parametrize(
    ("texts", "code"),
    [
        (("hall",), "space_malformed"),
        (("hall:",), "space_malformed"),
        (("h*ll:大厅",), "space_malformed"),
        (("hall:大厅", "hall:大厅"), "space_malformed"),
        (("room:阅览室@",), "space_malformed"),
        (("room:阅览室@0",), "space_malformed"),
        (("room:阅览室@-5",), "space_malformed"),
        (("room:阅览室@６０",), "space_malformed"),
        (("room:阅览室@1000000",), "space_malformed"),
        (("room:@60",), "space_malformed"),
        (("court:一号场:hall",), "space_unknown"),
        (("room:阅览室@60", "corner:一角:room"), "space_shared_not_leaf"),
    ],
)
def test_what_is_no_space_is_refused_with_its_code(texts, code):
    with pytest.raises(Invalid) as refused:
        made(*texts)

    assert refused.value.code == code
