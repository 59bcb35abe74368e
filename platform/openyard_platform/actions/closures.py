"""Closing a venue for a while: each slot is withdrawn on the bus, like any other slot."""

import asyncio
import datetime as dt
from collections.abc import Callable, Sequence
from uuid import UUID

from msgspec import Struct

from openyard_events.contracts import Receipt, SlotWithdrawn
from openyard_events.publisher import PublishingFailed, SlotPublisher
from openyard_platform.actions import venues
from openyard_platform.domain import closures as domain
from openyard_platform.domain.closures import Closure, Standing
from openyard_platform.domain.errors import NotFound, Unavailable
from openyard_platform.domain.people import Actor
from openyard_platform.store import audit, engine, receipts, schedules, spaces
from openyard_platform.store import closures as records
from openyard_platform.store.closures import Touched

_AT_ONCE = 32
_FOREVER = dt.datetime(9999, 1, 1, tzinfo=dt.UTC)
# A slot that its venue has changed meanwhile stands at another version: it is tried again.
_ROUNDS = 3


class Closed(Struct, frozen=True, kw_only=True):
    """A slot that this closure has withdrawn; ``receipt`` None: it is open still."""

    slot: Touched
    receipt: Receipt | None


async def preview(actor: Actor, key: str, closure: Closure, now: dt.datetime) -> list[Touched]:
    """The open slots that it would withdraw; nothing changes.

    Raises:
        NotFound, NotAllowed: not the actor's venue, or not the actor's task there.
        Invalid: it is no closure, or a space is unknown.
    """
    venue_id = venues.writer_of(actor, key)
    found = await _touched(venue_id, closure, now)
    return [slot for slot in found if slot.is_open]


async def close(
    publisher: SlotPublisher,
    actor: Actor,
    key: str,
    closure: Closure,
    now: Callable[[], dt.datetime],
) -> list[Closed]:
    """Withdraw every open slot that lies in it. The same asked again has the same answer.

    It is remembered: opening schedules publish nothing into it. Slots that the venue states itself
    are open all the same.

    Slots that are open in the answer got none from the platform in time: ask again for them.

    Raises:
        NotFound, NotAllowed, Invalid: as for ``preview``.
        Unavailable: the bus took nothing.
    """
    venue_id = venues.writer_of(actor, key)
    asked_at = now()
    await _touched(venue_id, closure, asked_at)  # raises what is wrong with it
    # First of all, or a schedule might publish into it meanwhile.
    is_new = await records.remember(venue_id, closure, actor.account_id, asked_at)
    for number in range(_ROUNDS):
        found = await _touched(venue_id, closure, asked_at)
        standing = [slot for slot in found if slot.is_open]
        if number == 0 and (standing or is_new):
            await _note(asked_at, actor, venue_id, closure, len(standing))
        if not standing:
            break
        answers = await _withdraw(publisher, key, closure, standing)
        if None in answers:
            if not any(answers):
                raise Unavailable("The platform gave no answer. Please try again.")
            break
    return await _outcome(venue_id, closure, await _touched(venue_id, closure, asked_at))


async def listed(actor: Actor, key: str, now: dt.datetime) -> list[Standing]:
    """The venue's closures that are not over.

    Raises:
        NotFound, NotAllowed: as for ``preview``.
    """
    return await records.standing(venues.writer_of(actor, key), now, _FOREVER)


async def lift(actor: Actor, key: str, closure_id: UUID, now: dt.datetime) -> None:
    """Let opening schedules publish there again; what was withdrawn stays so.

    Raises:
        NotFound, NotAllowed: as for ``preview``, or there is no such closure.
    """
    venue_id = venues.writer_of(actor, key)
    async with engine.transaction():
        if not await records.lift(venue_id, closure_id, now):
            raise NotFound("There is no such closure.")
        await schedules.hurry_venue(venue_id, now)
        await audit.record(now, actor.account_id, "closure.lifted", closure_id)


async def _touched(venue_id: UUID, closure: Closure, now: dt.datetime) -> list[Touched]:
    domain.check(closure, now)
    space_ids = None
    if closure.spaces is not None:
        space_ids = await _beside(venue_id, closure.spaces)
    return await records.touched(venue_id, closure.starts_at, closure.ends_at, space_ids, now)


async def _beside(venue_id: UUID, keys: Sequence[str]) -> set[UUID]:
    """These spaces, those inside them and those that contain them: all that share a leaf."""
    known = {key: space for (_, key), space in (await spaces.of_venues(engine, [venue_id])).items()}
    for key in keys:
        if key not in known:
            raise domain.unknown_space(key)
    leaves = {leaf for key in keys for leaf in known[key].leaves}
    return {space.id for space in known.values() if leaves.intersection(space.leaves)}


async def _withdraw(
    publisher: SlotPublisher, key: str, closure: Closure, slots: Sequence[Touched]
) -> list[Receipt | None]:
    room = asyncio.Semaphore(_AT_ONCE)
    lost = asyncio.Event()

    async def one(slot: Touched) -> Receipt | None:
        version = slot.version + 1
        message = SlotWithdrawn(
            external_id=slot.external_id, version=version, reason=closure.reason.strip()
        )
        async with room:
            # Where one got no answer, the others would each wait as long for none.
            if lost.is_set():
                return None
            try:
                return await publisher.publish(
                    key,
                    message,
                    changed=True,
                    ce_id=domain.message_id(closure, slot.external_id, version),
                )
            except PublishingFailed:
                lost.set()
                return None

    return list(await asyncio.gather(*(one(slot) for slot in slots)))


async def _outcome(venue_id: UUID, closure: Closure, found: Sequence[Touched]) -> list[Closed]:
    """What stands now: also what an earlier, equal request has withdrawn."""
    keys = {
        (venue_id, domain.message_id(closure, slot.external_id, slot.version)): slot
        for slot in found
        if not slot.is_open
    }
    answered = await receipts.stored(list(keys)) if keys else {}
    withdrawn = {
        keys[key].slot_id: receipt
        for key, receipt in answered.items()
        if receipt.status == "accepted"
    }
    return [
        Closed(slot=slot, receipt=withdrawn.get(slot.slot_id))
        for slot in found
        if slot.is_open or slot.slot_id in withdrawn
    ]


async def _note(
    now: dt.datetime, actor: Actor, venue_id: UUID, closure: Closure, slots: int
) -> None:
    await audit.record(
        *(now, actor.account_id, "venue.closed", venue_id),
        starts_at=closure.starts_at.isoformat(),
        ends_at=closure.ends_at.isoformat(),
        spaces=closure.spaces,
        slots=slots,
    )
