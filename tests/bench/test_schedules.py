"""10,000 schedules of a year are expanded and compared with what stands within a minute.

Two processes, as two of the role ``jobs`` would, read the calendar, the terms and the slots that
stand, and find out what to publish; publishing is not part of it. OPENYARD_SCHEDULES=10000 measures
them all, which takes minutes: their slots, over four million, must be there first.
"""

import asyncio
import datetime as dt
import multiprocessing
import os
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ProcessPoolExecutor

import msgspec
import psutil
import pytest

from openyard_calendars import day_kinds
from openyard_infra.bench import seed
from openyard_platform import ids
from openyard_platform.actions import calendar_days, schedules
from openyard_platform.domain.schedule_slots import Changes
from openyard_platform.domain.schedules import SHANGHAI, Schedule, parse
from openyard_platform.store import engine

MANY = int(os.environ.get("OPENYARD_SCHEDULES", "200"))
IN_A_VENUE = 10
AT_ONCE = 1_000
CORES = 2
# What a schedule may take of a processor so that 10,000 are done in a minute.
ALLOWED = CORES * 60 / 10_000
# Beside other work a second of a processor is worth less: three times what a quiet machine needs.
SLACK = 1 if "OPENYARD_SCHEDULES" in os.environ else 3

Counts = tuple[int, ...]

NOW = dt.datetime(2026, 1, 1, tzinfo=SHANGHAI)
PLAN = {
    "title": "周末开放",
    "spaces": ["hall"],
    "rrule": "FREQ=WEEKLY;BYDAY=SA,SU",
    "starts_on": "2026-01-02",
    "ends_on": "2026-12-30",
    "from": "09:00",
    "to": "17:00",
    "slot_minutes": 120,
    "capacity": 20,
    "audiences": ["family", "resident"],
    "exceptions": [{"date": "2026-05-16", "kind": "closed"}],
    "horizon_weeks": 52,
}


class Spent(msgspec.Struct):
    """Seconds: on the clock, and of all processors."""

    clock: float = 0.0
    processors: float = 0.0

    def add(self, other: "Spent") -> None:
        self.clock += other.clock
        self.processors += other.processors


@pytest.fixture
def processes() -> Iterator[ProcessPoolExecutor]:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(CORES, mp_context=context) as pool:
        yield pool


@pytest.fixture
async def url(postgres) -> AsyncIterator[str]:
    url = postgres.fresh("schedules")
    await engine.connect(url, size=4)
    holidays = {dt.date(2026, 10, day) for day in range(1, 8)}
    worked = {dt.date(2026, 9, 20), dt.date(2026, 10, 10)}
    await calendar_days.load_year(day_kinds.of_year(2026, holidays, worked), {}, NOW)
    yield url
    await engine.disconnect()


