"""What a holder changes: more or fewer seats in place, or another slot of the same venue."""

import datetime as dt

from openyard_events.commands import Change, Outcome, Reserve
from openyard_platform.domain import facts, occupancy, rules, waitlist
from openyard_platform.domain.requests import outcome_of
from openyard_platform.domain.reservations import (
    LIVE,
    Refusal,
    Reservation,
    ReservationStatus,
)
from openyard_platform.domain.slots import Slot
from openyard_platform.domain.state import AuditEntry, Decisions, State


def change(  # noqa: PLR0911 - one for each thing that ends it early
    state: State, decisions: Decisions, asked: Change, at: dt.datetime
) -> Outcome:
    """Do all that is asked, or refuse it and leave everything as it was."""
    reservation = state.reservations.get(asked.reservation_id)
    if reservation is None or reservation.holder_id != asked.holder_id:
        return Outcome(id=asked.id, status="failed", refusals=[{"code": "reservation_unknown"}])
    if reservation.status not in LIVE:
        return _refused(asked, reservation, at, [{"code": "reservation_ended"}])
    slot = state.slots[reservation.slot_id]
    seats = reservation.seats if asked.seats is None else asked.seats
    adults = reservation.adults if asked.adults is None else asked.adults
    target = slot if asked.slot_id is None else state.slots.get(asked.slot_id)
    if target is None:
        return Outcome(id=asked.id, status="failed", refusals=[{"code": "slot_unknown"}])
    if target.venue_id != slot.venue_id:
        return _refused(asked, reservation, at, [{"code": "another_venue"}])
    if (target.id, seats, adults) == (slot.id, reservation.seats, reservation.adults):
        return outcome_of(asked.id, reservation)
    if seats < len(reservation.party_nos):
        # Each of the named children needs a seat.
        return _refused(asked, reservation, at, [{"code": "seats_below_children"}])
    if target.id == slot.id:
        refusals = _against_resizing(slot, reservation, seats, adults, at)
    else:
        refusals = _against_moving(state, slot, target, reservation, asked, seats, adults, at)
    if refusals:
        return _refused(asked, reservation, at, refusals)
    if target.id == slot.id:
        _resize(decisions, slot, reservation, seats, adults, at)
    else:
        _move(state, decisions, slot, target, reservation, seats, adults, at)
    _tell(decisions, asked, target, reservation, at)
    # The seats that came free go on, on the slot they came free on.
    waitlist.hand_on(state, decisions, slot, at)
    return outcome_of(asked.id, reservation)


def _against_resizing(
    slot: Slot, reservation: Reservation, seats: int, adults: int, at: dt.datetime
) -> list[Refusal]:
    need = slot.held_by(seats, adults)
    refusals = rules.of_party(slot, seats, adults)
    if need > reservation.held or seats > reservation.seats:
        refusals = rules.of_window(slot, at) + refusals
    elif reservation.status == ReservationStatus.CONFIRMED and need < reservation.held:
        late = rules.of_cancelling(slot, at)
        if late is not None and not reservation.needs_reconfirm:
            refusals.append(late)
    if need > slot.capacity or seats > slot.capacity:
        refusals.append({"code": "insufficient_capacity", "remaining": slot.free})
    elif reservation.status == ReservationStatus.CONFIRMED and need > reservation.held:
        # Who wants more is a newcomer for what is more: whoever waits comes first.
        free = 0 if slot.waiting else slot.free
        if need - reservation.held > free:
            refusals.append({"code": "insufficient_capacity", "remaining": free})
    return refusals


def _against_moving(  # noqa: PLR0913 - what a move is made of
    state: State,
    slot: Slot,
    target: Slot,
    reservation: Reservation,
    asked: Change,
    seats: int,
    adults: int,
    at: dt.datetime,
) -> list[Refusal]:
    wish = Reserve(
        id=asked.id,
        slot_id=target.id,
        account_id=asked.account_id,
        holder_id=asked.holder_id,
        parties=(),
        audiences=asked.audiences,
        seats=seats,
        adults=adults,
        waitlist=False,
    )
    refusals = rules.of_slot(target, wish, at)
    if reservation.status == ReservationStatus.CONFIRMED and not reservation.needs_reconfirm:
        late = rules.of_cancelling(slot, at)
        if late is not None:
            refusals.append(late)
    for no in reservation.party_nos:
        same = state.live.get((target.id, no))
        if same is not None:
            refusals.append({"code": "already_reserved", "reservation": same})
            break
    else:
        other = state.party_conflict(reservation.party_nos, target.span, but=reservation.id)
        if other is not None:
            refusals.append({"code": "overlaps_own_reservation", "reservation": other})
    full = rules.of_seats(target, wish)
    if full is not None:
        refusals.append(full)
    return refusals


def _resize(  # noqa: PLR0913 - as above
    decisions: Decisions,
    slot: Slot,
    reservation: Reservation,
    seats: int,
    adults: int,
    at: dt.datetime,
) -> None:
    need = slot.held_by(seats, adults)
    if reservation.status == ReservationStatus.CONFIRMED:
        slot.taken += need - reservation.held
    reservation.seats, reservation.adults, reservation.held = seats, adults, need
    decisions.touch_reservation(reservation, at)
    decisions.touch_slot(slot, at)


def _move(  # noqa: PLR0913 - as above
    state: State,
    decisions: Decisions,
    slot: Slot,
    target: Slot,
    reservation: Reservation,
    seats: int,
    adults: int,
    at: dt.datetime,
) -> None:
    """The same reservation on another slot: its calendar entry moves, and does not come twice."""
    occupancy.free_party(state, decisions, reservation)
    if reservation.status == ReservationStatus.CONFIRMED:
        slot.taken -= reservation.held
    else:
        slot.waiting -= 1
    target.decided += 1
    reservation.slot_id = target.id
    reservation.position = target.decided
    reservation.status = ReservationStatus.CONFIRMED
    reservation.needs_reconfirm = False
    reservation.seats, reservation.adults = seats, adults
    reservation.held = target.held_by(seats, adults)
    # Above what either slot has counted, so that every calendar sees the newer entry.
    reservation.sequence += slot.sequence + 1
    target.taken += reservation.held
    occupancy.take_party(state, decisions, reservation, target.span)
    state.on_slot[slot.id] = [
        one for one in state.on_slot.get(slot.id, []) if one != reservation.id
    ]
    state.on_slot.setdefault(target.id, []).append(reservation.id)
    decisions.touch_reservation(reservation, at)
    decisions.touch_slot(slot, at)
    # Readers drop what has a lower revision than they saw: with the old slot it may be higher.
    target.revision = max(target.revision, slot.revision)
    decisions.touch_slot(target, at)
    decisions.tell(slot, at, facts.updated(slot, moved=False))


def _tell(
    decisions: Decisions, asked: Change, slot: Slot, reservation: Reservation, at: dt.datetime
) -> None:
    decisions.tell(slot, at, facts.amended(slot, reservation))
    decisions.audit.append(
        AuditEntry(
            action="reservation.amended",
            at=at,
            actor_id=asked.account_id,
            subject_id=reservation.id,
            detail={
                "slot": slot.id,
                "position": reservation.position,
                "seats": reservation.seats,
                "adults": reservation.adults,
            },
        )
    )


def _refused(
    asked: Change, reservation: Reservation, at: dt.datetime, refusals: list[Refusal]
) -> Outcome:
    return Outcome(
        id=asked.id,
        status=ReservationStatus.REFUSED,
        reservation_id=reservation.id,
        position=reservation.position,
        refusals=refusals,
        decided_at=at,
    )
