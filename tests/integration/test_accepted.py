"""What was accepted is never answered as if nothing had happened."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from litestar import Litestar
from msgspec.structs import replace

from openyard_events import bus
from openyard_platform.domain.people import Role
from openyard_platform.settings import Settings
from openyard_platform.web.app import create_app
from tests.integration import people
from tests.integration import slots_stage as stage
from tests.integration.conftest import running
from tests.integration.gate import Gate


@pytest.fixture
async def gate(database_url: str) -> AsyncIterator[Gate]:
    async with Gate(database_url) as gate:
        yield gate


@pytest.fixture
async def app(settings: Settings, gate: Gate) -> AsyncIterator[Litestar]:
    """The application, which reaches its database through the gate; nobody decides."""
    nc = await bus.connect(settings.nats_url, name="test")
    await bus.ensure_streams(nc.jetstream(), settings.partitions)
    await nc.close()
    through = replace(settings, database_url=gate.url, decision_wait=0.5)
    async with running(create_app(through)) as application:
        yield application


async def test_without_its_database_the_platform_still_says_that_it_has_accepted(
    app: Litestar, gate: Gate, settings: Settings
):
    slot = await stage.slot(await stage.venue())
    family = await people.person(Role.FAMILY)
    nc = await bus.connect(settings.nats_url, name="test")
    line = await nc.subscribe("command.*")
    await nc.flush()
    async with family.client(app) as client:
        asking = asyncio.create_task(
            client.post("/api/v1/reservations", json={"slot_id": str(slot), "seats": 1})
        )
        await line.next_msg(5)
        gate.shut()
        answer = await asking
    await nc.close()
    assert answer.status_code == 202
    assert answer.json()["status"] == "requested"
    assert answer.headers["location"] == f"/api/v1/reservations/{answer.json()['id']}"


async def test_what_did_not_get_into_the_line_is_answered_by_503(app: Litestar, gate: Gate):
    slot = await stage.slot(await stage.venue())
    family = await people.person(Role.FAMILY)
    gate.shut()
    async with family.client(app) as client:
        answer = await client.post("/api/v1/reservations", json={"slot_id": str(slot), "seats": 1})
    assert answer.status_code == 503
