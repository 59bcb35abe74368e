"""Facts about slots and reservations, filled in from the working copies."""

import datetime as dt
from typing import Any, Literal

from openyard_events import contracts
from openyard_platform.domain.allotments import Allotment
from openyard_platform.domain.reservations import Reservation
from openyard_platform.domain.slots import Slot


def _slot(slot: Slot) -> dict[str, Any]:
    return {
        "venue_key": slot.venue_key,
        "slot_id": slot.id,
        "slot_revision": slot.revision,
        "capacity": slot.capacity,
        "taken": slot.taken,
        "waiting": slot.waiting,
    }


def _both(slot: Slot, reservation: Reservation) -> dict[str, Any]:
    return _slot(slot) | {
        "reservation_id": reservation.id,
        "account_id": reservation.account_id,
        "holder_id": reservation.holder_id,
        "seats": reservation.seats,
        "position": reservation.position,
    }


def opened(slot: Slot) -> contracts.SlotOpened:
    return contracts.SlotOpened(**_slot(slot))


def updated(slot: Slot, *, moved: bool) -> contracts.SlotUpdated:
    return contracts.SlotUpdated(**_slot(slot), moved=moved)


def closed(slot: Slot) -> contracts.SlotClosed:
    return contracts.SlotClosed(**_slot(slot), reason=slot.reason)


def confirmed(slot: Slot, reservation: Reservation) -> contracts.ReservationConfirmed:
    return contracts.ReservationConfirmed(**_both(slot, reservation))


def waitlisted(slot: Slot, reservation: Reservation) -> contracts.ReservationWaitlisted:
    return contracts.ReservationWaitlisted(**_both(slot, reservation))


def released(slot: Slot, allotment: Allotment) -> contracts.SlotReleased:
    return contracts.SlotReleased(**_slot(slot), audience=allotment.audience, seats=allotment.left)


def offered(
    slot: Slot, reservation: Reservation, expires_at: dt.datetime
) -> contracts.ReservationOffered:
    return contracts.ReservationOffered(**_both(slot, reservation), expires_at=expires_at)


def declined(slot: Slot, reservation: Reservation) -> contracts.ReservationDeclined:
    return contracts.ReservationDeclined(**_both(slot, reservation))


def offer_expired(slot: Slot, reservation: Reservation) -> contracts.ReservationOfferExpired:
    return contracts.ReservationOfferExpired(**_both(slot, reservation))


def displaced(slot: Slot, reservation: Reservation) -> contracts.ReservationDisplaced:
    return contracts.ReservationDisplaced(**_both(slot, reservation))


def promoted(slot: Slot, reservation: Reservation) -> contracts.ReservationPromoted:
    return contracts.ReservationPromoted(**_both(slot, reservation))


def refused(slot: Slot, reservation: Reservation) -> contracts.ReservationRefused:
    codes = [refusal["code"] for refusal in reservation.refusals]
    return contracts.ReservationRefused(
        **_both(slot, reservation), codes=codes, refusals=reservation.refusals
    )


def cancelled(
    slot: Slot, reservation: Reservation, by: Literal["holder", "venue"]
) -> contracts.ReservationCancelled:
    return contracts.ReservationCancelled(
        **_both(slot, reservation), by=by, reason=reservation.reason
    )


def changed(slot: Slot, reservation: Reservation) -> contracts.ReservationChanged:
    return contracts.ReservationChanged(
        **_both(slot, reservation), needs_reconfirm=reservation.needs_reconfirm
    )


def amended(slot: Slot, reservation: Reservation) -> contracts.ReservationAmended:
    return contracts.ReservationAmended(**_both(slot, reservation))
