"""Seats of a slot as they are taken and given back: its counters, its allotments, its space."""

import datetime as dt
from uuid import UUID

from openyard_platform.domain import allotments, occupancy
from openyard_platform.domain.allotments import Allotment, Share
from openyard_platform.domain.reservations import Refusal, Reservation
from openyard_platform.domain.slots import Slot
from openyard_platform.domain.state import Decisions, State


def share_of(
    slot: Slot,
    audiences: list[str] | tuple[str, ...],
    at: dt.datetime,
    *,
    back: Reservation | None = None,
) -> Share:
    """What is free for a party of these audiences; ``back``: as if this one had given its back."""
    if back is None:
        return allotments.share(slot.allotments, slot.free, audiences, at)
    charged = _named(slot, back.allotment)
    if charged is not None:
        charged.used -= back.allotted
    share = allotments.share(slot.allotments, slot.free + back.held, audiences, at)
    if charged is not None:
        charged.used += back.allotted
    return share


def take(
    state: State, decisions: Decisions, slot: Slot, reservation: Reservation, at: dt.datetime
) -> None:
    """The reservation holds its seats from now on. That they are there was looked at before."""
    recount(slot, reservation, at)
    if reservation.allotment is not None:
        decisions.recounted_slots.add(slot.id)
    key = (slot.id, reservation.holder_id)
    state.held[key] = state.held.get(key, 0) + reservation.held
    _claim_space(state, decisions, slot)


def recount(slot: Slot, reservation: Reservation, at: dt.datetime) -> None:
    """Count the seats of a reservation, as many as can be among those kept for it."""
    share = share_of(slot, reservation.audiences, at)
    of_own, _ = share.split(reservation.held)
    slot.taken += reservation.held
    reservation.allotment, reservation.allotted = None, 0
    if share.own is not None:
        share.own.used += of_own
        reservation.allotment, reservation.allotted = share.own.audience, of_own


def give(
    state: State, decisions: Decisions, slot: Slot, reservation: Reservation, at: dt.datetime
) -> None:
    """The reservation's seats are free again."""
    slot.taken -= reservation.held
    charged = _named(slot, reservation.allotment)
    if charged is not None:
        charged.used -= reservation.allotted
        decisions.recounted_slots.add(slot.id)
    reservation.allotment, reservation.allotted = None, 0
    key = (slot.id, reservation.holder_id)
    state.held[key] = state.held.get(key, 0) - reservation.held
    if slot.claims_on_booking:
        if slot.taken:
            _claim_space(state, decisions, slot)
        else:
            occupancy.free_space(state, decisions, slot)
        occupancy.wake(state, decisions, slot, at)


def join_line(decisions: Decisions, slot: Slot, reservation: Reservation, at: dt.datetime) -> None:
    """Count a party that waits, also among those that wait for its allotment."""
    slot.waiting += 1
    own = allotments.kept_for(slot.allotments, reservation.audiences, at)
    reservation.allotment, reservation.allotted = None, 0
    if own is not None:
        reservation.allotment = own.audience
        own.waiting += 1
        decisions.recounted_slots.add(slot.id)


def leave_line(decisions: Decisions, slot: Slot, reservation: Reservation) -> None:
    slot.waiting -= 1
    own = _named(slot, reservation.allotment)
    reservation.allotment = None
    if own is not None:
        own.waiting -= 1
        decisions.recounted_slots.add(slot.id)


def space_refusal(
    state: State, slot: Slot, more: int, *, without: UUID | None = None
) -> list[Refusal]:
    """What the space says against ``more`` seats on a slot that claims it on booking."""
    if not slot.claims_on_booking or more <= 0:
        return []
    space = state.space_of(slot)
    if space is None:
        return []
    taken = slot.taken + more
    if occupancy.space_obstacle(state, slot, space, taken, without=without) is None:
        return []
    return [{"code": "venue_capacity_conflict"}]


def cap_refusal(
    state: State, slot: Slot, share: Share, holder_id: UUID, more: int
) -> list[Refusal]:
    """Whether a school would have more than its cap while the allotment is kept."""
    own = share.own
    if own is None or own.per_school is None:
        return []
    if state.held.get((slot.id, holder_id), 0) + more <= own.per_school:
        return []
    return [
        {
            "code": "quota_reached",
            "limit": own.per_school,
            "period": "slot",
            "resets_at": own.releases_at,
        }
    ]


def _claim_space(state: State, decisions: Decisions, slot: Slot) -> None:
    """With its first party a slot that claims on booking takes its space; a share grows."""
    if not slot.claims_on_booking:
        return
    space = state.space_of(slot)
    if space is None:
        return
    # Taken anew as a whole: rows that stand are replaced, those of exclusive leaves are the same.
    occupancy.free_space(state, decisions, slot)
    occupancy.take_space(state, decisions, slot, space)


def _named(slot: Slot, audience: str | None) -> Allotment | None:
    if audience is None:
        return None
    return next((one for one in slot.allotments if one.audience == audience), None)
