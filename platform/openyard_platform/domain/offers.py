"""What a venue states: a slot offered, stated anew, withdrawn."""

import datetime as dt
from typing import Any

import msgspec

from openyard_events.commands import OfferSlot, Outcome, WithdrawSlot
from openyard_events.contracts import FieldError, Overbooked, Receipt, SlotKind
from openyard_platform.domain import due, facts, occupancy, requests, seats, waitlist
from openyard_platform.domain.reservations import (
    HOLDING,
    LIVE,
    Reservation,
    ReservationStatus,
)
from openyard_platform.domain.slots import Slot, SlotStatus, Space, restate
from openyard_platform.domain.state import AuditEntry, Decisions, State

# Why a party has to go that came last, or has become larger than the slot.
FEWER_SEATS = "场馆减少了名额。"


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
    if slot is not None and slot.space_id and _is_busy(slot) != _is_busy(wanted):
        # People may hold seats of it, and see it in their calendars.
        message = "Busy time stays busy time, and a slot a slot: use another external_id."
        return FieldError(path="kind", code="kind_fixed", message=message)
    needed = 0
    if slot is not None and slot.status == SlotStatus.OPEN:
        wanted.id = slot.id
        needed = sum(wanted.held_by(one.seats, one.adults) for one in _holders(state, slot))
    if needed > wanted.capacity and wanted.overbooked == Overbooked.REFUSE:
        return FieldError(
            path="capacity",
            code="capacity_below_taken",
            message=f"{needed} seats are taken; the capacity cannot be lower, unless "
            "overbooked says who gives way.",
        )
    return _space_error(state, wanted, space, min(needed, wanted.capacity))


def _is_busy(slot: Slot) -> bool:
    return slot.kind == SlotKind.BUSY


def _space_error(state: State, wanted: Slot, space: Space, taken: int) -> FieldError | None:
    """Who else has the space, where the slot takes it now."""
    if not wanted.occupies or (wanted.claims_on_booking and not taken):
        return None
    other_id = occupancy.space_obstacle(state, wanted, space, taken)
    if other_id is None:
        return None
    if other_id == wanted.id:
        return FieldError(
            path="capacity",
            code="space_too_small",
            message=f"The space has room for {min(space.shared.values())} at one time.",
        )
    known = state.slots.get(other_id)
    called = known.external_id if known is not None else state.occupants.get(other_id)
    name = f"slot {called!r}" if called is not None else "another slot"
    return FieldError(
        path="space", code="space_occupied", message=f"The space is taken at that time by {name}."
    )


def _holders(state: State, slot: Slot) -> list[Reservation]:
    """Who has seats, in order of position."""
    on_slot = (state.reservations[known] for known in state.on_slot.get(slot.id, ()))
    return [one for one in on_slot if one.status in HOLDING]


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
    _restate(state, decisions, slot, asked, space, at)
    decisions.tell(slot, at, facts.opened(slot))
    _audit(decisions, "slot.opened", slot, at)
    return slot


def _restate(  # noqa: PLR0913 - the same as any change of a slot
    state: State,
    decisions: Decisions,
    slot: Slot,
    asked: OfferSlot,
    space: Space,
    at: dt.datetime,
) -> None:
    """Write what the venue states into a slot that nobody has anything to do with."""
    restate(slot, asked.slot, space, at)
    decisions.recounted_slots.add(slot.id)
    occupancy.take_space(state, decisions, slot, space)
    slot.due_at = None
    due.reckon(state, slot)


def _reopen(  # noqa: PLR0913 - the same as any change of a slot
    state: State,
    decisions: Decisions,
    asked: OfferSlot,
    slot: Slot,
    space: Space,
    at: dt.datetime,
) -> None:
    # Who is still to be told of the withdrawal is told before it is there again.
    due.end_reservations(state, decisions, slot, at, all_at_once=True)
    _restate(state, decisions, slot, asked, space, at)
    slot.sequence += 1
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
    before = msgspec.structs.replace(slot)
    living = [state.reservations[known] for known in state.on_slot.get(slot.id, ())]
    living = [one for one in living if one.status in LIVE]
    if slot.occupies:
        occupancy.free_space(state, decisions, slot)
    restate(slot, asked.slot, space, at)
    moved = (before.span, before.space_id) != (slot.span, slot.space_id)
    if moved:
        slot.sequence += 1
    _recount(state, decisions, slot, living, at)
    occupancy.take_space(state, decisions, slot, space)
    if occupancy.lets_go(state, before, slot):
        occupancy.wake(state, decisions, before, at)
    decisions.restate_slot(slot, at)
    decisions.tell(slot, at, facts.updated(slot, moved=moved))
    _audit(decisions, "slot.changed", slot, at)
    for reservation in living:
        if reservation.status in HOLDING and (moved or before.title != slot.title):
            _carry_over(state, decisions, slot, reservation, at, moved=moved)
        waitlist.shorten(decisions, slot, reservation, at)
    slot.due_at = None
    due.work_off_restated(state, decisions, slot, at)


