"""A web process that is started while its servers are, too."""

import asyncio
import time

import pytest
from msgspec.structs import replace

from openyard_infra import serving
from openyard_infra.embedded.processes import free_port
from openyard_platform.settings import Settings
from tests.integration.gate import Gate


async def test_it_waits_for_a_database_that_is_just_starting(settings: Settings):
    gate = Gate(settings.database_url, free_port())
    waiting = asyncio.create_task(serving.reach(replace(settings, database_url=gate.url), 8))
    await asyncio.sleep(0.5)
    assert not waiting.done()
    async with gate:
        await asyncio.wait_for(waiting, 3)


async def test_it_does_not_wait_for_ever(settings: Settings):
    nowhere = replace(settings, database_url=f"postgresql://x:x@127.0.0.1:{free_port()}/x")
    begun = time.monotonic()
    with pytest.raises(ConnectionRefusedError):
        await serving.reach(nowhere, 0.5)
    assert 0.5 < time.monotonic() - begun < 3
