"""A venue whose slots are decided: the web, an intake and deciders on a bus of the module's own."""

import asyncio
import datetime as dt
import itertools
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest

from openyard_events import bus
from openyard_infra.embedded.nats import Nats
from openyard_platform import clock
from openyard_platform.domain.people import Role
from openyard_platform.store import engine, partitions
from openyard_workers.deciders import Decider
from openyard_workers.due import Clock
from openyard_workers.intake import Intake
from tests.integration import people

_SECRET = uuid.uuid4().hex * 2
# Each slot has an hour of its own, far enough ahead to be cancelled.
_HOURS = itertools.count(24 * 40, 2)


@pytest.fixture(scope="module")
def nats(servers_directory, request) -> Iterator[Nats]:
    """A server of this module's own: its streams hold nothing of others."""
    name = f"nats-{request.module.__name__.rpartition('.')[2]}"
    server = Nats(
        servers_directory / name,
        secret=_SECRET,
        log=servers_directory / "log" / f"{name}.log",
        venues=("gallery",),
    )
    server.start()
    yield server
    server.stop()


class Workers:
    """``paused`` ones decide nothing; what is asked meanwhile waits in line."""

    def __init__(self, settings, nc) -> None:
        self._settings = settings
        self._nc = nc
        self._stop = asyncio.Event()
        self._tasks: list[asyncio.Task] = []

    def start(self) -> None:
        self._stop.clear()
        numbers = range(self._settings.partitions)
        deciders = [Decider(self._settings, self._nc, number, at_home=True) for number in numbers]
        works = [Intake(self._settings, self._nc), Clock(self._nc, deciders), *deciders]
        self._tasks = [asyncio.create_task(work.serve(self._stop)) for work in works]

    async def stop(self) -> None:
        self._stop.set()
        await asyncio.gather(*self._tasks)


@pytest.fixture(scope="module")
async def workers(app, settings) -> AsyncIterator[Workers]:
    nc = app.state.nats
    await bus.ensure_streams(nc.jetstream(), settings.partitions)
    await partitions.ensure(settings.partitions)
    workers = Workers(settings, nc)
    workers.start()
    yield workers
    await workers.stop()


@pytest.fixture(scope="module")
async def gallery(app) -> uuid.UUID:
    """The venue: a hall with two courts, and a shareable room."""
    assert app.state.nats.is_connected
    venue_id = await people.organisation("venue", "gallery")
    hall = uuid.uuid4()
    for space_id, key, name, parent in (
        (hall, "hall", "大厅", None),
        (uuid.uuid4(), "court-1", "一号场", hall),
        (uuid.uuid4(), "court-2", "二号场", hall),
        (uuid.uuid4(), "studio", "画室", None),
    ):
        await engine.fetch(
            "INSERT INTO space (id, organisation_id, key, name, parent_id)"
            " VALUES ($1, $2, $3, $4, $5)",
            *(space_id, venue_id, key, name, parent),
        )
    return venue_id


@pytest.fixture(scope="module")
async def staff(app, workers, gallery) -> AsyncIterator[httpx.AsyncClient]:
    assert workers is not None
    person = await people.person(Role.VENUE, gallery)
    async with person.client(app) as client:
        yield client


def body(**changes: Any) -> dict[str, Any]:
    """A slot as the venue states it."""
    begin = clock.now().replace(minute=0, second=0, microsecond=0)
    starts_at = begin + dt.timedelta(hours=next(_HOURS))
    return {
        "external_id": uuid.uuid4().hex,
        "version": 1,
        "space": "hall",
        "starts_at": starts_at.isoformat(),
        "ends_at": (starts_at + dt.timedelta(hours=1)).isoformat(),
        "capacity": 2,
        "title": "周末开放",
    } | changes


async def opened(staff: httpx.AsyncClient, **changes: Any) -> str:
    """The id of a new slot of the venue."""
    answer = await staff.post("/api/v1/venues/gallery/slots", json=body(**changes))
    assert answer.status_code == 201, answer.text
    return str(answer.json()["slot_id"])


async def reserved(client: httpx.AsyncClient, slot: str, seats: int = 1, **wish: Any) -> dict:
    answer = await client.post(
        "/api/v1/reservations", json={"slot_id": slot, "seats": seats, **wish}
    )
    assert answer.status_code == 201, answer.text
    return answer.json()
