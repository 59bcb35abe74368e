"""A publisher for venues' own tests: remembers what was published and answers as the platform."""

from collections.abc import Mapping
from uuid import UUID, uuid5

import msgspec

from openyard_events import subjects, venue_messages
from openyard_events.contracts import FieldError, Receipt, SlotOffered, SlotWithdrawn
from openyard_events.venue_messages import Rejected

_NAMESPACE = UUID("6f1a4f0e-3c5b-5d0e-9a51-0f4f6b8f7a10")


class RecordingPublisher:
    """In place of a VenuePublisher: checks the form, knows versions, remembers ids.

    ``published``: every message in order, refused ones too. ``refusals``: what to answer to an
    ``external_id`` that the platform would refuse, e.g. because the space is taken.
    """

    def __init__(self, key: str, *, refusals: Mapping[str, list[FieldError]] | None = None) -> None:
        self.key = subjects.token(key)
        self.published: list[SlotOffered | SlotWithdrawn] = []
        self._refusals = refusals or {}
        self._versions: dict[str, int] = {}
        self._receipts: dict[str, Receipt] = {}

    async def offer(self, slot: SlotOffered, *, ce_id: str | None = None) -> Receipt:
        return self._answer(slot, "offered", ce_id)

    async def change(self, slot: SlotOffered, *, ce_id: str | None = None) -> Receipt:
        return self._answer(slot, "changed", ce_id)

    async def withdraw(self, slot: SlotWithdrawn, *, ce_id: str | None = None) -> Receipt:
        return self._answer(slot, "withdrawn", ce_id)

    def _answer(self, slot: SlotOffered | SlotWithdrawn, verb: str, ce_id: str | None) -> Receipt:
        self.published.append(slot)
        identity = subjects.token(ce_id or f"recorded-{len(self.published)}")
        if identity not in self._receipts:
            self._receipts[identity] = self._decide(slot, verb, identity)
        return self._receipts[identity]

    def _decide(self, slot: SlotOffered | SlotWithdrawn, verb: str, identity: str) -> Receipt:
        checked = venue_messages.check(
            f"venue.{self.key}.slot.{verb}", {"ce-id": identity}, msgspec.json.encode(slot)
        )
        if isinstance(checked, Rejected):
            return Receipt(id=identity, status="refused", errors=checked.errors)
        slot_id = uuid5(_NAMESPACE, f"{self.key}/{slot.external_id}")
        known = self._versions.get(slot.external_id)
        if known is not None and slot.version <= known:
            return Receipt(id=identity, status="duplicate", slot_id=slot_id, version=known)
        if slot.external_id in self._refusals and verb != "withdrawn":
            errors = self._refusals[slot.external_id]
            return Receipt(id=identity, status="refused", errors=errors)
        self._versions[slot.external_id] = slot.version
        return Receipt(id=identity, status="accepted", slot_id=slot_id, version=slot.version)
