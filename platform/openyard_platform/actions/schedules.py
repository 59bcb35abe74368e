"""A venue's opening schedules: stated, changed, taken away, and looked at before they count."""

import asyncio
import datetime as dt
from collections.abc import Sequence
from typing import Any, Literal
from uuid import UUID

import msgspec
from msgspec import Struct

from openyard_calendars import opening
from openyard_calendars.day_kinds import DayKinds
from openyard_calendars.opening import Expansion, Term
from openyard_events import form
from openyard_platform import ids
from openyard_platform.actions import venues
from openyard_platform.domain import closures, merging, schedule_slots, schedules
from openyard_platform.domain.errors import Conflict, Invalid, NotFound, Stale
from openyard_platform.domain.people import Actor
from openyard_platform.domain.schedule_files import MOST
from openyard_platform.domain.schedule_slots import Around, Changes, Window
from openyard_platform.domain.schedules import SHANGHAI, Plan, Schedule
from openyard_platform.store import audit, calendar_days, engine, spaces, terms
from openyard_platform.store import closures as closure_records
from openyard_platform.store import schedule_slots as slots
from openyard_platform.store import schedules as records

_DAY = dt.timedelta(days=1)


class Outlook(Struct, frozen=True, kw_only=True):
    """What a schedule stands for, what is in its way, and what it would change."""

    days: DayKinds
    expansion: Expansion
    conflicts: list[schedule_slots.Conflict]
    changes: Changes


class _Ground(Struct, frozen=True, kw_only=True):
    """The calendar and the slots that stand, from the day ``first`` on."""

    first: dt.date
    days: DayKinds
    terms: Sequence[Term]
    around: Around

    def expand(self, schedule: Schedule) -> Expansion:
        plan = schedules.opening_of(schedule.plan)
        return opening.expand(plan, self.days, self.terms, first=self.first)


async def add(actor: Actor, key: str, plan: Plan, now: dt.datetime) -> Schedule:
    """State a new schedule; a job publishes its slots.

    Raises:
        NotFound, NotAllowed: not the actor's venue, or not the actor's task there.
        Invalid: with ``errors``: the plan makes no sense.
        Conflict: the venue has too many, or another with its key.
    """
    schedule = await draft(actor, key, plan)
    async with engine.transaction():
        await insert(actor, schedule, now)
    return schedule


async def insert(actor: Actor, schedule: Schedule, now: dt.datetime) -> None:
    """Keep a new schedule; part of a transaction.

    Raises:
        Conflict: the venue has too many, or another with its key.
    """
    if len(await records.of_venue(schedule.venue_id)) >= MOST:
        raise Conflict(f"A venue has at most {MOST} schedules.", code="too_many_schedules")
    await records.insert(schedule, now)
    await audit.record(now, actor.account_id, "schedule.added", schedule.id)


async def listed(actor: Actor, key: str) -> Sequence[Schedule]:
    """Raises NotFound, NotAllowed: not the actor's venue or task."""
    return await records.of_venue(venues.writer_of(actor, key))


async def look(actor: Actor, key: str, schedule_id: UUID) -> Schedule:
    """Raises NotFound, NotAllowed: not the actor's venue or task, or no such schedule there."""
    found = await records.one(venues.writer_of(actor, key), schedule_id)
    if found is None:
        raise NotFound("There is no such schedule.")
    return found


async def change(  # noqa: PLR0913 - each is part of what is asked
    actor: Actor,
    key: str,
    schedule_id: UUID,
    patch: dict[str, Any],
    seen: int | None,
    now: dt.datetime,
) -> Schedule:
    """Change what the merge patch names. ``seen``: the revision it starts from, if that matters.

    Raises:
        Stale: it stands at another revision.
        NotFound, NotAllowed, Invalid, Conflict: as for ``add``.
    """
    before = await look(actor, key, schedule_id)
    document = merging.merge(msgspec.to_builtins(before.plan), patch)
    try:
        plan = msgspec.convert(document, Plan)
    except msgspec.ValidationError as error:
        message = "The schedule is not what this route takes."
        raise Invalid(message, errors=[form.explain(error)]) from error
    await draft(actor, key, plan)
    after = msgspec.structs.replace(before, plan=plan, revision=before.revision + 1)
    await _restate(actor, before, after, seen, now)
    return after


async def end(  # noqa: PLR0913 - each is part of what is asked
    actor: Actor,
    key: str,
    schedule_id: UUID,
    touched: Literal["keep", "change"] | None,
    seen: int | None,
    now: dt.datetime,
) -> None:
    """Take it away; its free slots are closed, reserved ones too if ``touched`` says so.

    Raises:
        Stale, NotFound, NotAllowed: as for ``change``.
    """
    before = await look(actor, key, schedule_id)
    plan = msgspec.structs.replace(before.plan, touched=touched or before.plan.touched)
    after = msgspec.structs.replace(before, plan=plan, ended=True)
    await _restate(actor, before, after, seen, now)


