"""Answers to commands that are about a reservation."""

import datetime as dt
from uuid import UUID

from openyard_events.commands import Outcome
from openyard_platform.domain.reservations import Refusal, Reservation, ReservationStatus


def of(command_id: UUID, reservation: Reservation, place: int | None = None) -> Outcome:
    """The answer that speaks of a reservation as it stands."""
    return Outcome(
        id=command_id,
        status=reservation.status,
        reservation_id=reservation.id,
        slot_id=reservation.slot_id,
        position=reservation.position,
        waitlist_place=place,
        refusals=reservation.refusals,
        decided_at=reservation.updated_at,
    )


def refused(
    command_id: UUID, reservation: Reservation, at: dt.datetime, refusals: list[Refusal]
) -> Outcome:
    """The answer that says why a reservation stands as it was."""
    return Outcome(
        id=command_id,
        status=ReservationStatus.REFUSED,
        reservation_id=reservation.id,
        position=reservation.position,
        refusals=refusals,
        decided_at=at,
    )


def unknown(command_id: UUID, code: str = "reservation_unknown") -> Outcome:
    """There is no such thing, or it is somebody else's."""
    return Outcome(id=command_id, status="failed", refusals=[{"code": code}])
