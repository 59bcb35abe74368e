"""Applying an import: each item is published like any other slot of the venue."""

import asyncio
import datetime as dt
import logging
from collections.abc import Callable, Sequence

from openyard_events.contracts import SlotOffered, SlotWithdrawn
from openyard_events.publisher import PublishingFailed, SlotPublisher
from openyard_platform.actions.imports import CLAIM
from openyard_platform.domain import import_items
from openyard_platform.domain.imports import Change, Import, Item, Result
from openyard_platform.store import imports as records
from openyard_platform.store import receipts

_log = logging.getLogger(__name__)

_AT_ONCE = 32
_SOON = dt.timedelta(seconds=10)
_TOUCHING = {Change.GONE, Change.MOVED}

Now = Callable[[], dt.datetime]


async def work(publisher: SlotPublisher, now: Now) -> bool:
    """Go on with one that its process has left in the middle; False: there is none."""
    claimed = await records.claim(now(), now() + CLAIM)
    if claimed is None:
        return False
    await carry_out(publisher, claimed, now)
    return True


async def carry_out(publisher: SlotPublisher, made: Import, now: Now) -> bool:
    """Publish what has no receipt yet; False: some got none, and it is gone on with later.

    Whoever does so in whatever process, an item always has the same id as a message, so that its
    first outcome is its only one.
    """
    items = await records.unpublished(made.id)
    untouchable = set() if made.touched == "change" else await _reserved(made, items)
    for wave in import_items.waves(items, _AT_ONCE):
        try:
            results = await asyncio.gather(
                *(_publish(publisher, made, no, item, untouchable) for no, item in wave)
            )
        except PublishingFailed as error:
            _log.warning("Import %s of %s waits: %s", made.id, made.venue_key, error)
            await records.release(made.id, now() + _SOON)
            return False
        numbers = [no for no, _ in wave]
        await records.note(made.id, list(zip(numbers, results, strict=True)), now() + CLAIM)
    await records.finish(made.id, now())
    _log.info("Import %s of %s is applied: %s", made.id, made.venue_key, made.counts)
    return True


async def _reserved(made: Import, items: Sequence[tuple[int, Item]]) -> set[str]:
    """Slots that would be moved or withdrawn under somebody; not what has been already."""
    touching = {
        item.external_id: (made.venue_id, _ce_id(made, no))
        for no, item in items
        if item.change in _TOUCHING
    }
    found = await records.reserved(made.venue_id, touching.keys())
    answered = await receipts.stored([touching[name] for name in found])
    return {name for name in found if touching[name] not in answered}


def _ce_id(made: Import, no: int) -> str:
    return f"import-{made.id.hex}-{no}"


async def _publish(
    publisher: SlotPublisher, made: Import, no: int, item: Item, untouchable: set[str]
) -> Result:
    if item.change in _TOUCHING and item.external_id in untouchable:
        return Result(status="kept")
    receipt = await publisher.publish(
        made.venue_key,
        _message(item),
        changed=item.change is not Change.ADDED,
        ce_id=_ce_id(made, no),
    )
    return Result(
        status=receipt.status,
        slot_id=receipt.slot_id,
        version=receipt.version,
        errors=receipt.errors,
    )


def _message(item: Item) -> SlotOffered | SlotWithdrawn:
    message = item.offer or item.withdrawal
    if message is None:
        raise RuntimeError(f"There is nothing to publish of {item.external_id}.")
    return message
