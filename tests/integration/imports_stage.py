"""A venue with the platform's workers behind it, and calendars that it may upload."""

import asyncio
import datetime as dt
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from litestar import Litestar

from openyard_events import bus
from openyard_infra.embedded.nats import Nats
from openyard_platform import clock
from openyard_platform.settings import Settings
from openyard_platform.store import engine, partitions
from openyard_workers.deciders import Decider
from openyard_workers.intake import Intake
from tests.integration import people

DAY = (clock.now().astimezone(clock.SHANGHAI) + dt.timedelta(days=20)).date()
_SECRET = uuid.uuid4().hex * 2
_ROOMS = iter(range(1000))


@contextmanager
def server(directory: Path, name: str) -> Iterator[Nats]:
    """A server of a module's own: its streams hold nothing of others."""
    made = Nats(
        directory / f"nats-{name}",
        secret=_SECRET,
        log=directory / "log" / f"nats-{name}.log",
        venues=("gallery",),
    )
    made.start()
    yield made
    made.stop()


@asynccontextmanager
async def gallery(app: Litestar, settings: Settings) -> AsyncIterator[uuid.UUID]:
    """The venue; intake and deciders work while it is there."""
    nc = app.state.nats
    await bus.ensure_streams(nc.jetstream(), settings.partitions)
    await partitions.ensure(settings.partitions)
    venue_id = await people.organisation("venue", "gallery")
    stop = asyncio.Event()
    works = [Intake(settings, nc)] + [
        Decider(settings, nc, number, at_home=True) for number in range(settings.partitions)
    ]
    tasks = [asyncio.create_task(work.serve(stop)) for work in works]
    yield venue_id
    stop.set()
    await asyncio.gather(*tasks)


async def space(venue: uuid.UUID, parent: str | None = None) -> str:
    """The key of a new space, perhaps inside another."""
    key = f"room-{next(_ROOMS)}"
    await engine.fetch(
        """INSERT INTO space (id, organisation_id, key, name, parent_id)
           VALUES ($1, $2, $3, $3, (SELECT id FROM space WHERE key = $4))""",
        *(uuid.uuid4(), venue, key, parent),
    )
    return key


async def key_of(person: people.Person) -> str:
    """The key of the person's organisation."""
    row = await engine.fetch_one(
        "SELECT key FROM organisation WHERE id = $1", person.account.organisation_id
    )
    return row["key"]


def event(uid: str, start: int = 9, end: int = 11, *lines: str, day: dt.date = DAY) -> str:
    """From this hour to that of a day, in Shanghai."""
    return "\r\n".join(
        [
            "BEGIN:VEVENT",
            f"UID:{uid}",
            f"SUMMARY:活动 {uid}",
            f"DTSTART;TZID=Asia/Shanghai:{day:%Y%m%d}T{start:02}0000",
            f"DTEND;TZID=Asia/Shanghai:{day:%Y%m%d}T{end:02}0000",
            *lines,
            "END:VEVENT\r\n",
        ]
    )


def calendar(*events: str) -> bytes:
    return ("BEGIN:VCALENDAR\r\n" + "".join(events) + "END:VCALENDAR\r\n").encode()


async def stands(room: str, status: str = "open") -> dict[str, str]:
    """Slots of the room, with their hours, by the UIDs of their events."""
    rows = await engine.fetch(
        """SELECT s.external_id, s.starts_at, s.ends_at
           FROM slot s JOIN space sp ON sp.id = s.space_id
           WHERE sp.key = $1 AND s.status = $2 ORDER BY s.external_id""",
        *(room, status),
    )
    return {
        row["external_id"].split(":", 2)[2]: "–".join(
            f"{row[name].astimezone(clock.SHANGHAI):%H}" for name in ("starts_at", "ends_at")
        )
        for row in rows
    }


async def reserve(room: str, uid: str, seats: int = 3) -> None:
    """As if somebody had seats."""
    await engine.fetch(
        """UPDATE slot SET taken = $3 WHERE external_id LIKE '%:' || $2
           AND space_id = (SELECT id FROM space WHERE key = $1)""",
        *(room, uid, seats),
    )
