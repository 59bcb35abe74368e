"""Links in mails that answer an offer without a log-in: what they say, and who can make them."""

import base64
import binascii
import datetime as dt
import hmac
from enum import StrEnum
from uuid import UUID

from msgspec import Struct

from openyard_platform.domain.reservations import ReservationStatus
from openyard_platform.domain.slots import SlotStatus

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)
# Bytes; 42 of them need no padding in base64, which mail programs would cut off a link.
_ID, _MOMENT, _MAC = 16, 8, 18


class OfferLink(Struct, frozen=True, kw_only=True):
    """One offer: a reservation, and until when its seats were held as the link was made."""

    reservation_id: UUID
    expires_at: dt.datetime


class Standing(StrEnum):
    """What has become of the offer that a link speaks of."""

    OPEN = "open"
    OVER = "over"
    TAKEN = "taken"
    DECLINED = "declined"
    CANCELLED = "cancelled"
    WITHDRAWN = "withdrawn"
    WAITING = "waiting"
    NEWER = "newer"


def token(secret_key: str, link: OfferLink) -> str:
    """The secret in the link: 144 bits that only we can make, of this offer and no later one."""
    head = link.reservation_id.bytes + _micros(link.expires_at).to_bytes(_MOMENT, "big")
    return base64.urlsafe_b64encode(head + _mac(secret_key, head)).decode()


def read(secret_key: str, text: str) -> OfferLink | None:
    """The offer that a token speaks of; None: it is none of ours."""
    try:
        raw = base64.b64decode(text.encode("ascii"), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        return None
    head, mac = raw[: _ID + _MOMENT], raw[_ID + _MOMENT :]
    if len(head) < _ID + _MOMENT or not hmac.compare_digest(mac, _mac(secret_key, head)):
        return None
    micros = int.from_bytes(head[_ID:], "big")
    return OfferLink(
        reservation_id=UUID(bytes=head[:_ID]), expires_at=_EPOCH + micros * _MICROSECOND
    )


def standing(
    link: OfferLink,
    *,
    status: str,
    expires_at: dt.datetime | None,
    slot_status: str,
    now: dt.datetime,
) -> Standing:
    """What can be said of the link's offer ``now``; only an open one can be answered.

    ``status`` and ``expires_at`` are the reservation's as they stand.
    """
    if slot_status != SlotStatus.OPEN:
        return Standing.WITHDRAWN
    if status == ReservationStatus.OFFERED:
        if expires_at is not None and expires_at <= now:
            # The platform's clock is about to say so.
            return Standing.OVER
        return Standing.OPEN if expires_at == link.expires_at else Standing.NEWER
    return {
        ReservationStatus.CONFIRMED.value: Standing.TAKEN,
        ReservationStatus.DECLINED.value: Standing.DECLINED,
        ReservationStatus.OFFER_EXPIRED.value: Standing.OVER,
        ReservationStatus.WAITLISTED.value: Standing.WAITING,
    }.get(status, Standing.CANCELLED)


def address(base_url: str, text: str, answer: str) -> str:
    """Where a link leads. ``answer``: ``accept`` or ``decline``, which its page proposes."""
    return f"{base_url}/offers/{text}?do={answer}"


def _micros(moment: dt.datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def _mac(secret_key: str, head: bytes) -> bytes:
    return hmac.digest(secret_key.encode(), b"offer:" + head, "sha256")[:_MAC]
