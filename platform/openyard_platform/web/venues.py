"""HTTP for a venue's own staff and programs: its slots, and what became of each message."""

import base64
import binascii
import datetime as dt
import re
import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Annotated, Any, Literal
from urllib.parse import quote
from uuid import UUID

from litestar import Litestar, Request, Response, Router, delete, get, patch, post
from litestar.params import FromPath, FromQuery, HeaderParameter, JSONBody, QueryParameter
from msgspec import Struct

from openyard_events import subjects
from openyard_events.contracts import FieldError, Receipt, SlotOffered, SlotWithdrawn
from openyard_events.publisher import SlotPublisher
from openyard_platform import clock
from openyard_platform.actions import venues
from openyard_platform.actions.venues import Change, Unanswered
from openyard_platform.domain.errors import Invalid, NotFound
from openyard_platform.domain.people import Role
from openyard_platform.store.receipts import Answer
from openyard_platform.web import auth

_PATH = "/api/v1/venues"
_TAG = re.compile(r'(?:W/)?"?([0-9]{1,16})"?')
_LONGEST_ID = 200

Call = Request[Any, Any, Any]
Key = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key", description="The event's id: given again, the same answer comes."
    ),
]
Match = Annotated[
    str | None,
    HeaderParameter(name="If-Match", description='The version the slot stands at, e.g. "3".'),
]


class ReceiptOut(Struct, frozen=True, kw_only=True):
    """The platform's answer to one message."""

    id: str
    status: Literal["accepted", "duplicate", "refused"]
    slot_id: UUID | None
    version: int | None
    errors: list[FieldError]


class KeptReceipt(ReceiptOut, frozen=True, kw_only=True):
    """``at``: when the message was taken in."""

    at: dt.datetime


class Receipts(Struct, frozen=True, kw_only=True):
    """Newest first. ``next_cursor``: pass it as ``cursor`` for older ones; null: none."""

    items: list[KeptReceipt]
    next_cursor: str | None


class Pending(Struct, frozen=True, kw_only=True):
    """Published; its receipt will stand at the ``Location``."""

    id: str
    status: Literal["published"] = "published"


class StatedOut(Struct, frozen=True, kw_only=True):
    """``slot``: as the venue stated it last; null when it was withdrawn before it was offered."""

    slot_id: UUID
    status: str
    version: int
    taken: int
    waiting: int
    slot: SlotOffered | None


@post("/{key:str}/slots", operation_id="offerSlot", status_code=201)
async def offer(
    request: Call, key: FromPath[str], data: JSONBody[SlotOffered], idempotency_key: Key = None
) -> Response[ReceiptOut | Pending]:
    """Offer a slot, or state it anew with a higher version: what ``slot.offered`` does.

    201 accepted, 200 this version or a higher one stands already, 202 not yet answered.
    """
    identity = _identity(idempotency_key)
    outcome = await venues.offer(
        request.app.state.slot_publisher, auth.current(request), key, data, identity
    )
    return _respond(key, data.external_id, outcome, created=True)


@get("/{key:str}/slots/{external_id:str}", operation_id="getOwnSlot")
async def look(
    request: Call, key: FromPath[str], external_id: FromPath[str]
) -> Response[StatedOut]:
    """The slot as the venue stated it; ``ETag`` is its version."""
    found = await venues.look(auth.current(request), key, _external(external_id))
    return Response(
        StatedOut(
            slot_id=found.slot_id,
            status=found.status,
            version=found.version,
            taken=found.taken,
            waiting=found.waiting,
            slot=found.slot,
        ),
        headers={"ETag": f'"{found.version}"'},
    )


@patch("/{key:str}/slots/{external_id:str}", operation_id="changeSlot")
async def change(  # noqa: PLR0913 - each a part of the request
    request: Call,
    key: FromPath[str],
    external_id: FromPath[str],
    data: JSONBody[dict[str, Any]],
    if_match: Match = None,
    idempotency_key: Key = None,
) -> Response[ReceiptOut | Pending]:
    """Change some fields of a slot (a JSON merge patch); ``If-Match`` names its version."""
    wanted = Change(
        key=key, external_id=_external(external_id), patch=data, version=_version(if_match)
    )
    outcome = await venues.change(
        request.app.state.slot_publisher,
        auth.current(request),
        wanted,
        _identity(idempotency_key),
    )
    return _respond(key, external_id, outcome)


