"""Invitations by mail: who gets them, and with which messages they go."""

from enum import StrEnum

from msgspec import Struct

from openyard_platform.domain.notifications import ENDED, Kind
from openyard_platform.domain.reservations import ReservationStatus


class CalendarDelivery(StrEnum):
    """How an account's reservations come into its calendar: one of the two, or they come twice."""

    FEED = "feed"
    INVITATIONS = "invitations"


class Standing(Struct, frozen=True, kw_only=True):
    """``chosen``: the account wants invitations now.

    ``invited``: one to this reservation has left, or may have: it can be in a calendar.
    """

    chosen: bool
    invited: bool


_KEEPING = frozenset({Kind.CONFIRMED, Kind.PROMOTED, Kind.AMENDED, Kind.SLOT_CHANGED})
_ENDING = ENDED | {Kind.DISPLACED}


def may_go_with(kind: str) -> bool:
    """Whether a message of this kind can carry an invitation at all; of an unknown one, no."""
    return kind in _KEEPING | _ENDING


def goes_with(kind: str, status: str, standing: Standing) -> bool:
    """Whether it carries one, as the reservation stands when it is sent.

    Of what has ended since, nobody is invited any more: the message that says so takes it out of
    the calendar. What was put into one is kept right there, whatever was chosen since; what was
    not is not taken out.
    """
    if kind in _KEEPING:
        wanted = standing.chosen or standing.invited
        return wanted and status == ReservationStatus.CONFIRMED
    return kind in _ENDING and status != ReservationStatus.CONFIRMED and standing.invited
