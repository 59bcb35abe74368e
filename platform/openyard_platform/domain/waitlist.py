"""Handing free seats on: the first waiting party that fits is confirmed, then the next."""

import datetime as dt

from openyard_platform.domain import facts, occupancy
from openyard_platform.domain.reservations import Refusal, Reservation, ReservationStatus
from openyard_platform.domain.slots import Slot, SlotStatus
from openyard_platform.domain.state import AuditEntry, Decisions, State


def hand_on(state: State, decisions: Decisions, slot: Slot, at: dt.datetime) -> None:
    """Confirm waiting parties in order of position while whole parties fit.

    Who stands before a confirmed party and was passed over gets the reason recorded.
    """
    if slot.waiting == 0 or slot.status != SlotStatus.OPEN:
        return
    if slot.starts_at is not None and at >= slot.starts_at:
        return
    passed: list[tuple[Reservation, Refusal]] = []
    for waiting_id in state.on_slot.get(slot.id, ()):
        if slot.free <= 0:
            break
        waiting = state.reservations[waiting_id]
        if waiting.status != ReservationStatus.WAITLISTED:
            continue
        obstacle = _obstacle(state, slot, waiting)
        if obstacle is not None:
            passed.append((waiting, obstacle))
            continue
        _promote(state, decisions, slot, waiting, at)
        for skipped, why in passed:
            skipped.skips.append(why | {"at": at, "for": waiting.id})
            decisions.touch_reservation(skipped, at)
        # The reason is told once for each hand-on, not once for each party that went past.
        passed.clear()


def _obstacle(state: State, slot: Slot, waiting: Reservation) -> Refusal | None:
    if waiting.held > slot.free:
        return {"code": "insufficient_capacity", "remaining": slot.free}
    other = state.party_conflict(waiting.party_nos, slot.span)
    if other is not None:
        return {"code": "overlaps_own_reservation", "reservation": other}
    return None


def _promote(
    state: State, decisions: Decisions, slot: Slot, waiting: Reservation, at: dt.datetime
) -> None:
    waiting.status = ReservationStatus.CONFIRMED
    waiting.sequence += 1
    slot.taken += waiting.held
    slot.waiting -= 1
    decisions.touch_slot(slot, at)
    decisions.touch_reservation(waiting, at)
    occupancy.free_party(state, decisions, waiting)
    occupancy.take_party(state, decisions, waiting, slot.span)
    decisions.tell(slot, at, facts.promoted(slot, waiting))
    decisions.audit.append(
        AuditEntry(
            action="reservation.promoted",
            at=at,
            actor_id=None,
            subject_id=waiting.id,
            detail={"slot": slot.id, "position": waiting.position},
        )
    )
