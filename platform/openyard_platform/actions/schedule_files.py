"""A venue's schedules from a file: all of it is right, or nothing of it counts."""

import datetime as dt
from collections.abc import Sequence

import msgspec
from msgspec import Struct

from openyard_events.contracts import FieldError
from openyard_platform.actions import schedules, venues
from openyard_platform.actions.schedules import Outlook
from openyard_platform.domain import schedule_files as domain
from openyard_platform.domain.errors import Invalid
from openyard_platform.domain.people import Actor
from openyard_platform.domain.schedule_files import Action, Entry, Step
from openyard_platform.domain.schedules import Schedule
from openyard_platform.store import engine
from openyard_platform.store import schedules as records


class Done(Struct, frozen=True, kw_only=True):
    """What became, or would become, of one schedule. ``outlook``: of a preview."""

    action: Action
    schedule: Schedule
    outlook: Outlook | None = None


async def preview(
    actor: Actor, key: str, entries: Sequence[Entry], now: dt.datetime, *, end_others: bool
) -> list[Done]:
    """What the file would do, each schedule reckoned against what stands now.

    Raises:
        NotFound, NotAllowed: not the actor's venue, or not the actor's task there.
        Invalid: with ``errors``: what is wrong in the file, and where.
    """
    found = []
    for action, _, after in await _plan(actor, key, entries, end_others=end_others):
        seen = None if action is Action.SAME else await schedules.survey(after, now)
        found.append(Done(action=action, schedule=after, outlook=seen))
    return found


async def apply(
    actor: Actor, key: str, entries: Sequence[Entry], now: dt.datetime, *, end_others: bool
) -> list[Done]:
    """State what the file says, in one transaction; jobs publish what follows from it.

    Applied again it changes nothing.

    Raises:
        Stale: somebody changed one of them in this moment.
        Conflict: the venue would have too many.
        NotFound, NotAllowed, Invalid: as for ``preview``.
    """
    planned = await _plan(actor, key, entries, end_others=end_others)
    async with engine.transaction():
        # Those that end make room for others, in number and in keys.
        for _, before, after in sorted(planned, key=lambda one: one[0] is not Action.ENDED):
            if before is None:
                await schedules.insert(actor, after, now)
            elif after != before:
                await schedules.restate(actor, before, after, now)
    return [Done(action=action, schedule=after) for action, _, after in planned]


async def _plan(
    actor: Actor, key: str, entries: Sequence[Entry], *, end_others: bool
) -> list[tuple[Action, Schedule | None, Schedule]]:
    """Each schedule as it is and as it should be, the same where nothing changes."""
    known = await records.of_venue(venues.writer_of(actor, key))
    faults: list[FieldError] = []
    for number, entry in enumerate(entries):
        try:
            await schedules.draft(actor, key, domain.plan_of(entry))
        except Invalid as error:
            faults += domain.located(number, error)
    steps: list[Step] = []
    try:
        steps = domain.steps(entries, known, end_others=end_others)
    except Invalid as error:
        faults += error.parameters["errors"]
    if faults:
        raise domain.refused(faults)
    return [await _target(actor, key, step) for step in steps]


async def _target(actor: Actor, key: str, step: Step) -> tuple[Action, Schedule | None, Schedule]:
    before, plan = step.before, step.plan
    if before is None:
        return step.action, None, await schedules.draft(actor, key, plan)
    if step.action is Action.SAME:
        return step.action, before, before
    after = msgspec.structs.replace(
        before, plan=plan, revision=before.revision + 1, ended=step.action is Action.ENDED
    )
    return step.action, before, after
