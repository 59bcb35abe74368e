"""What a batch of decisions starts from, and what it leaves to be written."""

import datetime as dt
from collections.abc import Collection, Iterable
from uuid import UUID

from msgspec import Struct, field

from openyard_calendars import intervals
from openyard_events.commands import AnyCommand, Outcome
from openyard_events.contracts import AnyFact, Receipt
from openyard_platform.domain.reservations import Reservation
from openyard_platform.domain.slots import Slot, Space

Busy = tuple[int, int, UUID]  # minutes from, minutes to, whose (a reservation or a slot)
Shared = tuple[int, int, int, UUID]  # minutes from, minutes to, room taken, by which slot


class Asked(Struct, frozen=True):
    """A command, and when the stream accepted it: a replay decides at the same time."""

    command: AnyCommand
    at: dt.datetime


class KeyUse(Struct, frozen=True, kw_only=True):
    """An Idempotency-Key's first use."""

    account_id: UUID
    key: str
    fingerprint: bytes
    reservation_id: UUID


class PartyTaken(Struct, frozen=True):
    """A party's claim on a slot. ``span`` None: it waits, or the claim is suspended."""

    slot_id: UUID
    span: tuple[int, int] | None


class AuditEntry(Struct, frozen=True, kw_only=True):
    action: str
    at: dt.datetime
    actor_id: UUID | None
    subject_id: UUID
    detail: dict[str, object]


class Alias(Struct, frozen=True, kw_only=True):
    """An id minted for a repeated key. ``reservation_id`` is None where the body differed."""

    id: UUID
    account_id: UUID
    reservation_id: UUID | None


class Woken(Struct, frozen=True, kw_only=True):
    """A space came free: whoever waits for slots in ``space_ids`` at that time may have a chance.

    ``span``: minutes since 2000-01-01 UTC.
    """

    venue_id: UUID
    space_ids: tuple[UUID, ...]
    span: tuple[int, int]
    at: dt.datetime


class State(Struct, kw_only=True):
    """Everything the commands of one batch touch. ``decide`` uses it up."""

    slots: dict[UUID, Slot] = field(default_factory=dict)
    by_external: dict[tuple[UUID, str], Slot] = field(default_factory=dict)
    spaces: dict[tuple[UUID, str], Space] = field(default_factory=dict)
    space_busy: dict[int, list[Busy]] = field(default_factory=dict)
    space_shares: dict[int, list[Shared]] = field(default_factory=dict)
    # What slots are called that are in the way of others.
    occupants: dict[UUID, str] = field(default_factory=dict)
    allotted: list[UUID] = field(default_factory=list)  # slots that have allotments to be loaded
    districts: dict[UUID, str] = field(default_factory=dict)
    receipts: dict[tuple[UUID, str], Receipt] = field(default_factory=dict)
    reservations: dict[UUID, Reservation] = field(default_factory=dict)
    # Ids of living reservations of slots that may hand on, move or close, in order of position.
    on_slot: dict[UUID, list[UUID]] = field(default_factory=dict)
    # Slots whose line of waiting parties is in on_slot, and those of which only its beginning is.
    lined_up: set[UUID] = field(default_factory=set)
    cut_short: set[UUID] = field(default_factory=set)
    # (slot, holder) -> seats, where an allotment has a cap for each school
    held: dict[tuple[UUID, UUID], int] = field(default_factory=dict)
    party_nos: dict[UUID, int] = field(default_factory=dict)
    party_busy: dict[int, list[Busy]] = field(default_factory=dict)
    # Slots that a party has to do with without being there: it waits, mostly.
    waits: dict[int, set[UUID]] = field(default_factory=dict)
    # (slot, party) -> the live reservation that has it
    live: dict[tuple[UUID, int], UUID] = field(default_factory=dict)
    keys: dict[tuple[UUID, str], KeyUse] = field(default_factory=dict)

    def party_conflict(
        self, nos: Iterable[int], span: tuple[int, int], but: UUID | None = None
    ) -> UUID | None:
        """The reservation, other than ``but``, that has one of the parties at that time."""
        for no in nos:
            for lo, hi, owner in self.party_busy.get(no, ()):
                if owner != but and intervals.overlap((lo, hi), span):
                    return owner
        return None

    def space_conflict(
        self, leaves: Iterable[int], span: tuple[int, int], but: Collection[UUID] = ()
    ) -> UUID | None:
        """The slot that has one of the leaves at that time, other than those of ``but``."""
        for leaf in leaves:
            for lo, hi, owner in self.space_busy.get(leaf, ()):
                if owner not in but and intervals.overlap((lo, hi), span):
                    return owner
        return None

    def room_taken(self, leaf: int, span: tuple[int, int], but: Collection[UUID] = ()) -> int:
        """How many a shareable leaf has at its fullest moment in that time."""
        there = [
            (max(lo, span[0]), hi, room)
            for lo, hi, room, owner in self.space_shares.get(leaf, ())
            if owner not in but and intervals.overlap((lo, hi), span)
        ]
        # It is fullest where one of them begins.
        return max(
            (sum(room for lo, hi, room in there if lo <= at < hi) for at, _, _ in there), default=0
        )

    def space_of(self, slot: Slot) -> Space | None:
        """The space of a slot, where its venue's are loaded."""
        return next(
            (
                space
                for (venue_id, _), space in self.spaces.items()
                if venue_id == slot.venue_id and space.id == slot.space_id
            ),
            None,
        )


