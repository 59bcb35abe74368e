"""Making a schedule's slots so: each change is published like any other slot of the venue."""

import asyncio
import datetime as dt
import itertools
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence

from openyard_events.contracts import Receipt, SlotOffered, SlotWithdrawn
from openyard_events.publisher import PublishingFailed, SlotPublisher
from openyard_platform.actions import schedules
from openyard_platform.domain.errors import OpenyardError
from openyard_platform.domain.schedule_slots import REASON, Changes, LiveSlot, Move
from openyard_platform.domain.schedules import SHANGHAI, Schedule, next_night
from openyard_platform.store import schedules as records
from openyard_platform.store.schedules import Claimed

_log = logging.getLogger(__name__)

# Longer than the largest schedule takes; a process that dies leaves it to another then.
_CLAIM = dt.timedelta(minutes=15)
_SOON = dt.timedelta(minutes=1)
_AT_ONCE = 32


async def work(publisher: SlotPublisher, now: Callable[[], dt.datetime]) -> bool:
    """Bring one schedule that is due into being; False: none is."""
    claimed = await records.claim(now(), now() + _CLAIM)
    if claimed is None:
        return False
    due_at: dt.datetime | None = now() + _SOON
    try:
        if await materialise(publisher, claimed.schedule, now()):
            due_at = _next(claimed, now())
    except OpenyardError:
        # Stated before a rule that refuses it now: it must not keep the others waiting.
        _log.exception("Schedule %s cannot be expanded", claimed.schedule.id)
        due_at = next_night(now())
    finally:
        await records.finish(claimed, due_at)
    return True


async def materialise(publisher: SlotPublisher, schedule: Schedule, now: dt.datetime) -> bool:
    """Publish what differs from the plan within the horizon; False: some got no answer."""
    changes = await schedules.pending(schedule, now)
    answers = await _publish(publisher, schedule.venue_key, changes)
    refused = [one for one in answers if one is not None and one.status == "refused"]
    for one in refused:
        _log.warning("Schedule %s: refused: %s", schedule.id, [error.code for error in one.errors])
    if answers:
        _log.info(
            "Schedule %s: %d added, %d moved, %d changed, %d closed, %d refused",
            *(schedule.id, len(changes.added), len(changes.moved), len(changes.changed)),
            *(len(changes.closed), len(refused)),
        )
    return None not in answers


async def _publish(publisher: SlotPublisher, key: str, changes: Changes) -> list[Receipt | None]:
    """First what makes room, then what moves, each day in its order, then what comes in."""
    room = asyncio.Semaphore(_AT_ONCE)
    lost = asyncio.Event()

    async def one(slot: SlotOffered | SlotWithdrawn, *, changed: bool = True) -> Receipt | None:
        async with room:
            # Where one got no answer, the others would each wait as long for none.
            if lost.is_set():
                return None
            try:
                return await publisher.publish(key, slot, changed=changed)
            except PublishingFailed as error:
                _log.warning("%s: %s", key, error)
                lost.set()
                return None

    async def in_turn(moves: Sequence[Move]) -> list[Receipt | None]:
        return [await one(move.slot) for move in moves]

    closed = await _all(one(_withdrawal(slot)) for slot in changes.closed)
    by_day = itertools.groupby(sorted(changes.moved, key=_day), key=_day)
    moved = await asyncio.gather(*(in_turn(list(moves)) for _, moves in by_day))
    changed = await _all(one(move.slot) for move in changes.changed)
    added = await _all(one(slot, changed=False) for slot in changes.added)
    return [*closed, *itertools.chain(*moved), *changed, *added]


async def _all(answers: Iterable[Awaitable[Receipt | None]]) -> list[Receipt | None]:
    return list(await asyncio.gather(*answers))


def _withdrawal(slot: LiveSlot) -> SlotWithdrawn:
    return SlotWithdrawn(external_id=slot.external_id, version=slot.version + 1, reason=REASON)


def _day(move: Move) -> dt.date:
    return move.before.starts_at.astimezone(SHANGHAI).date()


def _next(claimed: Claimed, now: dt.datetime) -> dt.datetime | None:
    schedule = claimed.schedule
    over = schedule.plan.ends_on < now.astimezone(SHANGHAI).date()
    return None if schedule.ended or over else next_night(now)
