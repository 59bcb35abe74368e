"""Addresses at which venues publish their own calendars, and what reading one has come to."""

import datetime as dt
from enum import StrEnum
from uuid import UUID

import msgspec
from msgspec import Struct

from openyard_events.contracts import Audience, SlotKind
from openyard_platform.domain.imports import Instructions, Purpose, Source

MOST = 20  # of a venue
EVERY = dt.timedelta(hours=1)
_DOUBLINGS = 5
_LONGEST = dt.timedelta(days=1)
_AHEAD = dt.timedelta(days=366)


class Outcome(StrEnum):
    """Of the last reading."""

    CHANGED = "changed"  # a preview waits for the venue to apply it
    SAME = "same"
    FAILED = "failed"  # what stands stays; ``reason`` says why


class Wanted(Struct, frozen=True, kw_only=True):
    """What the file does not say; see Instructions."""

    source: Source
    purpose: Purpose
    space: str
    zone: str
    capacity: int | None = None
    audiences: list[Audience] | None = None
    kind: SlotKind = SlotKind.ACCESS

    def at(self, now: dt.datetime) -> Instructions:
        """The instructions for a file that is read now: series are followed for a year."""
        return Instructions(until=now + _AHEAD, **msgspec.structs.asdict(self))


class CalendarAddress(Struct, frozen=True, kw_only=True):
    """``digest``: of the file taken last. ``failures``: in a row. ``import_id``: of its preview."""

    id: UUID
    venue_id: UUID
    venue_key: str
    url: str
    wanted: Wanted
    due_at: dt.datetime
    etag: str = ""
    modified: str = ""
    digest: bytes | None = None
    failures: int = 0
    fetched_at: dt.datetime | None = None
    outcome: Outcome | None = None
    reason: str = ""
    import_id: UUID | None = None


def next_at(failures: int, now: dt.datetime) -> dt.datetime:
    """When it is read again: every hour, and ever more seldom while that fails."""
    hours: int = 2 ** min(failures, _DOUBLINGS)
    return now + min(EVERY * hours, _LONGEST)
