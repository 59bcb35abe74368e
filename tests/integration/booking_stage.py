"""The application with its deciders behind it, so that what is asked over HTTP is decided."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator

import pytest

from openyard_events import bus
from openyard_infra.embedded.nats import Nats
from openyard_platform import clock
from openyard_platform.domain.people import Role
from openyard_platform.store import partitions
from openyard_workers.deciders import Decider
from tests.integration import people


@pytest.fixture(scope="module")
def nats(servers_directory, request) -> Iterator[Nats]:
    """A server of the module's own: its streams hold nothing of others."""
    name = request.module.__name__.rpartition(".")[2]
    server = Nats(
        servers_directory / f"nats-{name}",
        secret=uuid.uuid4().hex * 2,
        log=servers_directory / "log" / f"nats-{name}.log",
    )
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
async def deciding(app, settings) -> AsyncIterator[None]:
    nc = app.state.nats
    await bus.ensure_streams(nc.jetstream(), settings.partitions)
    await partitions.ensure(settings.partitions)
    stop = asyncio.Event()
    lines = [Decider(settings, nc, number, at_home=True) for number in range(settings.partitions)]
    tasks = [asyncio.create_task(line.serve(stop)) for line in lines]
    yield
    stop.set()
    await asyncio.gather(*tasks)


async def reserve(client, slot_id, seats=1, **wish):
    body = {"slot_id": str(slot_id), "seats": seats, **wish}
    return await client.post("/api/v1/reservations", json=body)


def codes(answer) -> list[str]:
    assert answer.status_code == 409, answer.text
    return [refusal["code"] for refusal in answer.json()["refusals"]]


@pytest.fixture
async def family(app):
    """A family's client; ``client.person``: whose."""
    person = await people.person(Role.FAMILY)
    async with person.client(app) as client:
        client.person = person
        yield client


@pytest.fixture
async def school(app):
    person = await people.person(Role.SCHOOL)
    async with person.client(app) as client:
        client.person = person
        yield client


async def child(client, years: int = 8) -> str:
    """The id of a new child of the client's family, born so many years before this one."""
    sent = {"display_name": "小明", "birth_year": clock.now().year - years, "consent": True}
    answer = await client.post("/api/v1/children", json=sent)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


async def group(client, **changes) -> str:
    """The id of a new study group of the client's school: third grade, 40 pupils, 4 adults."""
    sent = {"name": "三（1）班", "grade": 3, "size": 40, "adults": 4} | changes
    answer = await client.post("/api/v1/study-groups", json=sent)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]
