"""Slots and reservations as the decider works on them: their columns, and rows made into them."""

from typing import Any

from openyard_platform.domain.reservations import Reservation
from openyard_platform.domain.slots import Slot

SLOT = """s.id, s.venue_id, o.key AS venue_key, o.district_key AS district, s.external_id,
    s.version, s.status, s.space_id, s.kind, s.title, s.description, s.programme, s.series,
    s.starts_at, s.ends_at, s.capacity, s.exclusive, s.audiences, s.party_min, s.party_max,
    s.chaperones_per, s.adults_count, s.opens_at, s.closes_at, s.cancel_until_hours, s.claim,
    s.buffer_before_minutes, s.buffer_after_minutes, s.notice_hours, s.offer_minutes, s.age_min,
    s.age_max, s.grade_min, s.grade_max, s.overbooked, s.due_at, s.reason, s.taken, s.waiting,
    s.decided, s.revision, s.sequence, s.created_at, s.updated_at, s.allotment_count"""

RESERVATION = """r.id, r.slot_id, r.account_id, r.holder_id, r.party_nos, r.seats, r.adults,
    r.held, r.status, r.position, r.refusals, r.skips, r.needs_reconfirm, r.cancelled_by,
    r.reason, r.note, r.audiences, r.allotment, r.allotted, r.offered_at, r.offer_expires_at,
    r.revision, r.sequence, r.created_at, r.updated_at"""


def slot(row: Any) -> Slot:
    """Without its allotments, of which the row has only the number."""
    values = dict(row)
    del values["allotment_count"]
    return Slot(**values)


def reservation(row: Any) -> Reservation:
    return Reservation(**dict(row))
