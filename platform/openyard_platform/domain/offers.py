"""What a venue states: a slot offered, stated anew, withdrawn."""

import datetime as dt
from typing import Any

from openyard_events.commands import OfferSlot, Outcome, WithdrawSlot
from openyard_events.contracts import FieldError, Receipt
from openyard_platform.domain import facts, occupancy, requests, waitlist
from openyard_platform.domain.reservations import Reservation, ReservationStatus
from openyard_platform.domain.slots import Slot, SlotStatus, Space, restate
from openyard_platform.domain.state import AuditEntry, Decisions, State


def offer(state: State, decisions: Decisions, asked: OfferSlot, at: dt.datetime) -> Outcome:
    """Open a slot, or change the one with this external id; an old version changes nothing."""
    stored = state.receipts.get((asked.venue_id, asked.receipt_id))
    if stored is not None:
        return _answer(asked, stored)
    slot = state.by_external.get((asked.venue_id, asked.slot.external_id))
    if slot is not None and asked.slot.version <= slot.version:
        return _receipt(state, decisions, asked, at, "duplicate", slot=slot)
    error = _obstacle(state, asked, slot)
    if error is not None:
        return _receipt(state, decisions, asked, at, "refused", errors=[error])
    space = state.spaces[asked.venue_id, asked.slot.space]
    if slot is None:
        slot = _open(state, decisions, asked, space, at)
    elif slot.status == SlotStatus.WITHDRAWN:
        _reopen(state, decisions, asked, slot, space, at)
    else:
        _change(state, decisions, asked, slot, space, at)
    return _receipt(state, decisions, asked, at, "accepted", slot=slot)


def withdraw(state: State, decisions: Decisions, asked: WithdrawSlot, at: dt.datetime) -> Outcome:
    """Close a slot and end what was reserved on it; an unknown one leaves a tombstone."""
    stored = state.receipts.get((asked.venue_id, asked.receipt_id))
    if stored is not None:
        return _answer(asked, stored)
    slot = state.by_external.get((asked.venue_id, asked.slot.external_id))
    if slot is None:
        slot = _blank(state, decisions, asked, at)
        slot.version = asked.slot.version
        slot.reason = asked.slot.reason
        return _receipt(state, decisions, asked, at, "accepted", slot=slot)
    if asked.slot.version <= slot.version:
        return _receipt(state, decisions, asked, at, "duplicate", slot=slot)
    slot.version = asked.slot.version
    if slot.status == SlotStatus.OPEN:
        _close(state, decisions, slot, asked.slot.reason, at)
    else:
        decisions.restate_slot(slot, at)
    return _receipt(state, decisions, asked, at, "accepted", slot=slot)


def _obstacle(state: State, asked: OfferSlot, slot: Slot | None) -> FieldError | None:
    space = state.spaces.get((asked.venue_id, asked.slot.space))
    if space is None:
        return FieldError(
            path="space", code="space_unknown", message=f"No space {asked.slot.space!r} here."
        )
    wanted = Slot(
        id=asked.id,
        venue_id=asked.venue_id,
        venue_key=asked.venue_key,
        district="",
        external_id=asked.slot.external_id,
        version=0,
        status=SlotStatus.OPEN,
        created_at=asked.slot.starts_at,
        updated_at=asked.slot.starts_at,
    )
    restate(wanted, asked.slot, space, asked.slot.starts_at)
    if _occupies(wanted):
        own = slot.id if slot is not None else None
        other_id = state.space_conflict(space.leaves, wanted.span, but=own)
        if other_id is not None:
            other = state.slots.get(other_id)
            name = f"slot {other.external_id!r}" if other is not None else "another slot"
            return FieldError(
                path="space",
                code="space_occupied",
                message=f"The space is taken at that time by {name}.",
            )
    if slot is not None and slot.status == SlotStatus.OPEN:
        needed = sum(
            wanted.held_by(reservation.seats, reservation.adults)
            for reservation in _confirmed(state, slot)
        )
        if needed > wanted.capacity:
            return FieldError(
                path="capacity",
                code="capacity_below_taken",
                message=f"{needed} seats are confirmed; the capacity cannot be lower.",
            )
    return None


def _occupies(slot: Slot) -> bool:
    """Whether the slot takes its space; shifts and outreach never do."""
    return slot.kind not in {"shift", "outreach"}


def _confirmed(state: State, slot: Slot) -> list[Reservation]:
    return [
        state.reservations[known]
        for known in state.on_slot.get(slot.id, ())
        if state.reservations[known].status == ReservationStatus.CONFIRMED
    ]


def _blank(
    state: State, decisions: Decisions, asked: OfferSlot | WithdrawSlot, at: dt.datetime
) -> Slot:
    slot = Slot(
        id=asked.id,
        venue_id=asked.venue_id,
        venue_key=asked.venue_key,
        district=state.districts[asked.venue_id],
        external_id=asked.slot.external_id,
        version=0,
        status=SlotStatus.WITHDRAWN,
        created_at=at,
        updated_at=at,
    )
    state.slots[slot.id] = slot
    state.by_external[asked.venue_id, asked.slot.external_id] = slot
    decisions.new_slots[slot.id] = slot
    return slot