async def stated(count: int) -> list[Schedule]:
    """Schedules of venues with ten spaces each, one schedule for each space."""
    found = []
    async with engine.transaction() as connection:
        for venue, _ in await seed.venues(connection, count // IN_A_VENUE):
            for number in range(IN_A_VENUE):
                space = f"room-{number}"
                await connection.execute(
                    "INSERT INTO space (id, organisation_id, key, name) VALUES ($1, $2, $3, $3)",
                    *(ids.new(), venue, space),
                )
                one = Schedule(
                    id=ids.new(),
                    venue_id=venue,
                    venue_key="bench",
                    district="bench",
                    plan=parse(PLAN | {"spaces": [space]}),
                    revision=1,
                )
                found.append(one)
    return found


async def publish(schedule: Schedule) -> int:
    """Let the slots stand as if the deciders had taken them; how many there are."""
    slots = (await schedules.pending(schedule, NOW)).added
    await engine.fetch(
        """INSERT INTO slot (id, venue_id, external_id, version, status, space_id, title,
               starts_at, ends_at, capacity, audiences, created_at, updated_at)
           SELECT uuidv7(), $1, external_id, 1, 'open', sp.id, $2, starts_at, ends_at, $3, $4,
               $5, $5
           FROM unnest($6::text[], $7::timestamptz[], $8::timestamptz[])
               AS q (external_id, starts_at, ends_at)
           JOIN space sp ON sp.organisation_id = $1 AND sp.key = $9""",
        *(schedule.venue_id, schedule.plan.title, schedule.plan.capacity),
        *(list(schedule.plan.audiences), NOW),
        [slot.external_id for slot in slots],
        [slot.starts_at for slot in slots],
        [slot.ends_at for slot in slots],
        schedule.plan.spaces[0],
    )
    return len(slots)


def counts(changes: Changes) -> Counts:
    """How many are added, moved, changed, closed and kept: all that is remembered of a schedule."""
    return tuple(len(getattr(changes, name)) for name in Changes.__struct_fields__)


def work(url: str, known: list[Schedule]) -> tuple[list[Counts], float, float, float]:
    """How much to publish of each; when that began and ended; seconds of this process."""
    return asyncio.run(_work(url, known))


async def _work(url: str, known: list[Schedule]) -> tuple[list[Counts], float, float, float]:
    await engine.connect(url, size=1)
    try:
        await schedules.pending(known[0], NOW)  # the first statement of each kind is prepared
        began, used = time.monotonic(), time.process_time()
        found = [counts(await schedules.pending(one, NOW)) for one in known]
        return found, began, time.monotonic(), time.process_time() - used
    finally:
        await engine.disconnect()


async def compare(
    pool: ProcessPoolExecutor, url: str, known: list[Schedule]
) -> tuple[list[Counts], Spent]:
    """How much to publish of each schedule, found by two processes, and what that took."""
    loop = asyncio.get_running_loop()
    before = _postgres()
    share = -(-len(known) // CORES)
    halves = await asyncio.gather(
        *(
            loop.run_in_executor(pool, work, url, known[first : first + share])
            for first in range(0, len(known), share)
        )
    )
    clock = max(half[2] for half in halves) - min(half[1] for half in halves)
    processors = sum(half[3] for half in halves) + _postgres() - before
    return [one for half in halves for one in half[0]], Spent(clock, processors)


def _postgres() -> float:
    """Seconds that the server's processes have used, those that have ended included."""
    servers = [one for one in psutil.Process().children() if one.name() == "postgres"]
    times = [one.cpu_times() for one in servers]
    times += [one.cpu_times() for server in servers for one in server.children(recursive=True)]
    ended = sum(one.children_user + one.children_system for one in times)
    return ended + sum(one.user + one.system for one in times)


def _later(schedule: Schedule) -> Schedule:
    """An hour later, and one slot less a day: each is moved or closed."""
    plan = msgspec.structs.replace(schedule.plan, from_="10:00")
    return msgspec.structs.replace(schedule, revision=2, plan=plan)


@pytest.mark.timeout(3600)
async def test_ten_thousand_schedules_of_a_year_are_compared_in_a_minute(processes, url):
    new, standing, changed, slots = Spent(), Spent(), Spent(), 0
    for _ in range(0, MANY, AT_ONCE):
        known = await stated(min(AT_ONCE, MANY))
        added, spent = await compare(processes, url, known)
        new.add(spent)
        stand = [await publish(schedule) for schedule in known]
        slots += sum(stand)
        assert added == [(count, 0, 0, 0, 0) for count in stand]
        await engine.fetch("VACUUM ANALYZE slot")

        same, spent = await compare(processes, url, known)
        standing.add(spent)
        assert same == [(0, 0, 0, 0, 0)] * len(known)

        other, spent = await compare(processes, url, [_later(one) for one in known])
        changed.add(spent)
        assert other == [(0, count * 3 // 4, 0, count // 4, 0) for count in stand]
        await engine.fetch("TRUNCATE slot CASCADE")
    for name, one in (("new", new), ("standing", standing), ("changed", changed)):
        print(  # noqa: T201 - the figure for docs/benchmarks.md, with pytest -s
            f"{name}: {MANY} schedules with {slots:,} slots in {one.clock:.1f} s, "
            f"{MANY / one.clock:.0f} a second; "
            f"{one.processors / MANY * 1000:.1f} ms of a processor each"
        )
        # Seconds of processors, not of the clock: other tests run on it, too.
        assert one.processors / MANY <= ALLOWED * SLACK
