"""What is due on a slot at a time: seats released, offers over, a withdrawn slot emptied.

It is worked off before anything else is decided about the slot, so that no newcomer overtakes who
waits; on a slot that nobody asks for, when the platform's clock says so.
"""

import datetime as dt

from openyard_platform.domain import facts, requests, waitlist
from openyard_platform.domain.reservations import LIVE, Reservation, ReservationStatus
from openyard_platform.domain.slots import Slot, SlotStatus
from openyard_platform.domain.state import AuditEntry, Decisions, State


def work_off(state: State, decisions: Decisions, slot: Slot, at: dt.datetime) -> None:
    """Do what is due ``at``; what is left, and when, stands in the slot's ``due_at``."""
    if not slot.is_due(at) or slot.id not in state.lined_up:
        return
    slot.due_at = None
    if slot.status == SlotStatus.OPEN:
        _release(decisions, slot, at)
        waitlist.expire(state, decisions, slot, at)
        waitlist.hand_on(state, decisions, slot, at)
    else:
        end_reservations(state, decisions, slot, at)
    reckon(state, slot)
    decisions.keep_slot(slot)


def work_off_restated(state: State, decisions: Decisions, slot: Slot, at: dt.datetime) -> None:
    """What a slot calls for that its venue has just stated anew: all of it is loaded."""
    slot.make_due(at)
    work_off(state, decisions, slot, at)


def end_reservations(
    state: State, decisions: Decisions, slot: Slot, at: dt.datetime, *, all_at_once: bool = False
) -> None:
    """End what was reserved on a withdrawn slot, in order; the rest when the clock comes back."""
    living = _living(state, slot)
    ended = living if all_at_once else living[: waitlist.REACH]
    for reservation in ended:
        requests.give_back(state, decisions, slot, reservation, at, by="venue", reason=slot.reason)
    if len(ended) < len(living) or slot.id in state.cut_short:
        slot.make_due(at)


def reckon(state: State, slot: Slot) -> None:
    """Find when something is due next on a slot whose living reservations are loaded."""
    if slot.status != SlotStatus.OPEN:
        return
    moments = [one.releases_at for one in slot.allotments if not one.released]
    moments += [
        one.offer_expires_at
        for one in _living(state, slot)
        if one.status == ReservationStatus.OFFERED and one.offer_expires_at is not None
    ]
    if moments:
        slot.make_due(min(moments))


def _release(decisions: Decisions, slot: Slot, at: dt.datetime) -> None:
    for one in slot.allotments:
        if one.released or one.is_kept(at):
            continue
        one.released = True
        decisions.recounted_slots.add(slot.id)
        decisions.touch_slot(slot, at)
        decisions.tell(slot, at, facts.released(slot, one))
        decisions.audit.append(
            AuditEntry(
                action="slot.released",
                at=at,
                actor_id=None,
                subject_id=slot.id,
                detail={"audience": one.audience, "seats": one.left},
            )
        )


def _living(state: State, slot: Slot) -> list[Reservation]:
    on_slot = (state.reservations[known] for known in state.on_slot.get(slot.id, ()))
    return [one for one in on_slot if one.status in LIVE and one.slot_id == slot.id]
