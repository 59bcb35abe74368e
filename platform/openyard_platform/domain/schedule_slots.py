"""What a schedule wants against what is live: slots to add, to move, to change and to close."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from typing import NamedTuple

from msgspec import Struct, field

from openyard_calendars.opening import PlannedSlot
from openyard_events.contracts import Allotment, Audience, SlotKind, SlotOffered
from openyard_platform.domain.schedules import Schedule, Volunteers

# Only slots withdrawn for this reason are offered again: what people closed stays closed.
REASON = "开放计划有变。"
PROVISIONAL = "放假安排尚未公布，这一天可能调整。"

_TITLE = 150  # characters of a title that a role follows; it has forty at most

_EPOCH = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)


class LiveSlot(Struct, frozen=True, kw_only=True):
    """A slot that stands in the database. ``leaves``: numbers of the leaf spaces it takes.

    A shift takes none.
    """

    external_id: str
    version: int
    is_open: bool
    reason: str | None
    title: str
    description: str | None
    starts_at: dt.datetime
    ends_at: dt.datetime
    capacity: int
    audiences: list[str] | None
    taken: int
    waiting: int
    leaves: tuple[int, ...]
    allotments: list[Allotment] = []

    @property
    def is_reserved(self) -> bool:
        return self.taken > 0 or self.waiting > 0


class Statement(NamedTuple):
    """What a slot says besides its time and place, by the names of LiveSlot's fields."""

    title: str
    description: str | None
    capacity: int
    audiences: list[Audience]
    allotments: list[Allotment]


class _Wanted(NamedTuple):
    """A planned slot, or the shift of ``volunteers`` beside it."""

    slot: PlannedSlot
    volunteers: Volunteers | None = None


_said = attrgetter(*Statement._fields)


class Conflict(NamedTuple):
    slot: PlannedSlot
    other: LiveSlot | PlannedSlot


class Move(NamedTuple):
    slot: SlotOffered
    before: LiveSlot


class Changes(Struct, frozen=True, kw_only=True):
    """``kept``: reserved slots that the venue wants left as they are."""

    added: list[SlotOffered] = field(default_factory=list)
    moved: list[Move] = field(default_factory=list)
    changed: list[Move] = field(default_factory=list)
    closed: list[LiveSlot] = field(default_factory=list)
    kept: list[LiveSlot] = field(default_factory=list)


class Around(Struct, frozen=True, kw_only=True):
    """What stands in the database. ``leaves``: of each space of the venue, by its key.

    ``own``: slots the schedule made, from today on. ``others``: that take the same spaces.
    """

    own: list[LiveSlot]
    others: list[LiveSlot]
    leaves: dict[str, tuple[int, ...]]


class Window(NamedTuple):
    """Slots that start after ``now`` are changed; before ``until`` new ones are added."""

    now: dt.datetime
    until: dt.datetime


def external_id(schedule_id: object, key: str) -> str:
    return f"schedule:{schedule_id}:{key}"


def conflicts(
    planned: Sequence[PlannedSlot],
    leaves: Mapping[str, tuple[int, ...]],
    others: Iterable[LiveSlot],
) -> list[Conflict]:
    """Planned slots that meet another slot in their space, or an earlier one of the plan."""
    busy: dict[tuple[int, int], list[LiveSlot | PlannedSlot]] = {}
    for other in others if planned else ():
        for place in _places(other, other.leaves):
            busy.setdefault(place, []).append(other)
    found = []
    for slot in planned:
        places = _places(slot, leaves[slot.space])
        known = (other for place in places for other in busy.get(place, ()))
        met = next((other for other in known if _meet(slot, other)), None)
        if met is not None:
            found.append(Conflict(slot, met))
            continue
        for place in places:
            busy.setdefault(place, []).append(slot)
    return found


def foreseen(
    schedule: Schedule, slot: PlannedSlot, leaves: Mapping[str, tuple[int, ...]]
) -> LiveSlot:
    """A slot that a schedule will publish one day, as if it had."""
    return LiveSlot(
        external_id=external_id(schedule.id, slot.key),
        version=0,
        is_open=True,
        reason=None,
        starts_at=slot.starts_at,
        ends_at=slot.ends_at,
        taken=0,
        waiting=0,
        leaves=leaves[slot.space],
        **_statement(schedule, _Wanted(slot), None)._asdict(),
    )