class Decisions(Struct, kw_only=True):
    """What is to be written, in one transaction, and answered after it.

    Slot occupancies are (slot, leaf, from, to), shares of a space by (slot, leaf) are (from, to,
    room), parties' are by (reservation, party); freed rows go before new ones come.
    """

    new_slots: dict[UUID, Slot] = field(default_factory=dict)
    changed_slots: dict[UUID, Slot] = field(default_factory=dict)
    restated_slots: set[UUID] = field(default_factory=set)  # more than their counters changed
    recounted_slots: set[UUID] = field(default_factory=set)  # counters of their allotments changed
    freed_slots: set[UUID] = field(default_factory=set)
    slot_occupancies: list[tuple[UUID, int, int, int]] = field(default_factory=list)
    space_shares: dict[tuple[UUID, int], tuple[int, int, int]] = field(default_factory=dict)
    woken: list[Woken] = field(default_factory=list)
    new_reservations: dict[UUID, Reservation] = field(default_factory=dict)
    changed_reservations: dict[UUID, Reservation] = field(default_factory=dict)
    freed_parties: set[tuple[UUID, int]] = field(default_factory=set)
    party_occupancies: dict[tuple[UUID, int], PartyTaken] = field(default_factory=dict)
    # Slots where a party waits that was elsewhere until now, with the minutes that it was.
    chances: set[tuple[UUID, int, int]] = field(default_factory=set)
    receipts: list[tuple[UUID, Receipt, dt.datetime]] = field(default_factory=list)
    keys: list[KeyUse] = field(default_factory=list)
    aliases: list[Alias] = field(default_factory=list)
    facts: list[tuple[str, dt.datetime, AnyFact]] = field(default_factory=list)
    audit: list[AuditEntry] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)

    def touch_slot(self, slot: Slot, at: dt.datetime) -> None:
        """Count one more revision of the slot and have it written."""
        slot.revision += 1
        slot.updated_at = at
        if slot.id not in self.new_slots:
            self.changed_slots[slot.id] = slot

    def keep_slot(self, slot: Slot) -> None:
        """Have it written, though nothing that others see is different."""
        if slot.id not in self.new_slots:
            self.changed_slots[slot.id] = slot

    def restate_slot(self, slot: Slot, at: dt.datetime) -> None:
        """As touch_slot, where what the venue stated or the status changed too."""
        self.touch_slot(slot, at)
        if slot.id not in self.new_slots:
            self.restated_slots.add(slot.id)

    def touch_reservation(self, reservation: Reservation, at: dt.datetime) -> None:
        reservation.revision += 1
        reservation.updated_at = at
        if reservation.id not in self.new_reservations:
            self.changed_reservations[reservation.id] = reservation

    def tell(self, slot: Slot, at: dt.datetime, fact: AnyFact) -> None:
        self.facts.append((slot.district, at, fact))
