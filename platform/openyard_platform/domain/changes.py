"""What a holder changes: more or fewer seats in place, or another slot of the same venue."""

import datetime as dt

from msgspec import Struct

from openyard_events.commands import Change, Outcome, Reserve
from openyard_platform.domain import (
    ages,
    allotments,
    facts,
    occupancy,
    outcomes,
    rules,
    seats,
    waitlist,
)
from openyard_platform.domain.reservations import (
    HOLDING,
    LIVE,
    Refusal,
    Reservation,
    ReservationStatus,
)
from openyard_platform.domain.slots import Slot
from openyard_platform.domain.state import AuditEntry, Decisions, State


class _Wanted(Struct, frozen=True):
    """A reservation, and how it is to be. ``target``: its own slot, or another one."""

    reservation: Reservation
    slot: Slot
    target: Slot
    wish: Reserve
    at: dt.datetime

    @property
    def need(self) -> int:
        return self.target.held_by(self.wish.seats, self.wish.adults)

    @property
    def moves(self) -> bool:
        return self.target.id != self.slot.id

    @property
    def holds(self) -> bool:
        return self.reservation.status in HOLDING

    @property
    def grows(self) -> bool:
        return self.need > self.reservation.held or self.wish.seats > self.reservation.seats


def change(state: State, decisions: Decisions, asked: Change, at: dt.datetime) -> Outcome:
    """Do all that is asked, or refuse it and leave everything as it was."""
    reservation = state.reservations.get(asked.reservation_id)
    if reservation is None or reservation.holder_id != asked.holder_id:
        return outcomes.unknown(asked.id)
    slot = state.slots[reservation.slot_id]
    target = slot if asked.slot_id is None else state.slots.get(asked.slot_id)
    if target is None:
        return outcomes.unknown(asked.id, "slot_unknown")
    wanted = _Wanted(reservation, slot, target, _wish(asked, reservation, target), at)
    if reservation.status in LIVE and _is_as_it_was(wanted):
        return outcomes.of(asked.id, reservation)
    refusals = _against(state, wanted)
    if refusals:
        return outcomes.refused(asked.id, reservation, at, refusals)
    if wanted.moves:
        _move(state, decisions, wanted)
    else:
        _resize(state, decisions, wanted)
    _tell(decisions, asked, wanted)
    # The seats that came free go on, on the slot they came free on.
    waitlist.hand_on(state, decisions, slot, at)
    return outcomes.of(asked.id, reservation)


def _wish(asked: Change, reservation: Reservation, target: Slot) -> Reserve:
    return Reserve(
        id=asked.id,
        slot_id=target.id,
        account_id=asked.account_id,
        holder_id=asked.holder_id,
        parties=(),
        audiences=asked.audiences,
        seats=reservation.seats if asked.seats is None else asked.seats,
        adults=reservation.adults if asked.adults is None else asked.adults,
        waitlist=False,
        births=asked.births,
        grade=asked.grade,
    )


def _is_as_it_was(wanted: _Wanted) -> bool:
    before, after = wanted.reservation, wanted.wish
    return not wanted.moves and (after.seats, after.adults) == (before.seats, before.adults)


def _against(state: State, wanted: _Wanted) -> list[Refusal]:
    if wanted.reservation.status not in LIVE:
        return [{"code": "reservation_ended"}]
    if wanted.target.venue_id != wanted.slot.venue_id:
        return [{"code": "another_venue"}]
    if wanted.wish.seats < len(wanted.reservation.party_nos):
        # Each of the named children needs a seat.
        return [{"code": "seats_below_children"}]
    if wanted.moves:
        return _against_moving(state, wanted)
    return _against_resizing(state, wanted)


def _against_resizing(state: State, wanted: _Wanted) -> list[Refusal]:
    slot, reservation, wish, at = wanted.slot, wanted.reservation, wanted.wish, wanted.at
    refusals = rules.of_party(slot, wish.seats, wish.adults)
    if wanted.grows:
        refusals = rules.of_window(slot, at) + refusals + ages.of_people(slot, wish)
    elif wanted.holds and wanted.need < reservation.held:
        refusals += _too_late(wanted)
    if wanted.need > slot.capacity or wish.seats > slot.capacity:
        refusals.append({"code": "insufficient_capacity", "remaining": slot.free})
    elif wanted.holds and wanted.need > reservation.held:
        refusals += _against_growing(state, wanted)
    return refusals


