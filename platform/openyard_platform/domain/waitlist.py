"""Handing free seats on: the first waiting party that fits is offered them, then the next.

The published rule: in order of position; a party is offered seats only when all of it fits. Who is
passed over, and why, is recorded. A party that was passed over three times because it is large is
passed over no more: what comes free is kept until it suffices. Seats that were offered are held
until the offer is answered or its time is over.
"""

import datetime as dt
from uuid import UUID

import msgspec

from openyard_events.commands import AcceptOffer, DeclineOffer, Outcome
from openyard_platform.domain import allotments, facts, occupancy, outcomes, seats
from openyard_platform.domain.reservations import LIVE, Refusal, Reservation, ReservationStatus
from openyard_platform.domain.slots import Slot, SlotStatus
from openyard_platform.domain.state import AuditEntry, Decisions, State

# How much of a line is looked at, and worked off, in one go.
REACH = 250
PATIENCE = 3  # times a party is passed over for its size

_TOO_LARGE = "insufficient_capacity"


def hand_on(state: State, decisions: Decisions, slot: Slot, at: dt.datetime) -> None:
    """Offer what is free to waiting parties in order of position, whole parties only."""
    if not _can_hand_on(slot, at):
        return
    if slot.id not in state.lined_up:
        # Who waits is not here to be looked at: the platform's clock comes back to it.
        slot.make_due(at)
        decisions.keep_slot(slot)
        return
    line = [state.reservations[known] for known in state.on_slot.get(slot.id, ())]
    passed: list[tuple[Reservation, Refusal]] = []
    saved_for: set[str | None] = set()  # allotments whose seats are saved up; None: all others
    offered = 0
    for waiting in line:
        if slot.free <= 0:
            break
        if waiting.status != ReservationStatus.WAITLISTED:
            continue
        obstacle = _obstacle(state, slot, waiting, saved_for, at)
        if obstacle is None:
            _offer(state, decisions, slot, waiting, at)
            offered += 1
            _pass_over(decisions, passed, waiting, at)
            continue
        passed.append((waiting, obstacle))
        if _is_next(slot, waiting, at):
            saved_for |= {None, waiting.allotment}
    # The rest of a line that was cut short has its turn where anybody of this part was served, or
    # where nobody of it waits any more.
    if slot.id in state.cut_short and slot.free > 0 and (offered or not passed):
        slot.make_due(at)


def _can_hand_on(slot: Slot, at: dt.datetime) -> bool:
    if slot.waiting == 0 or slot.status != SlotStatus.OPEN or slot.free <= 0:
        return False
    return slot.closing is None or at < slot.closing


def _pass_over(
    decisions: Decisions,
    passed: list[tuple[Reservation, Refusal]],
    served: Reservation,
    at: dt.datetime,
) -> None:
    """Record why parties before ``served`` were not, once in each hand-on.

    Whoever was served from seats kept for its audience went past those of the same audience only.
    """
    from_kept = served.held == served.allotted
    rivals = [one for one in passed if not from_kept or one[0].allotment == served.allotment]
    for skipped, why in rivals:
        skipped.skips.append(why | {"at": at, "for": served.id})
        decisions.touch_reservation(skipped, at)
    passed[:] = [one for one in passed if one not in rivals]


def accept(state: State, decisions: Decisions, asked: AcceptOffer, at: dt.datetime) -> Outcome:
    """Take the seats that are held, or say yes to what the venue has moved."""
    reservation = state.reservations.get(asked.reservation_id)
    if reservation is None or reservation.holder_id != asked.holder_id:
        return outcomes.unknown(asked.id)
    slot = state.slots[reservation.slot_id]
    is_offer = reservation.status == ReservationStatus.OFFERED
    if reservation.status == ReservationStatus.CONFIRMED and not reservation.needs_reconfirm:
        # A second tap changes nothing and is no error.
        return outcomes.of(asked.id, reservation)
    if not is_offer and reservation.status != ReservationStatus.CONFIRMED:
        return outcomes.refused(asked.id, reservation, at, [{"code": _why_not(reservation)}])
    if slot.status != SlotStatus.OPEN:
        return outcomes.refused(asked.id, reservation, at, [{"code": "slot_cancelled"}])
    other = state.party_conflict(reservation.party_nos, slot.span, but=reservation.id)
    if other is not None:
        clash: Refusal = {"code": "overlaps_own_reservation", "reservation": other}
        return outcomes.refused(asked.id, reservation, at, [clash])
    if reservation.needs_reconfirm:
        occupancy.free_party(state, decisions, reservation)
        occupancy.take_party(state, decisions, reservation, slot.span)
    reservation.status = ReservationStatus.CONFIRMED
    reservation.needs_reconfirm = False
    reservation.offer_expires_at = None
    reservation.sequence += 1
    decisions.touch_reservation(reservation, at)
    decisions.touch_slot(slot, at)
    told = facts.promoted if is_offer else facts.changed
    decisions.tell(slot, at, told(slot, reservation))
    action = "reservation.promoted" if is_offer else "reservation.reconfirmed"
    _audit(decisions, action, slot, reservation, at, asked.account_id)
    return outcomes.of(asked.id, reservation)


