"""What a venue's staff state about its slots: the same message on the bus as its own system's."""

import datetime as dt
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from openyard_events import form, venue_messages
from openyard_events.contracts import FieldError, Receipt, SlotOffered, SlotWithdrawn
from openyard_events.publisher import NoReceipt, PublishRefused, SlotPublisher
from openyard_platform.domain import merging
from openyard_platform.domain.errors import (
    Conflict,
    Invalid,
    NotAllowed,
    NotFound,
    Stale,
    Unavailable,
)
from openyard_platform.domain.people import Actor
from openyard_platform.store import receipts
from openyard_platform.store import venues as records
from openyard_platform.store.receipts import Answer
from openyard_platform.store.venues import Stated

_WRITERS = {"owner", "scheduler"}


class Change(Struct, frozen=True, kw_only=True):
    """``patch``: a JSON merge patch of the slot as it stands at ``version``."""

    key: str
    external_id: str
    patch: dict[str, Any]
    version: int


class Unanswered(Struct, frozen=True, kw_only=True):
    """The message is on the bus, its receipt not yet here. ``id``: of both."""

    id: str


async def offer(
    publisher: SlotPublisher, actor: Actor, key: str, slot: SlotOffered, ce_id: str
) -> Receipt | Unanswered:
    """Offer a slot, or state it anew with a higher version.

    Raises:
        NotFound, NotAllowed: not the actor's venue, or not the actor's task there.
        Invalid: its form is wrong; nothing was published.
        Conflict: the platform refuses it, with ``errors``.
        Unavailable: the bus took nothing.
    """
    writer_of(actor, key)
    return await _publish(publisher, key, slot, ce_id)


async def change(
    publisher: SlotPublisher, actor: Actor, wanted: Change, ce_id: str
) -> Receipt | Unanswered:
    """Change what the patch names of a slot, and leave the rest as it is.

    Raises:
        Stale: it stands at another version.
        NotFound, NotAllowed, Invalid, Conflict, Unavailable: as for ``offer``.
    """
    venue_id = writer_of(actor, wanted.key)
    earlier = await _earlier(venue_id, ce_id)
    if earlier is not None:
        return _told(earlier)
    found = await _at_version(venue_id, wanted.external_id, wanted.version)
    if found.slot is None:
        raise NotFound("There is no such slot.")
    slot = _merged(found.slot, wanted.patch, wanted.version + 1)
    return await _publish(publisher, wanted.key, slot, ce_id, changed=True)


async def withdraw(
    publisher: SlotPublisher,
    actor: Actor,
    key: str,
    withdrawn: SlotWithdrawn,
    ce_id: str,
) -> Receipt | Unanswered:
    """Withdraw the slot; ``withdrawn.version`` is one above the version it stands at.

    Raises:
        Stale: it stands at another version.
        NotFound, NotAllowed, Invalid, Conflict, Unavailable: as for ``offer``.
    """
    venue_id = writer_of(actor, key)
    earlier = await _earlier(venue_id, ce_id)
    if earlier is not None:
        return _told(earlier)
    await _at_version(venue_id, withdrawn.external_id, withdrawn.version - 1)
    return await _publish(publisher, key, withdrawn, ce_id, changed=True)


async def look(actor: Actor, key: str, external_id: str) -> Stated:
    """The slot as the venue has stated it.

    Raises:
        NotFound: not the actor's venue, or no such slot in it.
    """
    found = await records.stated(venue_of(actor, key), external_id)
    if found is None:
        raise NotFound("There is no such slot.")
    return found


async def answers(
    actor: Actor, key: str, *, before: tuple[dt.datetime, str] | None, limit: int
) -> list[Answer]:
    """The venue's receipts, newest first.

    Raises:
        NotFound: not the actor's venue.
    """
    return await receipts.recent(venue_of(actor, key), before=before, limit=limit)


async def answer(actor: Actor, key: str, receipt_id: str) -> Receipt:
    """One receipt.

    Raises:
        NotFound: not the actor's venue, or nothing is answered under this id so far.
    """
    receipt = await _earlier(venue_of(actor, key), receipt_id)
    if receipt is None:
        raise NotFound("There is no such receipt so far.")
    return receipt


async def _publish(
    publisher: SlotPublisher,
    key: str,
    slot: SlotOffered | SlotWithdrawn,
    ce_id: str,
    *,
    changed: bool = False,
) -> Receipt | Unanswered:
    """``changed``: it starts from a version that the slot stood at a moment ago."""
    errors = venue_messages.faults(slot)
    if errors:
        raise _malformed(errors)
    try:
        receipt = await publisher.publish(key, slot, changed=changed, ce_id=ce_id)
    except NoReceipt:
        return Unanswered(id=ce_id)
    except PublishRefused as error:
        raise Unavailable("The bus takes no messages now. Please try again.") from error
    if changed and receipt.status == "duplicate":
        raise _stale(receipt.version)
    return _told(receipt)


def _told(receipt: Receipt) -> Receipt:
    if receipt.status == "refused":
        raise Conflict(
            "The platform refuses this slot.",
            code="slot_refused",
            errors=receipt.errors,
            receipt=receipt.id,
        )
    return receipt


async def _earlier(venue_id: UUID, receipt_id: str) -> Receipt | None:
    known = await receipts.stored([(venue_id, receipt_id)])
    return known.get((venue_id, receipt_id))


async def _at_version(venue_id: UUID, external_id: str, version: int) -> Stated:
    found = await records.stated(venue_id, external_id)
    if found is None:
        raise NotFound("There is no such slot.")
    if found.version != version:
        raise _stale(found.version)
    return found


def _merged(slot: SlotOffered, patch: dict[str, Any], version: int) -> SlotOffered:
    fixed = sorted({"external_id", "version"} & patch.keys())
    if fixed:
        message = f"{fixed[0]} is not changed by a patch."
        raise _malformed([FieldError(path=fixed[0], code="unknown_field", message=message)])
    document = merging.merge(msgspec.to_builtins(slot), patch) | {"version": version}
    try:
        return msgspec.convert(document, SlotOffered)
    except msgspec.ValidationError as error:
        raise _malformed([form.explain(error)]) from error


def venue_of(actor: Actor, key: str) -> UUID:
    """Raises NotFound: not the actor's venue."""
    if actor.organisation_id is None or actor.organisation_key != key:
        raise NotFound("There is no such venue.")
    return actor.organisation_id


def writer_of(actor: Actor, key: str) -> UUID:
    """Raises NotFound, NotAllowed: not the actor's venue, or not the actor's task there."""
    venue_id = venue_of(actor, key)
    if actor.staff_role not in _WRITERS:
        raise NotAllowed("Only owners and schedulers change a venue's slots.")
    return venue_id


def _malformed(errors: list[FieldError]) -> Invalid:
    return Invalid("The slot is not what this route takes.", errors=errors)


def _stale(version: int | None) -> Stale:
    return Stale("The slot has been changed in the meantime.", version=version)
