"""Slots as the public reads them: search in order of time, one slot, similar ones."""

import base64
import binascii
import datetime as dt
import struct
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from msgspec import Struct

from openyard_platform.domain.allotments import Allotment
from openyard_platform.domain.errors import Invalid
from openyard_platform.domain.people import ANYBODY
from openyard_platform.store import allotments, engine

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_CURSOR = struct.Struct(">q16s")
_MICROSECOND = dt.timedelta(microseconds=1)


class Venue(Struct, frozen=True, kw_only=True):
    key: str
    name: str
    district: str
    category: str | None
    address: str


class VenueInFull(Venue, frozen=True, kw_only=True):
    description: str


class Slot(Struct, frozen=True, kw_only=True):
    """A slot with its venue and space; what the venue left out is None and restricts nothing.

    ``space_taken``: it claims its space with the first booking, and another slot has it.
    """

    id: UUID
    venue: Venue
    space: str
    kind: str
    title: str
    description: str | None
    programme: str | None
    series: str | None
    status: str
    starts_at: dt.datetime
    ends_at: dt.datetime
    capacity: int
    taken: int
    waiting: int
    exclusive: bool
    audiences: list[str] | None
    party_min: int | None
    party_max: int | None
    chaperones_per: int | None
    adults_count: bool
    opens_at: dt.datetime | None
    closes_at: dt.datetime | None
    cancel_until_hours: int | None
    reason: str | None
    revision: int
    claim: str
    notice_hours: int | None
    age_min: int | None
    age_max: int | None
    grade_min: int | None
    grade_max: int | None
    allotments: list[Allotment]
    space_taken: bool

    @property
    def closing(self) -> dt.datetime | None:
        """From when on no seats are given out, where that is before the start."""
        ends = [self.closes_at] if self.closes_at is not None else []
        if self.notice_hours:
            ends.append(self.starts_at - dt.timedelta(hours=self.notice_hours))
        return min(ends, default=None)


class Search(Struct, frozen=True, kw_only=True):
    """What somebody looks for. ``seats``: a party of so many could be seated at once.

    ``eyes``: the audiences such a party belongs to; ``at``: when (None: ``since``). Seats that are
    kept for others then are not counted.
    """

    since: dt.datetime
    until: dt.datetime | None = None
    district: str | None = None
    category: str | None = None
    audience: str | None = None
    kind: str | None = None
    venue: str | None = None
    words: tuple[str, ...] = ()
    seats: int | None = None
    eyes: tuple[str, ...] = ANYBODY
    at: dt.datetime | None = None


class Page(Struct, frozen=True, kw_only=True):
    slots: list[Slot]
    next_cursor: str | None


_SELECT = f"""
SELECT s.id, s.kind, s.title, s.description, s.programme, s.series, s.status, s.starts_at,
       s.ends_at, s.capacity, s.taken, s.waiting, s.exclusive, s.audiences, s.party_min,
       s.party_max, s.chaperones_per, s.adults_count, s.opens_at, s.closes_at,
       s.cancel_until_hours, s.reason, s.revision, s.claim, s.notice_hours, s.age_min,
       s.age_max, s.grade_min, s.grade_max, {allotments.COLUMN},
       {allotments.SPACE_TAKEN} AS space_taken,
       p.name AS space,
       o.key AS venue_key, o.name AS venue_name, o.district_key, o.category, o.address
FROM slot s
JOIN organisation o ON o.id = s.venue_id
JOIN space p ON p.id = s.space_id
"""  # noqa: S608 - made of constants

# Neither a tombstone that was never offered, nor time that a venue keeps for itself.
_PUBLIC = "s.starts_at IS NOT NULL AND s.kind <> 'busy'"

# The order and the condition on status are those of the index slot_open_starts: a page costs
# what it shows (and what it skips on the way), however many slots there are.
_SEARCH = f"""{_SELECT}
WHERE s.status = 'open' AND s.kind <> 'busy' AND s.starts_at >= $1
  AND ($2::timestamptz IS NULL OR s.starts_at < $2)
  AND ($3::text IS NULL OR o.district_key = $3)
  AND ($4::text IS NULL OR o.category = $4)
  AND ($5::text IS NULL OR s.audiences IS NULL OR $5 = ANY (s.audiences))
  AND ($6::text IS NULL OR s.kind = $6)
  AND ($7::text IS NULL OR o.key = $7)
  AND ($8::int IS NULL OR (
        {allotments.AT_ONCE.format(audiences="$13::text[]", at="$14")}
        >= CASE WHEN s.exclusive THEN s.capacity ELSE $8 END
        AND $8 <= s.capacity
        AND $8 >= coalesce(s.party_min, 1)
        AND (s.party_max IS NULL OR $8 <= s.party_max)))
  AND (cardinality($9::text[]) = 0 OR concat_ws(
        ' ', s.title, s.programme, s.series, s.description, o.name, o.address, p.name
      ) ILIKE ALL ($9))
  AND ($10::timestamptz IS NULL OR (s.starts_at, s.id) > ($10, $11::uuid))
ORDER BY s.starts_at, s.id
LIMIT $12
"""


async def search(wanted: Search, *, cursor: str | None = None, limit: int = 20) -> Page:
    """Open slots in order of their start, a page after ``cursor``.

    Raises:
        Invalid: the cursor is not one of ours.
    """
    after = decode_cursor(cursor) if cursor else (None, None)
    rows = await engine.fetch(
        _SEARCH,
        wanted.since,
        wanted.until,
        wanted.district,
        wanted.category,
        wanted.audience,
        wanted.kind,
        wanted.venue,
        wanted.seats,
        [f"%{_literal(word)}%" for word in wanted.words],
        *after,
        limit + 1,
        list(wanted.eyes),
        wanted.at or wanted.since,
    )
    slots = [_slot(row) for row in rows[:limit]]
    more = len(rows) > limit
    return Page(slots=slots, next_cursor=encode_cursor(slots[-1]) if more else None)