def decline(state: State, decisions: Decisions, asked: DeclineOffer, at: dt.datetime) -> Outcome:
    """Let the seats go that are held; they go to the next in line."""
    reservation = state.reservations.get(asked.reservation_id)
    if reservation is None or reservation.holder_id != asked.holder_id:
        return outcomes.unknown(asked.id)
    if reservation.status == ReservationStatus.DECLINED:
        return outcomes.of(asked.id, reservation)
    if reservation.status != ReservationStatus.OFFERED:
        return outcomes.refused(asked.id, reservation, at, [{"code": _why_not(reservation)}])
    slot = state.slots[reservation.slot_id]
    _let_go(state, decisions, slot, reservation, at, ReservationStatus.DECLINED)
    decisions.tell(slot, at, facts.declined(slot, reservation))
    _audit(decisions, "reservation.declined", slot, reservation, at, asked.account_id)
    hand_on(state, decisions, slot, at)
    return outcomes.of(asked.id, reservation)


def expire(state: State, decisions: Decisions, slot: Slot, at: dt.datetime) -> int:
    """End the offers of a slot whose time is over; how many. Their seats are not handed on here."""
    ended = 0
    for known in tuple(state.on_slot.get(slot.id, ())):
        reservation = state.reservations[known]
        until = reservation.offer_expires_at
        if reservation.status != ReservationStatus.OFFERED or until is None or until > at:
            continue
        _let_go(state, decisions, slot, reservation, at, ReservationStatus.OFFER_EXPIRED)
        decisions.tell(slot, at, facts.offer_expired(slot, reservation))
        _audit(decisions, "reservation.offer_expired", slot, reservation, at, None)
        ended += 1
    return ended


def shorten(decisions: Decisions, slot: Slot, offered: Reservation, at: dt.datetime) -> None:
    """No offer lasts past a closing that its venue has just stated earlier.

    Its holder is told of the new end, and answers by new links. One that is over by now is ended
    like any other, see ``expire``.
    """
    closing, until = slot.closing, offered.offer_expires_at
    if until is None or closing is None or closing >= until:
        return
    offered.offer_expires_at = closing
    if closing > at:
        decisions.touch_reservation(offered, at)
        decisions.tell(slot, at, facts.offered(slot, offered, closing))


def _obstacle(
    state: State,
    slot: Slot,
    waiting: Reservation,
    saved_for: set[str | None],
    at: dt.datetime,
) -> Refusal | None:
    share = seats.share_of(slot, waiting.audiences, at)
    of_own, of_open = share.split(waiting.held)
    left_open = 0 if None in saved_for else share.open
    left_own = 0 if share.own is not None and share.own.audience in saved_for else share.of_own
    if of_open > left_open or of_own > left_own:
        return {"code": _TOO_LARGE, "remaining": left_own + left_open}
    other = state.party_conflict(waiting.party_nos, slot.span)
    if other is not None:
        return {"code": "overlaps_own_reservation", "reservation": other}
    refusals = seats.cap_refusal(state, slot, share, waiting.holder_id, waiting.held)
    refusals += seats.space_refusal(state, slot, waiting.held)
    return refusals[0] if refusals else None


def _is_next(slot: Slot, waiting: Reservation, at: dt.datetime) -> bool:
    """Whether seats are saved up for this party: it was passed over for its size often enough.

    Not while so much is kept for others that it could not fit an empty slot.
    """
    passed = sum(skip["code"] == _TOO_LARGE for skip in waiting.skips)
    if passed < PATIENCE:
        return False
    empty = allotments.share(
        [msgspec.structs.replace(one, used=0) for one in slot.allotments],
        slot.capacity,
        waiting.audiences,
        at,
    )
    return waiting.held <= empty.seats


def _offer(
    state: State, decisions: Decisions, slot: Slot, waiting: Reservation, at: dt.datetime
) -> None:
    until = slot.offer_until(at)
    seats.leave_line(decisions, slot, waiting)
    waiting.status = ReservationStatus.OFFERED
    waiting.offered_at = at
    waiting.offer_expires_at = until
    slot.make_due(until)
    decisions.touch_slot(slot, at)
    decisions.touch_reservation(waiting, at)
    seats.take(state, decisions, slot, waiting, at)
    occupancy.free_party(state, decisions, waiting)
    occupancy.take_party(state, decisions, waiting, slot.span)
    decisions.tell(slot, at, facts.offered(slot, waiting, until))
    _audit(decisions, "reservation.offered", slot, waiting, at, None)


def _let_go(  # noqa: PLR0913 - who ends it, when and how
    state: State,
    decisions: Decisions,
    slot: Slot,
    reservation: Reservation,
    at: dt.datetime,
    status: ReservationStatus,
) -> None:
    seats.give(state, decisions, slot, reservation, at)
    occupancy.free_party(state, decisions, reservation)
    reservation.status = status
    reservation.offer_expires_at = None
    decisions.touch_reservation(reservation, at)
    decisions.touch_slot(slot, at)


def _why_not(reservation: Reservation) -> str:
    if reservation.status == ReservationStatus.OFFER_EXPIRED:
        return "offer_expired"
    return "not_offered" if reservation.status in LIVE else "reservation_ended"


def _audit(  # noqa: PLR0913 - an entry is made of all of it
    decisions: Decisions,
    action: str,
    slot: Slot,
    reservation: Reservation,
    at: dt.datetime,
    actor: UUID | None,
) -> None:
    decisions.audit.append(
        AuditEntry(
            action=action,
            at=at,
            actor_id=actor,
            subject_id=reservation.id,
            detail={"slot": slot.id, "position": reservation.position},
        )
    )
