"""What a party asks: seats on a slot, and to give them back."""

import datetime as dt
from typing import Literal
from uuid import UUID

from openyard_events.commands import Cancel, Outcome, Reserve
from openyard_platform.domain import facts, occupancy, outcomes, rules, seats, waitlist
from openyard_platform.domain.reservations import (
    HOLDING,
    LIVE,
    Refusal,
    Reservation,
    ReservationStatus,
)
from openyard_platform.domain.slots import Slot
from openyard_platform.domain.state import Alias, AuditEntry, Decisions, KeyUse, State

KEY_REUSED = "idempotency_key_reused"


def reserve(state: State, decisions: Decisions, asked: Reserve, at: dt.datetime) -> Outcome:
    """Confirm, waitlist or refuse; a repeated id or Idempotency-Key has the first outcome."""
    known = state.reservations.get(asked.id)
    if known is not None:
        return outcomes.of(asked.id, known)
    if asked.key is not None:
        use = state.keys.get((asked.account_id, asked.key))
        if use is not None:
            return _repeated(state, decisions, asked, use, at)
    slot = state.slots.get(asked.slot_id)
    if slot is None:
        return outcomes.unknown(asked.id, "slot_unknown")
    return _decide(state, decisions, asked, slot, at)


def cancel(state: State, decisions: Decisions, asked: Cancel, at: dt.datetime) -> Outcome:
    """Give a reservation back; the seats go to the first waiting party that fits."""
    reservation = state.reservations.get(asked.reservation_id)
    if reservation is None or reservation.holder_id != asked.holder_id:
        return outcomes.unknown(asked.id)
    if reservation.status not in LIVE:
        # Cancelling twice is what a second tap does; it changes nothing and is no error.
        return outcomes.of(asked.id, reservation)
    slot = state.slots[reservation.slot_id]
    if reservation.status == ReservationStatus.CONFIRMED and not reservation.needs_reconfirm:
        refusal = rules.of_cancelling(slot, at)
        if refusal is not None:
            return outcomes.refused(asked.id, reservation, at, [refusal])
    give_back(state, decisions, slot, reservation, at, by="holder", actor=asked.account_id)
    waitlist.hand_on(state, decisions, slot, at)
    return outcomes.of(asked.id, reservation)


def give_back(  # noqa: PLR0913 - who ends it, why and when are all part of the fact
    state: State,
    decisions: Decisions,
    slot: Slot,
    reservation: Reservation,
    at: dt.datetime,
    *,
    by: Literal["holder", "venue"],
    actor: UUID | None = None,
    reason: str | None = None,
) -> None:
    """End a live reservation and free what it held; seats are not handed on here."""
    if reservation.status in HOLDING:
        seats.give(state, decisions, slot, reservation, at)
    else:
        seats.leave_line(decisions, slot, reservation)
    occupancy.free_party(state, decisions, reservation)
    reservation.status = ReservationStatus.CANCELLED
    reservation.cancelled_by = by
    reservation.reason = reason
    reservation.offer_expires_at = None
    reservation.sequence += 1
    decisions.touch_reservation(reservation, at)
    decisions.touch_slot(slot, at)
    decisions.tell(slot, at, facts.cancelled(slot, reservation, by))
    _audit(decisions, "reservation.cancelled", reservation, at, actor, {"by": by})


def _repeated(
    state: State, decisions: Decisions, asked: Reserve, use: KeyUse, at: dt.datetime
) -> Outcome:
    first = state.reservations.get(use.reservation_id)
    same = use.fingerprint == asked.fingerprint and first is not None
    decisions.aliases.append(
        Alias(
            id=asked.id,
            account_id=asked.account_id,
            reservation_id=use.reservation_id if same else None,
        )
    )
    if same and first is not None:
        return outcomes.of(asked.id, first)
    return Outcome(
        id=asked.id,
        status=ReservationStatus.REFUSED,
        refusals=[{"code": KEY_REUSED}],
        decided_at=at,
    )


