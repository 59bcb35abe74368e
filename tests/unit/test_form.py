import datetime as dt
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import msgspec
import pytest
from msgspec import Meta, Struct

from openyard_events import form


class Colour(StrEnum):
    RED = "red"


class Inner(Struct, forbid_unknown_fields=True):
    a: int


class Outer(Struct, forbid_unknown_fields=True):
    number: Annotated[int, Meta(ge=1)] = 1
    text: Annotated[str, Meta(max_length=3, pattern="^a")] = "a"
    at: Annotated[dt.datetime, Meta(tz=True)] | None = None
    colour: Colour = Colour.RED
    id: UUID | None = None
    inner: Inner | None = None
    inners: list[Inner] = []
    by_name: dict[str, int] = {}


@pytest.mark.parametrize(
    ("data", "path", "code"),
    [
        (b'{"number": "1"}', "number", "wrong_type"),
        (b'{"number": 1.5}', "number", "wrong_type"),
        (b'{"number": 0}', "number", "out_of_range"),
        (b'{"number": 1e400}', "number", "out_of_range"),
        (b'{"text": "aaaa"}', "text", "out_of_range"),
        (b'{"text": "b"}', "text", "wrong_format"),
        (b'{"at": "2026-11-23T08:00:00"}', "at", "zone_missing"),
        (b'{"at": "tomorrow"}', "at", "wrong_format"),
        (b'{"colour": "blue"}', "colour", "unknown_value"),
        (b'{"id": "7"}', "id", "wrong_format"),
        (b'{"inner": {}}', "inner.a", "missing_field"),
        (b'{"inner": {"a": 1, "b": 2}}', "inner.b", "unknown_field"),
        (b'{"inners": [{"a": 1}, {"a": "1"}]}', "inners[1].a", "wrong_type"),
        (b'{"by_name": {"x": "1"}}', "by_name[...]", "wrong_type"),
        (b'{"nonsense": 1}', "nonsense", "unknown_field"),
        (b"[]", "", "wrong_type"),
        (b"{", "", "malformed_json"),
        (b"{]", "", "malformed_json"),
    ],
)
def test_what_is_wrong_has_a_path_and_a_code(data, path, code):
    with pytest.raises(msgspec.DecodeError) as caught:
        msgspec.json.decode(data, type=Outer)
    found = form.explain(caught.value)
    assert (found.path, found.code) == (path, code)
    assert found.message
