"""Kept seats as they are read beside a slot ``s``; a slot that keeps none costs nothing."""

from typing import Any

import msgspec

from openyard_platform.domain.allotments import Allotment

COLUMN = """CASE WHEN s.allotment_count > 0 THEN (
    SELECT jsonb_agg(jsonb_build_object('audience', a.audience, 'seats', a.seats,
        'release_hours', a.release_hours, 'releases_at', a.releases_at, 'per_school', a.per_school,
        'used', a.used, 'waiting', a.waiting, 'released', a.released) ORDER BY a.ordinal)
    FROM slot_allotment a WHERE a.slot_id = s.id) END AS allotments"""

# Nobody has seats yet on a slot that claims its space with the first of them, and another has it.
SPACE_TAKEN = "(s.claim = 'on_booking' AND s.taken = 0 AND space_is_taken(s.id))"

# What a party of ``{audiences}`` would be given at once ``{at}``; see the function's migration.
AT_ONCE = f"""CASE WHEN {SPACE_TAKEN} THEN 0
    WHEN s.allotment_count > 0
    THEN seats_at_once(s.id, s.capacity - s.taken, s.waiting, {{audiences}}, {{at}})
    WHEN s.waiting = 0 THEN s.capacity - s.taken ELSE 0 END"""


def read(found: Any) -> list[Allotment]:
    """The column's value."""
    return [] if found is None else msgspec.convert(found, list[Allotment])