def _recount(
    state: State,
    decisions: Decisions,
    slot: Slot,
    living: list[Reservation],
    at: dt.datetime,
) -> None:
    """Seat everybody anew in order of position, by what the slot is now; who came last gives way.

    A waiting party that is larger than the slot has become waits for nothing, and is told so.
    """
    decisions.recounted_slots.add(slot.id)
    slot.taken = slot.waiting = 0
    before = {one.id: (one.held, one.allotment, one.allotted) for one in living}
    for reservation in living:
        reservation.held = slot.held_by(reservation.seats, reservation.adults)
        state.held[slot.id, reservation.holder_id] = 0
    holders = [one for one in living if one.status in HOLDING]
    leaving: list[Reservation] = []
    while holders and sum(one.held for one in holders) > slot.capacity:
        leaving.append(holders.pop())
    for reservation in holders:
        state.held[slot.id, reservation.holder_id] += reservation.held
        seats.recount(slot, reservation, at)
    for reservation in living:
        if reservation.status == ReservationStatus.WAITLISTED:
            seats.join_line(decisions, slot, reservation, at)
            if reservation.held > slot.capacity:
                leaving.append(reservation)
    for reservation in leaving:
        _displace(state, decisions, slot, reservation, at)
    for reservation in living:
        # Whoever was just displaced is written and counted already.
        after = (reservation.held, reservation.allotment, reservation.allotted)
        if after != before[reservation.id] and reservation not in leaving:
            decisions.touch_reservation(reservation, at)


def _displace(
    state: State,
    decisions: Decisions,
    slot: Slot,
    reservation: Reservation,
    at: dt.datetime,
) -> None:
    """The venue has fewer seats now: a party waits again, in its old place, or has to go."""
    was_waiting = reservation.status == ReservationStatus.WAITLISTED
    if not was_waiting:
        reservation.status = ReservationStatus.WAITLISTED
        seats.join_line(decisions, slot, reservation, at)
    fits = reservation.held <= slot.capacity
    if not fits or slot.overbooked == Overbooked.LATEST_LEAVE:
        reason = FEWER_SEATS
        requests.give_back(state, decisions, slot, reservation, at, by="venue", reason=reason)
        return
    occupancy.free_party(state, decisions, reservation)
    occupancy.claim_party(state, decisions, reservation)
    reservation.needs_reconfirm = False
    reservation.offer_expires_at = None
    reservation.sequence += 1
    decisions.touch_reservation(reservation, at)
    decisions.touch_slot(slot, at)
    decisions.tell(slot, at, facts.displaced(slot, reservation))
    decisions.audit.append(
        AuditEntry(
            action="reservation.displaced",
            at=at,
            actor_id=slot.venue_id,
            subject_id=reservation.id,
            detail={"slot": slot.id, "position": reservation.position},
        )
    )


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
    else:
        # Its holder is told, and an update of an invitation has to be newer than what it updates.
        reservation.sequence += 1
    decisions.touch_reservation(reservation, at)
    decisions.tell(slot, at, facts.changed(slot, reservation))


def _close(
    state: State, decisions: Decisions, slot: Slot, reason: str | None, at: dt.datetime
) -> None:
    if slot.occupies:
        occupancy.free_space(state, decisions, slot)
        occupancy.wake(state, decisions, slot, at)
    slot.status = SlotStatus.WITHDRAWN
    slot.reason = reason
    slot.sequence += 1
    slot.due_at = None
    due.end_reservations(state, decisions, slot, at)
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
