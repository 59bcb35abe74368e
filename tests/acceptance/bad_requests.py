"""Everything a request can have wrong, and what is said about it."""

import uuid
from typing import Any

from msgspec import Struct

from tests.acceptance.bad_messages import body

NOBODY = str(uuid.uuid4())
RESERVE = "/api/v1/reservations"
OFFER = "/api/v1/venues/{venue}/slots"
JSON = "application/json"
CHILD = {"birth_year": 2016, "consent": True}


class Bad(Struct, frozen=True, kw_only=True):
    """A request and what is said to it. ``body``: as it is where it is bytes.

    In ``path`` and ``body`` ``{slot}``, ``{venue}`` … stand for what ``known`` holds.
    """

    method: str = "POST"
    path: str = RESERVE
    body: Any = None
    token: str | None = "family"
    headers: dict[str, str] = {}
    status: int = 422
    code: str = "invalid"
    error: tuple[str, str] | None = None  # path and code of the first of ``errors``


def wish(error: tuple[str, str], **changes: Any) -> Bad:
    return Bad(body={"slot_id": "{slot}", "seats": 1, **changes}, error=error)


def offer(error: tuple[str, str], **changes: Any) -> Bad:
    return Bad(path=OFFER, token="staff", body=body(**changes), error=error)


REQUESTS = {
    "no JSON": Bad(body=b"{", error=("", "malformed_json")),
    "no body": Bad(body=b"", error=("", "missing_body")),
    "null": Bad(body=b"null", error=("", "wrong_type")),
    "a list": Bad(body=b"[]", error=("", "wrong_type")),
    "far too deep": Bad(body=b"[" * 200_000, error=("", "wrong_type")),
    "far too deep inside": Bad(body=b'{"note":' + b"[" * 200_000, error=("note", "wrong_type")),
    "not UTF-8": Bad(body=b'{"note": "\xff"}', error=("", "malformed_json")),
    "a form": Bad(body=b"seats=1", error=("", "malformed_json")),
    "an unknown field": wish(("price", "unknown_field"), price=1),
    "no slot": Bad(body={"seats": 1}, error=("slot_id", "missing_field")),
    "a slot that is no id": wish(("slot_id", "wrong_format"), slot_id="12"),
    "no seats": wish(("seats", "out_of_range"), seats=0),
    "fewer seats than none": wish(("seats", "out_of_range"), seats=-1),
    "seats beyond counting": wish(("seats", "out_of_range"), seats=10**30),
    "half a seat": wish(("seats", "wrong_type"), seats=1.5),
    "seats in quotes": wish(("seats", "wrong_type"), seats="1"),
    "fewer adults than none": wish(("adults", "out_of_range"), adults=-1),
    "a note without end": wish(("note", "out_of_range"), note="长" * 501),
    "a note no database takes": wish(("note", "wrong_format"), note="靠窗\x00"),
    "a waitlist of words": wish(("waitlist", "wrong_type"), waitlist="yes"),
    "children beyond counting": wish(("children", "out_of_range"), children=[NOBODY] * 21),
    "a child of nobody": Bad(
        body={"slot_id": "{slot}", "seats": 1, "children": [NOBODY]}, code="child_unknown"
    ),
    "another family's child": Bad(
        body={"slot_id": "{slot}", "seats": 1, "children": ["{child}"]}, code="child_unknown"
    ),
    "more children than seats": Bad(
        body={"slot_id": "{slot}", "seats": 1, "children": ["{elder}", "{younger}"]},
        code="seats_below_children",
    ),
    "a study group of a family": Bad(
        body={"slot_id": "{slot}", "seats": 1, "study_group": "{group}"},
        code="study_group_unknown",
    ),
    "another school's study group": Bad(
        body={"slot_id": "{slot}", "seats": 1, "study_group": "{group}"},
        token="school",
        code="study_group_unknown",
    ),
    "an unknown slot": Bad(body={"slot_id": NOBODY, "seats": 1}, status=404, code="not_found"),
    "a key without end": Bad(
        body={"slot_id": "{slot}", "seats": 1},
        headers={"Idempotency-Key": "x" * 201},
        error=("idempotency_key", "out_of_range"),
    ),
    "an empty key": Bad(
        body={"slot_id": "{slot}", "seats": 1},
        headers={"Idempotency-Key": ""},
        error=("idempotency_key", "out_of_range"),
    ),
    "ten megabytes": Bad(body=b'"' + b"x" * 10_000_000 + b'"', status=413, code="too_large"),
    "no token": Bad(
        body={"slot_id": "{slot}", "seats": 1}, token=None, status=401, code="log_in_needed"
    ),
    "a token of nobody": Bad(
        body={"slot_id": "{slot}", "seats": 1},
        token="oy_" + "a" * 64,
        status=401,
        code="log_in_needed",
    ),
    "half a token": Bad(
        body={"slot_id": "{slot}", "seats": 1}, token="oy_a", status=401, code="log_in_needed"
    ),
    "a password for a token": Bad(
        body={"slot_id": "{slot}", "seats": 1},
        token=None,
        headers={"Authorization": "Basic eDp5"},
        status=401,
        code="log_in_needed",
    ),
    "another's reservation": Bad(
        method="GET", path=RESERVE + "/{reservation}", status=404, code="not_found"
    ),
    "giving another's reservation back": Bad(
        method="DELETE", path=RESERVE + "/{reservation}", status=404, code="not_found"
    ),
    "changing another's reservation": Bad(
        method="PATCH",
        path=RESERVE + "/{reservation}",
        body={"seats": 2},
        status=404,
        code="not_found",
    ),
    "a change to no seats": Bad(
        method="PATCH",
        path=RESERVE + "/{reservation}",
        body={"seats": 0},
        error=("seats", "out_of_range"),
    ),
    "a change of an unknown field": Bad(
        method="PATCH",
        path=RESERVE + "/{reservation}",
        body={"status": "confirmed"},
        error=("status", "unknown_field"),
    ),
    "a reservation of nobody": Bad(
        method="DELETE", path=f"{RESERVE}/{NOBODY}", status=404, code="not_found"
    ),
    "a reservation that is no id": Bad(
        method="DELETE", path=f"{RESERVE}/12", status=404, code="not_found"
    ),
    "an unknown slot's page": Bad(
        method="GET", path=f"/api/v1/slots/{NOBODY}", status=404, code="not_found"
    ),
    "a child of another family": Bad(
        method="DELETE", path="/api/v1/children/{child}", status=404, code="not_found"
    ),
    "slots of a family": Bad(
        path=OFFER, body=body(), token="family", status=403, code="not_allowed"
    ),
    "slots of nobody": Bad(path=OFFER, body=body(), token=None, status=401, code="log_in_needed"),
    "slots of another venue": Bad(
        path="/api/v1/venues/{other}/slots",
        body=body(),
        token="staff",
        status=404,
        code="not_found",
    ),
    "receipts of another venue": Bad(
        method="GET",
        path="/api/v1/venues/{other}/receipts",
        token="staff",
        status=404,
        code="not_found",
    ),
    **{
        f"slots of {key!r}": Bad(
            path=f"/api/v1/venues/{key}/slots",
            body=body(),
            token="staff",
            status=404,
            code="not_found",
        )
        for key in ("*", ">", "a b", "a.b", "%00", "馆")
    },
    "a slot with an unknown field": offer(("colour", "unknown_field"), colour="red"),
    "a slot without zone": offer(("starts_at", "zone_missing"), starts_at="2037-01-01T09:00:00"),
    "a slot with a zone by name": offer(
        ("ends_at", "wrong_format"), ends_at="2037-01-03T11:00:00[Asia/Shanghai]"
    ),
    "a slot that ends before it starts": offer(
        ("ends_at", "ends_before_start"), ends_at="2036-01-01T09:00:00Z"
    ),
    "a slot with fewer seats than none": offer(("capacity", "out_of_range"), capacity=-1),
    "a slot in a space of wildcards": offer(("space", "wrong_format"), space="*"),
    "a slot with a bell": offer(("title", "illegal_character"), title="铃\x07"),
    "a slot of ten megabytes": Bad(
        path=OFFER,
        token="staff",
        body=b'"' + b"x" * 10_000_000 + b'"',
        status=413,
        code="too_large",
    ),
    "a change without its version": Bad(
        method="PATCH",
        path=OFFER + "/nothing",
        token="staff",
        body={"capacity": 3},
        code="if_match_missing",
    ),
    "a change of nothing": Bad(
        method="PATCH",
        path=OFFER + "/nothing",
        token="staff",
        headers={"If-Match": '"1"'},
        body={"capacity": 3},
        status=404,
        code="not_found",
    ),
}