def _against_growing(state: State, wanted: _Wanted) -> list[Refusal]:
    """Who wants more is a newcomer for what is more: whoever waits comes first."""
    slot, reservation = wanted.slot, wanted.reservation
    more = wanted.need - reservation.held
    share = seats.share_of(slot, wanted.wish.audiences, wanted.at, back=reservation)
    of_own, of_open = share.split(wanted.need)
    open_now = reservation.held - reservation.allotted
    line_before = slot.waiting > 0 and (
        of_open > open_now or share.own is None or share.own.waiting > 0
    )
    refusals: list[Refusal] = []
    if line_before:
        refusals.append({"code": "insufficient_capacity", "remaining": 0})
    elif of_own + min(of_open, share.open) < wanted.need:
        remaining = max(0, share.seats - reservation.held)
        refusals.append({"code": "insufficient_capacity", "remaining": remaining})
        refusals += [
            {
                "code": "allotment_reserved",
                "audience": kept.audience,
                "releases_at": kept.releases_at,
            }
            for kept in allotments.kept_from(slot.allotments, wanted.wish.audiences, wanted.at)
            if more <= slot.free
        ]
    refusals += seats.cap_refusal(state, slot, share, reservation.holder_id, more)
    refusals += seats.space_refusal(state, slot, more)
    return refusals


def _against_moving(state: State, wanted: _Wanted) -> list[Refusal]:
    slot, target, reservation = wanted.slot, wanted.target, wanted.reservation
    refusals = rules.of_slot(target, wanted.wish, wanted.at)
    if wanted.holds:
        refusals += _too_late(wanted)
    refusals += _against_parties(state, wanted)
    share = seats.share_of(target, wanted.wish.audiences, wanted.at)
    refusals += rules.of_seats(target, wanted.wish, share, wanted.at)
    refusals += seats.cap_refusal(state, target, share, reservation.holder_id, wanted.need)
    # Who alone keeps the old slot in its space takes it along.
    alone = wanted.holds and slot.claims_on_booking and slot.taken == reservation.held
    without = slot.id if alone else None
    refusals += seats.space_refusal(state, target, wanted.need, without=without)
    return refusals


def _against_parties(state: State, wanted: _Wanted) -> list[Refusal]:
    reservation, target = wanted.reservation, wanted.target
    for no in reservation.party_nos:
        same = state.live.get((target.id, no))
        if same is not None:
            return [{"code": "already_reserved", "reservation": same}]
    other = state.party_conflict(reservation.party_nos, target.span, but=reservation.id)
    return [] if other is None else [{"code": "overlaps_own_reservation", "reservation": other}]


def _too_late(wanted: _Wanted) -> list[Refusal]:
    """Seats that are confirmed can be given back until the deadline, unless the venue moved."""
    is_free = wanted.reservation.status != ReservationStatus.CONFIRMED
    if is_free or wanted.reservation.needs_reconfirm:
        return []
    late = rules.of_cancelling(wanted.slot, wanted.at)
    return [] if late is None else [late]


def _resize(state: State, decisions: Decisions, wanted: _Wanted) -> None:
    slot, reservation, at = wanted.slot, wanted.reservation, wanted.at
    if wanted.holds:
        seats.give(state, decisions, slot, reservation, at)
    _rewrite(wanted)
    if wanted.holds:
        seats.take(state, decisions, slot, reservation, at)
    # Its holder is told, and an update of an invitation has to be newer than what it updates.
    reservation.sequence += 1
    decisions.touch_reservation(reservation, at)
    decisions.touch_slot(slot, at)


def _move(state: State, decisions: Decisions, wanted: _Wanted) -> None:
    """The same reservation on another slot: its calendar entry moves, and does not come twice."""
    slot, target, reservation, at = wanted.slot, wanted.target, wanted.reservation, wanted.at
    occupancy.free_party(state, decisions, reservation)
    if wanted.holds:
        seats.give(state, decisions, slot, reservation, at)
    else:
        seats.leave_line(decisions, slot, reservation)
    target.decided += 1
    reservation.slot_id = target.id
    reservation.position = target.decided
    reservation.status = ReservationStatus.CONFIRMED
    reservation.needs_reconfirm = False
    reservation.offer_expires_at = None
    _rewrite(wanted)
    # Above what either slot has counted, so that every calendar sees the newer entry.
    reservation.sequence += slot.sequence + 1
    seats.take(state, decisions, target, reservation, at)
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


def _rewrite(wanted: _Wanted) -> None:
    reservation = wanted.reservation
    reservation.seats, reservation.adults = wanted.wish.seats, wanted.wish.adults
    reservation.held = wanted.need
    reservation.audiences = list(wanted.wish.audiences)


def _tell(decisions: Decisions, asked: Change, wanted: _Wanted) -> None:
    reservation = wanted.reservation
    decisions.tell(wanted.target, wanted.at, facts.amended(wanted.target, reservation))
    decisions.audit.append(
        AuditEntry(
            action="reservation.amended",
            at=wanted.at,
            actor_id=asked.account_id,
            subject_id=reservation.id,
            detail={
                "slot": wanted.target.id,
                "position": reservation.position,
                "seats": reservation.seats,
                "adults": reservation.adults,
            },
        )
    )
