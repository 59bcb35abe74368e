"""Loading the demo city: people by rows, slots the way every venue publishes them."""

import asyncio
import datetime as dt
from collections.abc import Callable

from msgspec import Struct

from openyard_events.contracts import Receipt, SlotOffered
from openyard_events.publisher import PublishingFailed, VenuePublisher
from openyard_infra.demo import city, credentials, rows
from openyard_infra.demo.city import SEED, City
from openyard_infra.demo.stable import stable_id
from openyard_platform import passwords
from openyard_platform.clock import SHANGHAI
from openyard_platform.settings import Settings
from openyard_platform.store import audit, engine

Progress = Callable[[str, int, int], None]

# The audit log keeps both marks: it is append-only, and says when the city was loaded.
_MARK = stable_id(SEED, "the demo city")
_BEGUN, _LOADED = "demo.begun", "demo.loaded"

_VENUES_AT_ONCE = 8
_SLOTS_AT_ONCE = 64


class DemoNotLoaded(Exception):
    """The demo city is not complete; the next start goes on from here. The message says why."""


class DemoSummary(Struct, frozen=True, kw_only=True):
    """``published``: slots of this run; 0 when the city was already there."""

    organisations: int
    accounts: int
    slots: int
    published: int


async def load(settings: Settings, secret: str, today: dt.date, progress: Progress) -> DemoSummary:
    """Make the demo city complete; one that is complete stays as it is.

    ``secret``: the data directory's. ``progress``: called with what, how many are done, and how
    many there are. The streams, the intake and the deciders must run.

    Raises:
        DemoNotLoaded: a slot was refused or its receipt did not come.
    """
    await engine.connect(settings.database_url, size=2, application="openyard demo")
    try:
        return await _load(settings, secret, today, progress)
    finally:
        await engine.disconnect()


async def _load(settings: Settings, secret: str, today: dt.date, progress: Progress) -> DemoSummary:
    begun = await _begun_on()
    made = city.build(SEED, begun or today)
    if begun is None:
        progress("organisations and people", 0, 1)
        await _insert(made, settings, secret, today)
        progress("organisations and people", 1, 1)
    published = 0
    if await _marked(_LOADED) is None:
        # Of a load that was interrupted days ago, what is past by now is left out.
        published = await _publish(settings, made, today, progress)
        await audit.record(_midnight(today), None, _LOADED, _MARK, published=published)
    return DemoSummary(
        organisations=len(made.organisations),
        accounts=len(made.accounts),
        slots=sum(len(slots) for slots in made.slots.values()),
        published=published,
    )


async def _insert(made: City, settings: Settings, secret: str, today: dt.date) -> None:
    at = _midnight(today)
    keys = rows.Keys(
        secret=secret,
        secret_key=settings.secret_key,
        # One hash for all of them: each costs some twenty milliseconds and as many megabytes.
        password_hash=passwords.hash_now(credentials.password(secret)),
    )
    async with engine.transaction() as connection:
        await rows.insert(connection, made, keys, at)
        await audit.record(at, None, _BEGUN, _MARK, today=today.isoformat(), seed=SEED)


async def _publish(settings: Settings, made: City, today: dt.date, progress: Progress) -> int:
    there = {
        (row["key"], row["external_id"])
        for row in await engine.fetch(
            "SELECT o.key, s.external_id FROM slot s JOIN organisation o ON o.id = s.venue_id"
        )
    }
    missing = {
        key: [
            slot
            for slot in slots
            if slot.starts_at.date() > today and (key, slot.external_id) not in there
        ]
        for key, slots in made.slots.items()
    }
    progressed = _Count(progress, sum(len(slots) for slots in missing.values()))
    gate = asyncio.Semaphore(_VENUES_AT_ONCE)
    try:
        async with asyncio.TaskGroup() as group:
            for key, slots in missing.items():
                if slots:
                    group.create_task(_publish_one(settings, key, slots, gate, progressed))
    except ExceptionGroup as failed:
        ours = failed.subgroup((PublishingFailed, DemoNotLoaded))
        if ours is None:
            raise
        so_far = f"{progressed.done} of {progressed.total} slots are published"
        raise DemoNotLoaded(f"{so_far}: {ours.exceptions[0]}") from failed
    return progressed.total


async def _publish_one(
    settings: Settings,
    key: str,
    slots: list[SlotOffered],
    gate: asyncio.Semaphore,
    progressed: "_Count",
) -> None:
    async with gate, VenuePublisher(settings.nats_url, key) as venue:
        for receipt in await venue.publish_many(slots, _SLOTS_AT_ONCE, done=progressed.one_more):
            if receipt.status == "refused":
                raise DemoNotLoaded(f"{key}: a slot was refused: {receipt.errors[0].message}")


class _Count:
    """Counts slots together that several venues publish at the same time."""

    def __init__(self, progress: Progress, total: int) -> None:
        self.done = 0
        self.total = total
        self._progress = progress

    def one_more(self, index: int, receipt: Receipt) -> None:
        del index, receipt
        self.done += 1
        self._progress("slots", self.done, self.total)


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), SHANGHAI)


async def _marked(action: str) -> dict[str, str] | None:
    row = await engine.fetch_one(
        "SELECT detail FROM audit WHERE subject_id = $1 AND action = $2", _MARK, action
    )
    return None if row is None else row["detail"]


async def _begun_on() -> dt.date | None:
    detail = await _marked(_BEGUN)
    return None if detail is None else dt.date.fromisoformat(detail["today"])
