"""Calendar feeds: what a slot and a reservation say in one, who owns it, and its secret address."""

import base64
import datetime as dt
import hashlib
import hmac
from uuid import UUID

from msgspec import Struct

from openyard_calendars.entry import Entry
from openyard_platform.domain import words
from openyard_platform.domain.reservations import ReservationStatus
from openyard_platform.domain.slots import SlotStatus

# A uid outlives a change of address of the platform, so no host name stands in it.
SLOT_UID = ("slot-", "@openyard")
RESERVATION_UID = ("reservation-", "@openyard")

PAST_DAYS = 30
FUTURE_DAYS = 400
CANCELLED_DAYS = 14


class Place(Struct, frozen=True, kw_only=True):
    """Where it is."""

    venue: str
    space: str
    address: str = ""
    latitude: float | None = None
    longitude: float | None = None


class SlotView(Struct, frozen=True, kw_only=True):
    """A slot as feeds need it. ``revision``: of the row it was read from.

    ``space_ids``: its space and those that contain it. ``kept``: seats, by the audience that they
    are kept for.
    """

    id: UUID
    owner_id: UUID
    status: str
    kind: str
    title: str
    description: str | None
    programme: str | None
    starts_at: dt.datetime
    ends_at: dt.datetime
    capacity: int
    taken: int
    waiting: int
    exclusive: bool
    audiences: list[str] | None
    reason: str | None
    sequence: int
    revision: int
    updated_at: dt.datetime
    place: Place
    venue_key: str
    district_key: str
    space_ids: list[UUID]
    kept: dict[str, int] = {}


class ReservationView(Struct, frozen=True, kw_only=True):
    """A reservation as private feeds need it; nothing of it names a child.

    ``study_group_ids``: those it is for, none for a family.
    """

    id: UUID
    owner_id: UUID
    slot_id: UUID
    status: str
    seats: int
    adults: int
    needs_reconfirm: bool
    cancelled_by: str | None
    reason: str | None
    kind: str
    title: str
    description: str | None
    starts_at: dt.datetime
    ends_at: dt.datetime
    sequence: int
    revision: int
    updated_at: dt.datetime
    place: Place
    study_group_ids: list[UUID]


class Window(Struct, frozen=True, kw_only=True):
    """Which events a feed shows on one day; the same the whole day, so a body can be kept."""

    day: dt.date
    today: dt.datetime
    since: dt.datetime
    until: dt.datetime
    cancelled_since: dt.datetime


def window(now: dt.datetime) -> Window:
    today = words.local(now).replace(hour=0, minute=0, second=0, microsecond=0)
    return Window(
        day=today.date(),
        today=today,
        since=today - dt.timedelta(days=PAST_DAYS),
        until=today + dt.timedelta(days=FUTURE_DAYS),
        cancelled_since=today - dt.timedelta(days=CANCELLED_DAYS),
    )


def slot_uid(slot_id: UUID) -> str:
    return f"{SLOT_UID[0]}{slot_id}{SLOT_UID[1]}"


def reservation_uid(reservation_id: UUID) -> str:
    return f"{RESERVATION_UID[0]}{reservation_id}{RESERVATION_UID[1]}"


def slot_entry(slot: SlotView, base_url: str) -> Entry:
    """A slot in the public feed of its venue. It makes nobody busy who merely looks on."""
    return Entry(
        uid=slot_uid(slot.id),
        summary=slot.title,
        starts_at=slot.starts_at,
        ends_at=slot.ends_at,
        changed_at=slot.updated_at,
        sequence=slot.sequence,
        location=_location(slot.place),
        description="\n".join(_slot_lines(slot)),
        cancelled=slot.status == SlotStatus.WITHDRAWN,
        transparent=True,
        url=f"{base_url}/slots/{slot.id}",
        categories=(words.KINDS.get(slot.kind, slot.kind),),
        geo=_geo(slot.place),
    )