def _open(
    state: State, decisions: Decisions, asked: OfferSlot, space: Space, at: dt.datetime
) -> Slot:
    slot = _blank(state, decisions, asked, at)
    restate(slot, asked.slot, space, at)
    if _occupies(slot):
        occupancy.take_space(state, decisions, slot, space)
    decisions.tell(slot, at, facts.opened(slot))
    _audit(decisions, "slot.opened", slot, at)
    return slot


def _reopen(  # noqa: PLR0913 - the same as any change of a slot
    state: State,
    decisions: Decisions,
    asked: OfferSlot,
    slot: Slot,
    space: Space,
    at: dt.datetime,
) -> None:
    restate(slot, asked.slot, space, at)
    slot.sequence += 1
    if _occupies(slot):
        occupancy.take_space(state, decisions, slot, space)
    decisions.restate_slot(slot, at)
    decisions.tell(slot, at, facts.opened(slot))
    _audit(decisions, "slot.opened", slot, at)


def _change(  # noqa: PLR0913 - the same as any change of a slot
    state: State,
    decisions: Decisions,
    asked: OfferSlot,
    slot: Slot,
    space: Space,
    at: dt.datetime,
) -> None:
    before = (slot.span, slot.space_id)
    title = slot.title
    holders = _confirmed(state, slot)
    occupancy.free_space(state, decisions, slot)
    restate(slot, asked.slot, space, at)
    if _occupies(slot):
        occupancy.take_space(state, decisions, slot, space)
    moved = before != (slot.span, slot.space_id)
    if moved:
        slot.sequence += 1
    slot.taken = 0
    for known in state.on_slot.get(slot.id, ()):
        reservation = state.reservations[known]
        reservation.held = slot.held_by(reservation.seats, reservation.adults)
        if reservation.status == ReservationStatus.CONFIRMED:
            slot.taken += reservation.held
        if reservation.id not in decisions.new_reservations:
            decisions.changed_reservations[reservation.id] = reservation
    decisions.restate_slot(slot, at)
    decisions.tell(slot, at, facts.updated(slot, moved=moved))
    _audit(decisions, "slot.changed", slot, at)
    if moved or title != slot.title:
        for reservation in holders:
            _carry_over(state, decisions, slot, reservation, at, moved=moved)
    waitlist.hand_on(state, decisions, slot, at)


def _carry_over(  # noqa: PLR0913 - the same as any change of a slot
    state: State,
    decisions: Decisions,
    slot: Slot,
    reservation: Reservation,
    at: dt.datetime,
    *,
    moved: bool,
) -> None:
    """Keep a reservation on a changed slot; moved, it may be given back without strike.

    Where the new time overlaps another of the party's reservations, only the occupancy of this
    one is suspended: the party decides which to keep.
    """
    if moved:
        occupancy.free_party(state, decisions, reservation)
        reservation.needs_reconfirm = True
        if state.party_conflict(reservation.party_nos, slot.span) is None:
            occupancy.take_party(state, decisions, reservation, slot.span)
        else:
            occupancy.claim_party(state, decisions, reservation)
    decisions.touch_reservation(reservation, at)
    decisions.tell(slot, at, facts.changed(slot, reservation))


def _close(
    state: State, decisions: Decisions, slot: Slot, reason: str | None, at: dt.datetime
) -> None:
    slot.status = SlotStatus.WITHDRAWN
    slot.reason = reason
    slot.sequence += 1
    occupancy.free_space(state, decisions, slot)
    for known in list(state.on_slot.get(slot.id, ())):
        reservation = state.reservations[known]
        if reservation.status in {ReservationStatus.CONFIRMED, ReservationStatus.WAITLISTED}:
            requests.give_back(state, decisions, slot, reservation, at, by="venue", reason=reason)
    decisions.restate_slot(slot, at)
    decisions.tell(slot, at, facts.closed(slot))
    _audit(decisions, "slot.closed", slot, at)


def _receipt(  # noqa: PLR0913 - a receipt is made of all of it
    state: State,
    decisions: Decisions,
    asked: OfferSlot | WithdrawSlot,
    at: dt.datetime,
    status: Any,
    *,
    slot: Slot | None = None,
    errors: list[FieldError] | None = None,
) -> Outcome:
    receipt = Receipt(
        id=asked.receipt_id,
        status=status,
        slot_id=slot.id if slot is not None else None,
        version=slot.version if slot is not None else asked.slot.version,
        errors=errors or [],
    )
    state.receipts[asked.venue_id, asked.receipt_id] = receipt
    decisions.receipts.append((asked.venue_id, receipt, at))
    return _answer(asked, receipt)


def _answer(asked: OfferSlot | WithdrawSlot, receipt: Receipt) -> Outcome:
    return Outcome(
        id=asked.id,
        status=receipt.status,
        slot_id=receipt.slot_id,
        version=receipt.version,
        errors=receipt.errors,
    )


def _audit(decisions: Decisions, action: str, slot: Slot, at: dt.datetime) -> None:
    decisions.audit.append(
        AuditEntry(
            action=action,
            at=at,
            actor_id=slot.venue_id,
            subject_id=slot.id,
            detail={"external_id": slot.external_id, "version": slot.version},
        )
    )
