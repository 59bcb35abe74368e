"""A venue's calendar at an address: read again and again, and shown as what it would change.

Nothing of it is applied by itself: what is read becomes a preview, which the venue applies.
"""

import datetime as dt
import hashlib
import logging
from collections.abc import Callable, Sequence
from uuid import UUID

import msgspec

from openyard_events.contracts import FieldError
from openyard_platform import fetching, ids, sandbox
from openyard_platform.actions import imports, venues
from openyard_platform.domain.calendar_addresses import (
    MOST,
    CalendarAddress,
    Outcome,
    Wanted,
    next_at,
)
from openyard_platform.domain.errors import Conflict, Invalid, NotFound
from openyard_platform.domain.imports import PUBLISHED, Change, Status
from openyard_platform.domain.people import Actor
from openyard_platform.fetching import CannotFetch, Network
from openyard_platform.store import audit, engine
from openyard_platform.store import calendar_addresses as records
from openyard_platform.store import imports as import_records

_log = logging.getLogger(__name__)

# Longer than fetching and reading take together.
_CLAIM = dt.timedelta(minutes=5)
_SHOWN = frozenset({*PUBLISHED, Change.CONFLICT})


async def add(
    actor: Actor, key: str, url: str, wanted: Wanted, now: dt.datetime
) -> CalendarAddress:
    """Have an address read from now on.

    Raises:
        NotFound, NotAllowed: not the actor's venue, or not the actor's task there.
        Invalid: with ``errors``: it is no address, or the instructions make no sense.
        Conflict: the calendar has an address already, or the venue has too many.
    """
    venue_id = venues.writer_of(actor, key)
    try:
        url = fetching.check(url)
    except CannotFetch as error:
        fault = FieldError(path="url", code=error.code, message=str(error))
        raise Invalid("The address is refused.", errors=[fault]) from error
    await imports.check(venue_id, wanted.at(now), now)
    made = CalendarAddress(
        id=ids.new(), venue_id=venue_id, venue_key=key, url=url, wanted=wanted, due_at=now
    )
    async with engine.transaction():
        if len(await records.of_venue(venue_id)) >= MOST:
            raise Conflict(f"A venue has at most {MOST} addresses.", code="too_many_addresses")
        await records.insert(made, now)
        # Not the address: it may be a secret, and nobody can take it out of the log again.
        await audit.record(
            *(now, actor.account_id, "calendar_address.added", made.id), source=wanted.source
        )
    return made


async def listed(actor: Actor, key: str) -> Sequence[CalendarAddress]:
    """Raises NotFound, NotAllowed: as for ``add``."""
    return await records.of_venue(venues.writer_of(actor, key))


async def remove(actor: Actor, key: str, address_id: UUID, now: dt.datetime) -> None:
    """Read it no more; what was applied of it stays.

    Raises:
        NotFound, NotAllowed: as for ``add``, or there is no such address.
    """
    venue_id = venues.writer_of(actor, key)
    async with engine.transaction():
        if not await records.delete(venue_id, address_id):
            raise NotFound("There is no such address.")
        await audit.record(now, actor.account_id, "calendar_address.removed", address_id)


async def hurry(actor: Actor, key: str, address_id: UUID, now: dt.datetime) -> None:
    """Have it read at once. Raises NotFound, NotAllowed: as for ``remove``."""
    if not await records.hurry(venues.writer_of(actor, key), address_id, now):
        raise NotFound("There is no such address.")


async def work(now: Callable[[], dt.datetime], network: Network | None = None) -> bool:
    """Read one address that is due; False: none is."""
    claimed = await records.claim(now(), now() + _CLAIM)
    if claimed is None:
        return False
    after = _failed(claimed, "failed")
    try:
        after = await _read(claimed, now(), network or Network())
    except CannotFetch as error:
        after = _failed(claimed, error.code)
    except Invalid as error:
        faults = error.parameters.get("errors") or ()
        after = _failed(claimed, faults[0].code if faults else error.code)
    finally:
        at = now()
        due_at = next_at(after.failures, at)
        after = msgspec.structs.replace(after, fetched_at=at, due_at=due_at)
        await records.finish(claimed, after)
    _log.info(
        "Calendar address %s of %s: %s %s",
        *(claimed.id, claimed.venue_key, after.outcome, after.reason),
    )
    return True


async def _read(address: CalendarAddress, now: dt.datetime, network: Network) -> CalendarAddress:
    """The address as it is after this reading.

    Raises:
        CannotFetch, Invalid: it stays as it was.
    """
    standing = await _standing(address, now)
    # A file whose preview is gone unapplied is asked for whole again.
    got = await fetching.fetch(
        address.url,
        etag=address.etag if standing else "",
        modified=address.modified if standing else "",
        network=network,
    )
    good = msgspec.structs.replace(address, failures=0, reason="")
    if got.data is None:
        return msgspec.structs.replace(good, outcome=standing)
    digest = hashlib.sha256(got.data).digest()
    good = msgspec.structs.replace(good, etag=got.etag, modified=got.modified, digest=digest)
    if standing and digest == address.digest:
        return msgspec.structs.replace(good, outcome=standing)
    told = address.wanted.at(now)
    await imports.check(address.venue_id, told, now)
    found = await imports.read_with(sandbox.read_calendar, told, got.data)
    made, items = await imports.reckon(address.venue_id, address.venue_key, told, found, now)
    if not any(item.change in _SHOWN for item in items):
        return msgspec.structs.replace(good, outcome=Outcome.SAME, import_id=None)
    await imports.keep(made, items)
    return msgspec.structs.replace(good, outcome=Outcome.CHANGED, import_id=made.id)


async def _standing(address: CalendarAddress, now: dt.datetime) -> Outcome | None:
    """What is to be said while the file stays as it is; None: it has to be read again."""
    if address.digest is None:
        return None
    if address.import_id is None:
        return Outcome.SAME
    made = await import_records.one(address.venue_id, address.import_id)
    if made is None or made.has_expired(now):
        return None
    return Outcome.CHANGED if made.status is Status.PREVIEWED else Outcome.SAME


def _failed(address: CalendarAddress, code: str) -> CalendarAddress:
    return msgspec.structs.replace(
        address, outcome=Outcome.FAILED, reason=code, failures=address.failures + 1
    )