def reconcile(
    schedule: Schedule, planned: Iterable[PlannedSlot], around: Around, window: Window
) -> Changes:
    """What to publish so that the schedule's slots, and the shifts beside them, are as planned."""
    prefix = external_id(schedule.id, "")
    mains = {
        prefix + slot.key: slot
        for slot in planned
        if slot.starts_at > window.now and not schedule.ended
    }
    known = {one.external_id: one for one in around.own}
    wanted = {name: _Wanted(slot) for name, slot in mains.items()}
    for name, slot in mains.items():
        # Beside what people have closed nobody is needed.
        if name not in known or known[name].is_open or known[name].reason == REASON:
            wanted |= _shifts(schedule, name, slot)
    settled = {name: known[name] for name, one in wanted.items() if _stands(one, known.get(name))}
    changes = Changes()
    unsettled_own = [one for name, one in known.items() if one.is_open and name not in settled]
    staying = _drop(schedule, unsettled_own, wanted, changes, window)
    # What already stands where it should cannot meet anything: nearly all of it, nearly always.
    unsettled = [slot for name, slot in mains.items() if name in wanted and name not in settled]
    met = conflicts(unsettled, around.leaves, [*around.others, *staying, *settled.values()])
    for conflict in met:
        _leave_out(schedule, wanted, prefix + conflict.slot.key)
    for name, one in wanted.items():
        live = known.get(name)
        if live is None or not live.is_open:
            if one.slot.starts_at < window.until and (live is None or live.reason == REASON):
                changes.added.append(_offer(schedule, name, one, live))
        elif name not in settled:
            changes.moved.append(Move(_offer(schedule, name, one, live), live))
        elif not _says(schedule, one, live):
            changes.changed.append(Move(_offer(schedule, name, one, live), live))
    changes.moved.sort(key=_turn)
    return changes


def _shifts(schedule: Schedule, name: str, slot: PlannedSlot) -> dict[str, _Wanted]:
    """The shifts beside a slot, by their external ids."""
    return {f"{name}:{one.role}": _Wanted(slot, one) for one in schedule.plan.volunteers}


def _leave_out(schedule: Schedule, wanted: dict[str, _Wanted], name: str) -> None:
    """Want a slot no more as it is planned, nor the shifts beside it."""
    one = wanted.pop(name, None)
    if one is not None and one.volunteers is None:
        for shift in _shifts(schedule, name, one.slot):
            wanted.pop(shift, None)


def _drop(
    schedule: Schedule,
    own: Iterable[LiveSlot],
    wanted: dict[str, _Wanted],
    changes: Changes,
    window: Window,
) -> list[LiveSlot]:
    """Close what is no longer planned; returned, and wanted no more: what stays where it is.

    That is what has begun, and what is reserved where the venue wants it kept.
    """
    staying = []
    for one in own:
        if one.starts_at <= window.now:
            staying.append(one)
        elif one.is_reserved and schedule.plan.touched == "keep":
            changes.kept.append(one)
        elif one.external_id not in wanted:
            changes.closed.append(one)
    staying += changes.kept
    for one in staying:
        _leave_out(schedule, wanted, one.external_id)
    return staying


def _offer(schedule: Schedule, name: str, one: _Wanted, live: LiveSlot | None) -> SlotOffered:
    stated = _statement(schedule, one, live)
    return SlotOffered(
        external_id=name,
        version=schedule.revision if live is None else max(schedule.revision, live.version + 1),
        space=one.slot.space,
        starts_at=one.slot.starts_at,
        ends_at=one.slot.ends_at,
        title=stated.title,
        description=stated.description,
        capacity=stated.capacity,
        audiences=stated.audiences,
        allotments=stated.allotments or None,
        kind=SlotKind.ACCESS if one.volunteers is None else SlotKind.SHIFT,
    )


def _statement(schedule: Schedule, one: _Wanted, live: LiveSlot | None) -> Statement:
    plan, shift = schedule.plan, one.volunteers
    capacity = plan.capacity if shift is None else shift.needed
    return Statement(
        title=plan.title if shift is None else f"{plan.title[:_TITLE]} · {shift.role}",
        description=PROVISIONAL if one.slot.provisional else None,
        # Fewer seats than are taken would be refused.
        capacity=capacity if live is None else max(capacity, live.taken),
        audiences=plan.audiences if shift is None else [Audience.VOLUNTEER],
        allotments=plan.allotments if shift is None else [],
    )


def _says(schedule: Schedule, one: _Wanted, live: LiveSlot) -> bool:
    """Whether the slot says what it should."""
    return bool(_said(live) == _statement(schedule, one, live))


def _stands(one: _Wanted, live: LiveSlot | None) -> bool:
    """Whether the slot is open at its time."""
    return (
        live is not None
        and live.is_open
        and one.slot.starts_at == live.starts_at
        and one.slot.ends_at == live.ends_at
    )


def _turn(move: Move) -> tuple[bool, float]:
    """Who goes earlier goes first, from the front; who goes later follows, from the back.

    So nobody moves to where another of them still is.
    """
    later = move.slot.starts_at > move.before.starts_at
    moment = move.before.starts_at.timestamp()
    return later, -moment if later else moment


def _places(slot: LiveSlot | PlannedSlot, leaves: Iterable[int]) -> list[tuple[int, int]]:
    """Each leaf space on each day (UTC) that the slot touches."""
    first, last = (slot.starts_at - _EPOCH).days, (slot.ends_at - _EPOCH).days
    return [(leaf, day) for leaf in leaves for day in range(first, last + 1)]


def _meet(one: LiveSlot | PlannedSlot, other: LiveSlot | PlannedSlot) -> bool:
    return one.starts_at < other.ends_at and other.starts_at < one.ends_at
