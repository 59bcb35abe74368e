"""The rules a request must pass. Each has its own refusal code; all that apply are told."""

import datetime as dt

from openyard_events.commands import Reserve
from openyard_events.contracts import Audience, SlotKind
from openyard_platform.domain import ages, allotments
from openyard_platform.domain.allotments import Share
from openyard_platform.domain.reservations import Refusal
from openyard_platform.domain.slots import Slot, SlotStatus


def of_slot(slot: Slot, asked: Reserve, now: dt.datetime) -> list[Refusal]:
    """What the slot itself says against a request made ``now``; empty: nothing.

    Seats and the party's own time are not looked at here: they depend on others.
    """
    return [
        *of_window(slot, now),
        *_of_audience(slot, asked),
        *of_party(slot, asked.seats, asked.adults),
        *ages.of_people(slot, asked),
    ]


def of_seats(slot: Slot, asked: Reserve, share: Share, now: dt.datetime) -> list[Refusal]:
    """What the number of seats says against confirming the request at once.

    While anyone waits, newcomers queue behind, whatever is free; but who needs only seats kept
    for them does not wait behind those for whom they are not kept.
    """
    need = slot.held_by(asked.seats, asked.adults)
    if asked.seats > slot.capacity or need > slot.capacity:
        return [{"code": "insufficient_capacity", "remaining": share.seats}]
    _, of_open = share.split(need)
    if of_open <= share.open and _nobody_before(slot, share, of_open):
        return []
    remaining = share.seats if slot.waiting == 0 else 0
    kept: list[Refusal] = []
    if need <= slot.free:
        # The seats are there, and kept for others.
        kept = [
            {
                "code": "allotment_reserved",
                "audience": one.audience,
                "releases_at": one.releases_at,
            }
            for one in allotments.kept_from(slot.allotments, asked.audiences, now)
        ]
    if remaining:
        return [{"code": "insufficient_capacity", "remaining": remaining}, *kept]
    return [{"code": "slot_full"}, *kept] if slot.waiting or not kept else kept


def _nobody_before(slot: Slot, share: Share, of_open: int) -> bool:
    if slot.waiting == 0:
        return True
    return of_open == 0 and share.own is not None and share.own.waiting == 0


def may_wait(slot: Slot, asked: Reserve) -> bool:
    """Whether waiting can ever help: the party fits an empty slot, and wants to wait."""
    return (
        asked.waitlist
        and asked.seats <= slot.capacity
        and slot.held_by(asked.seats, asked.adults) <= slot.capacity
    )


def of_cancelling(slot: Slot, now: dt.datetime) -> Refusal | None:
    """What the slot says against giving confirmed seats back ``now``."""
    if slot.starts_at is None:
        return None
    if now >= slot.starts_at:
        return {"code": "slot_started"}
    if slot.cancel_until_hours is not None:
        until = slot.starts_at - dt.timedelta(hours=slot.cancel_until_hours)
        if now > until:
            return {"code": "cancellation_closed", "until": until}
    return None


def of_window(slot: Slot, now: dt.datetime) -> list[Refusal]:
    """Whether seats are given out ``now``."""
    if slot.status == SlotStatus.WITHDRAWN:
        return [{"code": "slot_cancelled"}]
    if slot.kind == SlotKind.BUSY:
        return [{"code": "not_bookable"}]
    if slot.starts_at is not None and now >= slot.starts_at:
        return [{"code": "slot_started"}]
    closing = slot.closing
    if closing is not None and now >= closing:
        return [{"code": "booking_closed", "closes_at": closing}]
    if slot.opens_at is not None and now < slot.opens_at:
        return [{"code": "not_yet_open", "opens_at": slot.opens_at}]
    return []


def _of_audience(slot: Slot, asked: Reserve) -> list[Refusal]:
    allowed = slot.audiences
    if slot.kind == SlotKind.SHIFT and Audience.VOLUNTEER not in asked.audiences:
        # A shift is work, not a visit: who is no volunteer cannot sign up, whatever is stated.
        return [{"code": "audience_not_allowed", "audiences": [Audience.VOLUNTEER.value]}]
    if allowed is not None and not any(audience in allowed for audience in asked.audiences):
        return [{"code": "audience_not_allowed", "audiences": allowed}]
    return []


def of_party(slot: Slot, seats: int, adults: int) -> list[Refusal]:
    """Whether a party of this size may come, with so many adults."""
    refusals: list[Refusal] = []
    if slot.party_min is not None and seats < slot.party_min:
        refusals.append({"code": "party_too_small", "min": slot.party_min})
    if slot.party_max is not None and seats > slot.party_max:
        refusals.append({"code": "party_too_large", "max": slot.party_max})
    if slot.chaperones_per is not None:
        required = -(-seats // slot.chaperones_per)
        if adults < required:
            refusals.append({"code": "chaperones_missing", "required": required})
    return refusals