async def find(slot_id: UUID) -> Slot | None:
    """One slot, withdrawn ones too; neither a tombstone nor busy time is one."""
    row = await engine.fetch_one(f"{_SELECT}WHERE s.id = $1 AND {_PUBLIC}", slot_id)
    return None if row is None else _slot(row)


async def similar(  # noqa: PLR0913 - a party, and what it was refused
    slot_id: UUID,
    seats: int,
    audiences: Sequence[str],
    now: dt.datetime,
    limit: int,
    *,
    unfit: bool = False,
) -> list[Slot]:
    """Others of its kind, two weeks around it, where such a party gets its seats now.

    Only those that ask for no ages or grades, or for the same; ``unfit``: for none.
    The same venue first, then the same category, then the same district, then the nearest in time.
    """
    rows = await engine.fetch(_SIMILAR, slot_id, seats, list(audiences), limit, now, unfit)
    return [_slot(row) for row in rows]


_SIMILAR = f"""{_SELECT}JOIN (
    SELECT t.id, t.kind, t.starts_at, t.venue_id, v.category, v.district_key,
           (t.age_min, t.age_max, t.grade_min, t.grade_max) AS limits
    FROM slot t JOIN organisation v ON v.id = t.venue_id WHERE t.id = $1
) r ON r.id <> s.id AND r.kind = s.kind
WHERE s.status = 'open' AND s.kind <> 'busy'
  AND s.starts_at BETWEEN r.starts_at - interval '14 days' AND r.starts_at + interval '14 days'
  AND s.starts_at > $5
  AND (s.opens_at IS NULL OR s.opens_at <= $5) AND (s.closes_at IS NULL OR s.closes_at > $5)
  AND (s.notice_hours IS NULL OR s.starts_at - make_interval(hours => s.notice_hours) > $5)
  AND (s.audiences IS NULL OR s.audiences && $3::text[])
  AND {allotments.AT_ONCE.format(audiences="$3::text[]", at="$5")}
      >= CASE WHEN s.exclusive THEN s.capacity ELSE $2 END
  AND (coalesce(s.age_min, s.age_max, s.grade_min, s.grade_max) IS NULL
       OR NOT $6 AND (s.age_min, s.age_max, s.grade_min, s.grade_max)
          IS NOT DISTINCT FROM r.limits)
  AND $2 BETWEEN coalesce(s.party_min, 1) AND coalesce(s.party_max, s.capacity)
  AND $2 <= s.capacity
ORDER BY s.venue_id <> r.venue_id, o.category IS DISTINCT FROM r.category,
         o.district_key <> r.district_key, greatest(s.starts_at, r.starts_at)
         - least(s.starts_at, r.starts_at), s.id
LIMIT $4
"""  # noqa: S608 - made of constants


async def find_many(slot_ids: Sequence[UUID]) -> dict[UUID, Slot]:
    rows = await engine.fetch(
        f"{_SELECT}WHERE s.id = ANY ($1::uuid[]) AND {_PUBLIC}", list(slot_ids)
    )
    return {row["id"]: _slot(row) for row in rows}


async def venue(key: str) -> VenueInFull | None:
    """Any organisation that may offer slots."""
    row = await engine.fetch_one(
        "SELECT key, name, district_key AS district, category, address, description"
        " FROM organisation WHERE key = $1",
        key,
    )
    return None if row is None else VenueInFull(**dict(row))


async def due(now: dt.datetime, limit: int) -> list[tuple[UUID, str]]:
    """Slots where something is to be done by ``now``, with the keys of their venues."""
    rows = await engine.fetch(
        """SELECT s.id, o.key FROM slot s JOIN organisation o ON o.id = s.venue_id
           WHERE s.due_at <= $1 ORDER BY s.due_at LIMIT $2""",
        now,
        limit,
    )
    return [(row["id"], row["key"]) for row in rows]


def encode_cursor(slot: Slot) -> str:
    """Where a page ended, opaque to those who carry it."""
    micros = (slot.starts_at - _EPOCH) // _MICROSECOND
    packed = _CURSOR.pack(micros, slot.id.bytes)
    return base64.urlsafe_b64encode(packed).decode()


def decode_cursor(cursor: str) -> tuple[dt.datetime, UUID]:
    """The start and the id of the last slot seen.

    Raises:
        Invalid: it is not a cursor we gave.
    """
    try:
        packed = base64.b64decode(cursor.encode("ascii"), altchars=b"-_", validate=True)
        micros, raw = _CURSOR.unpack(packed)
        return _EPOCH + dt.timedelta(microseconds=micros), UUID(bytes=raw)
    except (ValueError, binascii.Error, struct.error, OverflowError) as error:
        raise Invalid("The cursor is none of ours.", code="cursor_invalid") from error


def _literal(word: str) -> str:
    """The word for LIKE, its own wildcards meant as they are written."""
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _slot(row: Any) -> Slot:
    values = dict(row)
    venue = Venue(
        key=values.pop("venue_key"),
        name=values.pop("venue_name"),
        district=values.pop("district_key"),
        category=values.pop("category"),
        address=values.pop("address"),
    )
    values["allotments"] = allotments.read(values["allotments"])
    return Slot(venue=venue, **values)