def _decide(
    state: State, decisions: Decisions, asked: Reserve, slot: Slot, at: dt.datetime
) -> Outcome:
    nos = sorted(state.party_nos[ref] for ref in asked.parties)
    need = slot.held_by(asked.seats, asked.adults)
    share = seats.share_of(slot, asked.audiences, at)
    refusals = rules.of_slot(slot, asked, at)
    refusals += _of_party(state, slot, nos)
    if share.own is not None:
        refusals += seats.cap_refusal(state, slot, share, asked.holder_id, need)
    if slot.claims_on_booking:
        refusals += seats.space_refusal(state, slot, need)
    scarce = rules.of_seats(slot, asked, share, at)
    if refusals:
        # Every code that applies is told; a full slot that one could wait for is no refusal.
        if not rules.may_wait(slot, asked):
            refusals += scarce
        status = ReservationStatus.REFUSED
    elif not scarce:
        status = ReservationStatus.CONFIRMED
    elif rules.may_wait(slot, asked):
        status = ReservationStatus.WAITLISTED
    else:
        refusals = scarce
        status = ReservationStatus.REFUSED
    return _record(state, decisions, asked, slot, at, nos, status, refusals)


def _of_party(state: State, slot: Slot, nos: list[int]) -> list[Refusal]:
    for no in nos:
        same = state.live.get((slot.id, no))
        if same is not None:
            return [{"code": "already_reserved", "reservation": same}]
    other = state.party_conflict(nos, slot.span)
    if other is not None:
        return [{"code": "overlaps_own_reservation", "reservation": other}]
    return []


def _record(  # noqa: PLR0913 - one row is made of all of it
    state: State,
    decisions: Decisions,
    asked: Reserve,
    slot: Slot,
    at: dt.datetime,
    nos: list[int],
    status: ReservationStatus,
    refusals: list[Refusal],
) -> Outcome:
    slot.decided += 1
    reservation = Reservation(
        id=asked.id,
        slot_id=slot.id,
        account_id=asked.account_id,
        holder_id=asked.holder_id,
        party_nos=nos,
        seats=asked.seats,
        adults=asked.adults,
        held=slot.held_by(asked.seats, asked.adults),
        status=status.value,
        position=slot.decided,
        refusals=refusals,
        note=asked.note,
        audiences=list(asked.audiences),
        created_at=at,
        updated_at=at,
    )
    state.reservations[asked.id] = reservation
    decisions.new_reservations[asked.id] = reservation
    if asked.key is not None:
        use = KeyUse(
            account_id=asked.account_id,
            key=asked.key,
            fingerprint=asked.fingerprint,
            reservation_id=asked.id,
        )
        state.keys[asked.account_id, asked.key] = use
        decisions.keys.append(use)
    place = None
    if status is ReservationStatus.CONFIRMED:
        seats.take(state, decisions, slot, reservation, at)
        occupancy.take_party(state, decisions, reservation, slot.span)
    elif status is ReservationStatus.WAITLISTED:
        seats.join_line(decisions, slot, reservation, at)
        place = slot.waiting
        occupancy.claim_party(state, decisions, reservation)
    if status is not ReservationStatus.REFUSED:
        state.on_slot.setdefault(slot.id, []).append(asked.id)
    decisions.touch_slot(slot, at)
    _tell(decisions, slot, reservation, at)
    detail: dict[str, object] = {"slot": slot.id, "position": reservation.position}
    if refusals:
        detail["refusals"] = refusals
    _audit(decisions, f"reservation.{status.value}", reservation, at, asked.account_id, detail)
    return outcomes.of(asked.id, reservation, place)


def _tell(decisions: Decisions, slot: Slot, reservation: Reservation, at: dt.datetime) -> None:
    if reservation.status == ReservationStatus.CONFIRMED:
        decisions.tell(slot, at, facts.confirmed(slot, reservation))
    elif reservation.status == ReservationStatus.WAITLISTED:
        decisions.tell(slot, at, facts.waitlisted(slot, reservation))
    else:
        decisions.tell(slot, at, facts.refused(slot, reservation))


def _audit(  # noqa: PLR0913 - an entry is made of all of it
    decisions: Decisions,
    action: str,
    reservation: Reservation,
    at: dt.datetime,
    actor: UUID | None,
    detail: dict[str, object],
) -> None:
    decisions.audit.append(
        AuditEntry(action=action, at=at, actor_id=actor, subject_id=reservation.id, detail=detail)
    )