def staff_entry(slot: SlotView, base_url: str) -> Entry:
    """A slot in the feed of its venue's staff, who see at a glance how many come."""
    return Entry(
        uid=f"staff-{slot.id}@openyard",
        summary=f"{slot.title}（已约 {slot.taken}/{slot.capacity}）",
        starts_at=slot.starts_at,
        ends_at=slot.ends_at,
        changed_at=slot.updated_at,
        sequence=slot.sequence,
        location=_location(slot.place),
        description="\n".join(_slot_lines(slot)),
        cancelled=slot.status == SlotStatus.WITHDRAWN,
        transparent=True,
        private=True,
        url=f"{base_url}/slots/{slot.id}",
        categories=(words.KINDS.get(slot.kind, slot.kind),),
        geo=_geo(slot.place),
    )


def reservation_entry(reservation: ReservationView, base_url: str) -> Entry:
    """A reservation in its holder's feed.

    ``changed_at`` is the reservation's own: a stranger's booking of the same slot must not make
    the family's event look changed. ``sequence`` is the slot's plus the reservation's: either
    only rises, so their sum does.
    """
    return Entry(
        uid=reservation_uid(reservation.id),
        summary=reservation.title,
        starts_at=reservation.starts_at,
        ends_at=reservation.ends_at,
        changed_at=reservation.updated_at,
        sequence=reservation.sequence,
        location=_location(reservation.place),
        description="\n".join(_reservation_lines(reservation)),
        cancelled=reservation.status != ReservationStatus.CONFIRMED,
        private=True,
        url=f"{base_url}/my/reservations/{reservation.id}",
        categories=(words.KINDS.get(reservation.kind, reservation.kind),),
        geo=_geo(reservation.place),
    )


def token(secret_key: str, account_id: UUID, owner_id: UUID, generation: int) -> str:
    """The secret in a private feed's address: 256 bits that can be shown again, never guessed."""
    text = f"feed:{account_id}:{owner_id}:{generation}"
    digest = hmac.digest(secret_key.encode(), text.encode(), "sha256")
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def token_hash(text: str) -> bytes:
    """What is stored of a token."""
    return hashlib.sha256(text.encode()).digest()


def _slot_lines(slot: SlotView) -> list[str]:
    lines = []
    if slot.status == SlotStatus.WITHDRAWN:
        lines.append(f"场馆已取消：{slot.reason}" if slot.reason else "场馆已取消这一场。")
    else:
        lines.append(_seats(slot))
    lines.append(f"面向：{words.audience_list(slot.audiences)}")
    if slot.programme:
        lines.append(f"项目：{slot.programme}")
    if slot.description:
        lines.append(slot.description)
    return lines


def _seats(slot: SlotView) -> str:
    if slot.exclusive:
        seats = "整场预约，已约出" if slot.taken else f"整场预约，可容纳 {slot.capacity} 人"
    else:
        free, kept = slot.capacity - slot.taken, sum(slot.kept.values())
        seats = f"余位 {max(0, free - kept)} / {slot.capacity}"
        for audience, count in slot.kept.items():
            seats += f"，另为{words.AUDIENCES.get(audience, audience)}保留 {count}"
    return f"{seats}，候补 {slot.waiting} 组" if slot.waiting else seats


def _reservation_lines(reservation: ReservationView) -> list[str]:
    party = f"预约 {reservation.seats} 人"
    if reservation.adults:
        party += f"，随行成人 {reservation.adults} 人"
    lines = [party]
    if reservation.status == ReservationStatus.CANCELLED:
        who = "场馆取消了这一场" if reservation.cancelled_by == "venue" else "预约已取消"
        lines.append(f"{who}：{reservation.reason}" if reservation.reason else f"{who}。")
    elif reservation.status != ReservationStatus.CONFIRMED:
        lines.append("场馆减少了名额，您排在候补的前面。有空位会马上通知您。")
    elif reservation.needs_reconfirm:
        lines.append("场馆改动了时间或地点，如不合适可以取消。")
    if reservation.description:
        lines.append(reservation.description)
    return lines


def _location(place: Place) -> str:
    where = f"{place.venue} {place.space}".strip()
    return f"{where}（{place.address}）" if place.address else where


def _geo(place: Place) -> tuple[float, float] | None:
    if place.latitude is None or place.longitude is None:
        return None
    return (place.latitude, place.longitude)
