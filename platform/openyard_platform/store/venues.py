"""A venue's slots as it has stated them."""

from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from openyard_events.contracts import SlotOffered
from openyard_platform.store import engine


class Stated(Struct, frozen=True, kw_only=True):
    """What stands of a slot. ``slot``: None for one withdrawn before it was ever offered."""

    slot_id: UUID
    status: str
    version: int
    taken: int
    waiting: int
    slot: SlotOffered | None


# Everything ``offered`` reads.
STATED = """
    SELECT s.*, sp.key AS space, (
        SELECT jsonb_agg(jsonb_build_object('audience', a.audience, 'seats', a.seats,
            'release_hours', a.release_hours, 'per_school', a.per_school) ORDER BY ordinal)
        FROM slot_allotment a WHERE a.slot_id = s.id) AS allotments
    FROM slot s LEFT JOIN space sp ON sp.id = s.space_id
"""


async def stated(venue_id: UUID, external_id: str) -> Stated | None:
    """The venue's slot with its own id for it."""
    row = await engine.fetch_one(
        f"{STATED} WHERE s.venue_id = $1 AND s.external_id = $2", venue_id, external_id
    )
    if row is None:
        return None
    return Stated(
        slot_id=row["id"],
        status=row["status"],
        version=row["version"],
        taken=row["taken"],
        waiting=row["waiting"],
        slot=None if row["space"] is None else offered(row),
    )


_SAME = (
    *("external_id", "version", "space", "starts_at", "ends_at", "capacity", "title", "audiences"),
    *("kind", "exclusive", "programme", "series", "description", "opens_at", "closes_at"),
    *("cancel_until_hours", "claim", "allotments", "notice_hours", "buffer_before_minutes"),
    *("buffer_after_minutes", "offer_minutes", "overbooked"),
)


def offered(row: Any) -> SlotOffered:
    """The slot as its venue would state it now."""
    party = {
        "min": row["party_min"],
        "max": row["party_max"],
        "chaperones_per": row["chaperones_per"],
        "adults_count": row["adults_count"],
    }
    values: dict[str, Any] = {name: row[name] for name in _SAME}
    values["party"] = party if any(party.values()) else None
    for name, column in (("ages", "age"), ("grades", "grade")):
        low, high = row[f"{column}_min"], row[f"{column}_max"]
        values[name] = None if low is None and high is None else {"min": low, "max": high}
    return msgspec.convert(values, SlotOffered)