@delete("/{key:str}/slots/{external_id:str}", operation_id="withdrawSlot", status_code=200)
async def withdraw(  # noqa: PLR0913 - each a part of the request
    request: Call,
    key: FromPath[str],
    external_id: FromPath[str],
    reason: Annotated[str | None, QueryParameter(max_length=500)] = None,
    if_match: Match = None,
    idempotency_key: Key = None,
) -> Response[ReceiptOut | Pending]:
    """Withdraw a slot; everybody who holds seats is told, with the ``reason``."""
    withdrawn = SlotWithdrawn(
        external_id=_external(external_id), version=_version(if_match) + 1, reason=reason
    )
    outcome = await venues.withdraw(
        request.app.state.slot_publisher,
        auth.current(request),
        key,
        withdrawn,
        _identity(idempotency_key),
    )
    return _respond(key, external_id, outcome)


@get("/{key:str}/receipts", operation_id="listReceipts")
async def list_receipts(
    request: Call,
    key: FromPath[str],
    cursor: FromQuery[str | None] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=200)] = 50,
) -> Receipts:
    """What became of the venue's messages, whichever way they came."""
    before = None if cursor is None else _decode(cursor)
    found = await venues.answers(auth.current(request), key, before=before, limit=limit + 1)
    items = [
        KeptReceipt(**_fields(one.receipt), at=one.at.astimezone(clock.SHANGHAI))
        for one in found[:limit]
    ]
    more = len(found) > limit
    return Receipts(items=items, next_cursor=_encode(found[limit - 1]) if more else None)


@get("/{key:str}/receipts/{receipt_id:str}", operation_id="getReceipt")
async def get_receipt(request: Call, key: FromPath[str], receipt_id: FromPath[str]) -> ReceiptOut:
    """One receipt; 404 as long as the message is not answered."""
    if not subjects.is_token(receipt_id):
        raise NotFound("There is no such receipt so far.")
    return receipt_out(await venues.answer(auth.current(request), key, receipt_id))


@asynccontextmanager
async def opened(app: Litestar) -> AsyncGenerator[None, None]:
    """Put this process's publisher into ``app.state``; the connection to NATS stands there."""
    app.state.slot_publisher = SlotPublisher(
        app.state.nats, patience=app.state.settings.decision_wait, now=clock.now
    )
    yield


def _respond(
    key: str, external_id: str, outcome: Receipt | Unanswered, *, created: bool = False
) -> Response[ReceiptOut | Pending]:
    if isinstance(outcome, Unanswered):
        return Response(
            Pending(id=outcome.id),
            status_code=202,
            headers={"Location": f"{_PATH}/{key}/receipts/{outcome.id}", "Retry-After": "1"},
        )
    return Response(
        receipt_out(outcome),
        status_code=201 if created and outcome.status == "accepted" else 200,
        headers={
            "Location": f"{_PATH}/{key}/slots/{quote(external_id, safe='')}",
            "ETag": f'"{outcome.version}"',
        },
    )


def receipt_out(receipt: Receipt) -> ReceiptOut:
    return ReceiptOut(**_fields(receipt))


def _fields(receipt: Receipt) -> dict[str, Any]:
    return {name: getattr(receipt, name) for name in ReceiptOut.__struct_fields__}


def _identity(idempotency_key: str | None) -> str:
    if idempotency_key is None:
        return secrets.token_hex(16)
    if not subjects.is_token(idempotency_key):
        raise Invalid(
            "Here an Idempotency-Key is 1 to 64 letters, digits, '_' or '-'.",
            code="idempotency_key_illegal",
        )
    return idempotency_key


def _version(if_match: str | None) -> int:
    found = _TAG.fullmatch(if_match or "")
    if found is None:
        raise Invalid('The header If-Match names the version, e.g. "3".', code="if_match_missing")
    return int(found[1])


def _external(text: str) -> str:
    if len(text) > _LONGEST_ID or not text.isprintable():
        raise NotFound("There is no such slot.")
    return text


def _encode(answer: Answer) -> str:
    text = f"{answer.at.isoformat()}|{answer.receipt.id}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _decode(cursor: str) -> tuple[dt.datetime, str]:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        at, _, receipt_id = base64.urlsafe_b64decode(padded).decode("ascii").partition("|")
        moment = dt.datetime.fromisoformat(at)
    except (binascii.Error, ValueError) as error:
        raise Invalid("cursor is none of ours.", code="parameter_invalid") from error
    if moment.tzinfo is None or not subjects.is_token(receipt_id):
        raise Invalid("cursor is none of ours.", code="parameter_invalid")
    return moment, receipt_id


router = Router(
    _PATH,
    route_handlers=[offer, look, change, withdraw, list_receipts, get_receipt],
    opt=auth.require(Role.VENUE),
    tags=["venues"],
)