async def preview(
    actor: Actor, key: str, plan: Plan, replaces: UUID | None, now: dt.datetime
) -> Outlook:
    """What the plan would do, as a new schedule or in the place of one that is there.

    Raises:
        NotFound, NotAllowed, Invalid: as for ``add``.
    """
    wanted = await draft(actor, key, plan)
    if replaces is not None:
        before = await look(actor, key, replaces)
        wanted = msgspec.structs.replace(wanted, id=before.id, revision=before.revision + 1)
    return await survey(wanted, now)


async def survey(schedule: Schedule, now: dt.datetime) -> Outlook:
    """All of the schedule, against what is live and what the venue's others will publish."""
    known = await records.of_venue(schedule.venue_id)
    ground = await _ground(schedule, now, schedule.plan.starts_on)

    def reckon() -> Outlook:
        expansion = ground.expand(schedule)
        # Slots beyond the horizon of another schedule count as if they were there.
        later = [
            schedule_slots.foreseen(rival, slot, ground.around.leaves)
            for rival in known
            if rival.id != schedule.id
            for slot in ground.expand(rival).slots
            if slot.starts_at >= _horizon(rival, now)
        ]
        around, window = ground.around, Window(now, _horizon(schedule, now))
        others = [*around.others, *later]
        return Outlook(
            days=ground.days,
            expansion=expansion,
            conflicts=schedule_slots.conflicts(expansion.slots, around.leaves, others),
            changes=schedule_slots.reconcile(schedule, expansion.slots, around, window),
        )

    return await asyncio.to_thread(reckon)


async def pending(schedule: Schedule, now: dt.datetime) -> Changes:
    """What to publish so that the slots from today on are as planned."""
    first = max(now.astimezone(SHANGHAI).date(), schedule.plan.starts_on)
    ground = await _ground(schedule, now, first)

    def reckon() -> Changes:
        planned = ground.expand(schedule).slots
        window = Window(now, _horizon(schedule, now))
        return schedule_slots.reconcile(schedule, planned, ground.around, window)

    return await asyncio.to_thread(reckon)


async def _ground(schedule: Schedule, now: dt.datetime, first: dt.date) -> _Ground:
    """What the schedule is reckoned on, from the day ``first``; read in one transaction."""
    plan = schedule.plan
    today = dt.datetime.combine(now.astimezone(SHANGHAI).date(), dt.time(), SHANGHAI)
    begin = dt.datetime.combine(first, dt.time(), SHANGHAI)
    end = dt.datetime.combine(plan.ends_on + _DAY, dt.time(), SHANGHAI)
    async with engine.transaction():
        around = await slots.around(schedule, today=today, first=begin, last=end)
        standing = await closure_records.standing(schedule.venue_id, begin, end)
        shut = [closures.as_slot(one, around.leaves) for one in standing]
        return _Ground(
            first=first,
            days=await calendar_days.kinds(schedule.district, plan.starts_on, plan.ends_on),
            terms=await terms.calendar(schedule.district),
            around=msgspec.structs.replace(around, others=[*shut, *around.others]),
        )


async def draft(actor: Actor, key: str, plan: Plan) -> Schedule:
    """A schedule of this plan that could be kept.

    Raises:
        NotFound, NotAllowed, Invalid: as for ``add``.
    """
    venue_id = venues.writer_of(actor, key)
    schedules.opening_of(plan)
    known = await spaces.of_venues(engine, [venue_id])
    for number, space in enumerate(plan.spaces):
        if (venue_id, space) not in known:
            raise schedules.refused(f"spaces[{number}]", "space_unknown", f"No space {space!r}.")
    return Schedule(
        id=ids.new(),
        venue_id=venue_id,
        venue_key=key,
        district=await records.district_of(venue_id),
        plan=plan,
        revision=1,
    )


async def _restate(
    actor: Actor, before: Schedule, after: Schedule, seen: int | None, now: dt.datetime
) -> None:
    if seen not in {None, before.revision}:
        raise _stale(before.revision)
    async with engine.transaction():
        await restate(actor, before, after, now)


async def restate(actor: Actor, before: Schedule, after: Schedule, now: dt.datetime) -> None:
    """Let the next revision stand; part of a transaction.

    Raises:
        Stale: somebody changed it in the meantime.
        Conflict: another of the venue has its key.
    """
    action = "schedule.ended" if after.ended else "schedule.changed"
    written = await records.restate(
        *(before.id, before.revision, after.plan, now), ended=after.ended
    )
    if not written:
        raise _stale(before.revision)
    await audit.record(now, actor.account_id, action, before.id, revision=before.revision + 1)


def _horizon(schedule: Schedule, now: dt.datetime) -> dt.datetime:
    return now + schedule.plan.horizon_weeks * 7 * _DAY


def _stale(revision: int) -> Stale:
    return Stale("The schedule has been changed in the meantime.", version=revision)
