"""Everything a venue's message can have wrong, and what it is told about it."""

import datetime as dt
import json
import uuid
from typing import Any

from openyard_platform.clock import SHANGHAI

ROOM = "reading-room"
SOME_DAY = dt.datetime(2037, 1, 3, 9, tzinfo=SHANGHAI)


def body(**changes: Any) -> dict[str, Any]:
    """A good one with these fields instead; None: without that field."""
    whole = {
        "external_id": f"bad-{uuid.uuid4().hex}",
        "version": 1,
        "space": ROOM,
        "starts_at": SOME_DAY.isoformat(),
        "ends_at": (SOME_DAY + dt.timedelta(hours=1)).isoformat(),
        "capacity": 40,
        "title": "门厅引导",
        "kind": "shift",  # It takes no space: any number may stand side by side.
        **changes,
    }
    return {name: value for name, value in whole.items() if value is not None}


def raw(**changes: Any) -> bytes:
    return json.dumps(body(**changes)).encode()


# What is wrong: the message's data, its verb, and the code and path of the refusal.
BODIES: dict[str, tuple[bytes, str, str, str]] = {
    "no JSON": (b"{", "offered", "malformed_json", ""),
    "nothing": (b"", "offered", "malformed_json", ""),
    "not UTF-8": (raw(title="x").replace(b'"x"', b'"\xff"'), "offered", "malformed_json", ""),
    "half a character": (raw(title="\ud83d"), "offered", "malformed_json", ""),
    "far too deep": (b"[" * 60_000, "offered", "wrong_type", ""),
    "a list": (b"[1, 2]", "offered", "wrong_type", ""),
    "an unknown field": (raw(colour="red"), "offered", "unknown_field", "colour"),
    "an unknown field inside": (raw(party={"mx": 3}), "offered", "unknown_field", "party.mx"),
    "no title": (raw(title=None), "offered", "missing_field", "title"),
    "an empty title": (raw(title=""), "offered", "out_of_range", "title"),
    "a title without end": (raw(title="长" * 201), "offered", "out_of_range", "title"),
    "a title with a bell": (raw(title="铃\x07"), "offered", "illegal_character", "title"),
    "no zone": (raw(starts_at="2037-01-01T09:00:00"), "offered", "zone_missing", "starts_at"),
    "a zone by name": (
        raw(starts_at="2037-01-01T09:00:00[Asia/Shanghai]"),
        *("offered", "wrong_format", "starts_at"),
    ),
    "a zone beyond the world": (
        raw(starts_at="2037-01-01T09:00:00+25:00"),
        *("offered", "wrong_format", "starts_at"),
    ),
    "a day that never comes": (
        raw(starts_at="2037-02-30T09:00:00+08:00"),
        *("offered", "wrong_format", "starts_at"),
    ),
    "an end before the start": (
        raw(ends_at="2036-12-31T09:00:00+08:00"),
        *("offered", "ends_before_start", "ends_at"),
    ),
    "a slot of forty days": (
        raw(starts_at="2037-02-01T09:00:00+08:00", ends_at="2037-03-13T09:00:00+08:00"),
        *("offered", "slot_too_long", "ends_at"),
    ),
    "half a minute": (
        raw(ends_at="2037-02-01T09:00:30+08:00"),
        *("offered", "not_whole_minutes", "ends_at"),
    ),
    "a year out of reach": (
        raw(ends_at="9999-12-31T23:59:00-12:00"),
        *("offered", "out_of_range", "ends_at"),
    ),
    "fewer seats than none": (raw(capacity=-1), "offered", "out_of_range", "capacity"),
    "no seats": (raw(capacity=0), "offered", "out_of_range", "capacity"),
    "seats beyond counting": (raw(capacity=10**30), "offered", "out_of_range", "capacity"),
    "half a seat": (raw(capacity=2.5), "offered", "wrong_type", "capacity"),
    "seats in quotes": (raw(capacity="40"), "offered", "wrong_type", "capacity"),
    "a version below nought": (raw(version=-1), "offered", "out_of_range", "version"),
    "an unknown kind": (raw(kind="party"), "offered", "unknown_value", "kind"),
    "an unknown audience": (raw(audiences=["cats"]), "offered", "unknown_value", "audiences[0]"),
    "for nobody": (raw(audiences=[]), "offered", "out_of_range", "audiences"),
    "a space of wildcards": (raw(space="*"), "offered", "wrong_format", "space"),
    "a space nobody has": (raw(space="cellar"), "offered", "space_unknown", "space"),
    "a party larger than itself": (
        raw(party={"min": 9, "max": 3}),
        *("offered", "party_impossible", "party.max"),
    ),
    "bookings that close before they open": (
        raw(opens_at="2036-02-01T09:00:00Z", closes_at="2036-01-01T09:00:00Z"),
        *("offered", "closes_before_opening", "closes_at"),
    ),
    "a hundred kilobytes": (raw(description="长" * 30_000), "offered", "too_large", ""),
    "a change without version": (raw(version=None), "changed", "missing_field", "version"),
    "a withdrawal of nothing": (b'{"version": 1}', "withdrawn", "missing_field", "external_id"),
    "a withdrawal with a title": (raw(), "withdrawn", "unknown_field", "space"),
    "a verb nobody knows": (raw(), "stolen", "subject_mismatch", ""),
    "a verb in capitals": (raw(), "OFFERED", "subject_mismatch", ""),
    "a verb of one wildcard": (raw(), "*", "subject_mismatch", ""),
    "a verb of all wildcards": (raw(), ">", "subject_mismatch", ""),
    "a verb with a space in it": (raw(), "off ered", "subject_mismatch", ""),
}
# The headers beside a good body, and the code of the refusal.
HEADERS: dict[str, tuple[dict[str, str] | None, str]] = {
    "no headers": (None, "ce_id_missing"),
    "no ce-id": ({"ce-type": "openyard.slot.offered.v1"}, "ce_id_missing"),
    "an empty ce-id": ({"ce-id": ""}, "ce_id_missing"),
    "a ce-id with a space": ({"ce-id": "a b"}, "ce_id_illegal"),
    "a ce-id of a wildcard": ({"ce-id": "*"}, "ce_id_illegal"),
    "a ce-id of all wildcards": ({"ce-id": ">"}, "ce_id_illegal"),
    "a ce-id of two tokens": ({"ce-id": "a.b"}, "ce_id_illegal"),
    "a ce-id without end": ({"ce-id": "a" * 65}, "ce_id_illegal"),
    "a ce-id in Chinese": ({"ce-id": "开放"}, "ce_id_illegal"),
}
ENVELOPES: dict[str, tuple[dict[str, str], str, str]] = {
    "another version of CloudEvents": (
        {"ce-specversion": "0.3"},
        *("wrong_value", "ce-specversion"),
    ),
    "a time without zone": ({"ce-time": "2037-01-01T09:00:00"}, "zone_missing", "ce-time"),
    "a time of words": ({"ce-time": "tomorrow"}, "wrong_format", "ce-time"),
    "the type of another verb": (
        {"ce-type": "openyard.slot.withdrawn.v1"},
        *("subject_mismatch", "ce-type"),
    ),
}
