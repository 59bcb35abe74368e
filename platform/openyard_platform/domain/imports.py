"""A venue's own calendar taken over: what it was told beside the file, and what comes of it."""

import datetime as dt
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct, field

from openyard_events.contracts import Audience, FieldError, SlotKind, SlotOffered, SlotWithdrawn
from openyard_platform.domain.event_slots import Problem
from openyard_platform.domain.slots import Space

MAX_OCCURRENCES = 5_000
KEPT_FOR = dt.timedelta(hours=24)  # a preview; then it says too little of how things stand

Source = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_-]{1,40}\Z")]


class Purpose(StrEnum):
    BUSY = "busy"
    SLOTS = "slots"


class Status(StrEnum):
    PREVIEWED = "previewed"
    APPLYING = "applying"
    APPLIED = "applied"


class Change(StrEnum):
    """What an import does with one occurrence, or with a slot of an earlier import."""

    GONE = "gone"  # no longer in the calendar: withdrawn
    MOVED = "moved"
    CHANGED = "changed"
    ADDED = "added"
    CONFLICT = "conflict"  # something else is there already: left out
    COVERED = "covered"  # other busy time covers all of it
    KEPT = "kept"  # left as it is; ``reason`` says why
    SAME = "same"


# Those that are published, in this order: first what makes room, then what needs it.
PUBLISHED = (Change.GONE, Change.MOVED, Change.CHANGED, Change.ADDED)


class Instructions(Struct, frozen=True, kw_only=True):
    """What a file does not say. ``source``: which of the venue's calendars it is.

    ``capacity``, ``audiences``, ``kind``: of slots. ``until``: how far series are followed.
    ``allow_empty``: a calendar without events means that there are none any more.
    """

    source: Source
    purpose: Purpose
    space: str
    zone: str
    until: dt.datetime
    capacity: int | None = None
    audiences: list[Audience] | None = None
    kind: SlotKind = SlotKind.ACCESS
    allow_empty: bool = False

    @property
    def prefix(self) -> str:
        """What the external id of every slot of this calendar begins with."""
        return f"{self.purpose}:{self.source}:"


class Other(Struct, frozen=True, kw_only=True):
    """What is in the way. ``taken``, ``waiting``: seats and parties on it."""

    external_id: str
    kind: str
    title: str
    space: str
    starts_at: dt.datetime
    ends_at: dt.datetime
    taken: int = 0
    waiting: int = 0

    @classmethod
    def of(cls, slot: SlotOffered, *, taken: int = 0, waiting: int = 0) -> "Other":
        return cls(
            external_id=slot.external_id,
            kind=slot.kind.value,
            title=slot.title,
            space=slot.space,
            starts_at=slot.starts_at,
            ends_at=slot.ends_at,
            taken=taken,
            waiting=waiting,
        )


class Standing(Struct, frozen=True, kw_only=True):
    """A slot of the calendar as the venue has stated it, and what became of it."""

    slot: SlotOffered
    is_open: bool
    reason: str | None
    taken: int
    waiting: int

    def as_other(self) -> Other:
        return Other.of(self.slot, taken=self.taken, waiting=self.waiting)


class Taken(Struct, frozen=True, kw_only=True):
    """A leaf space that a slot has for a time, buffers included. ``seats``: None: all of it."""

    leaf: int
    starts_at: dt.datetime
    ends_at: dt.datetime
    seats: int | None
    by: Other


class Around(Struct, frozen=True, kw_only=True):
    """``own``: slots of earlier imports of the calendar that are not over, withdrawn ones too.

    ``taken``: by other slots of the venue. ``spaces``: of the venue, by their keys.
    """

    own: list[Standing]
    taken: list[Taken]
    spaces: dict[str, Space]


class Item(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One occurrence, or one slot of an earlier import. ``before``: as it stands now.

    ``others``: what is in the way of a conflict, or covers it. ``reason``: a code, why it is kept.
    """

    change: Change
    external_id: str
    title: str
    starts_at: dt.datetime
    ends_at: dt.datetime
    before: Other | None = None
    others: list[Other] = field(default_factory=list)
    reason: str = ""
    offer: SlotOffered | None = None
    withdrawal: SlotWithdrawn | None = None


class Result(Struct, frozen=True, kw_only=True):
    """The receipt of one item. ``kept``: reserved, and the venue wanted such left alone."""

    status: Literal["accepted", "duplicate", "refused", "kept"]
    slot_id: UUID | None = None
    version: int | None = None
    errors: list[FieldError] = field(default_factory=list)


class Import(Struct, frozen=True, kw_only=True):
    """One upload. ``counts``: items of each change. ``touched``: as the venue chose to apply it."""

    id: UUID
    venue_id: UUID
    venue_key: str
    source: str
    purpose: Purpose
    space: str
    status: Status
    counts: dict[str, int]
    problems: list[Problem]
    created_at: dt.datetime
    expires_at: dt.datetime
    applied_at: dt.datetime | None = None
    touched: Literal["keep", "change"] | None = None

    def has_expired(self, now: dt.datetime) -> bool:
        return self.status is Status.PREVIEWED and now >= self.expires_at
