"""Who is started again, and when."""

import asyncio
import subprocess
import time
from collections.abc import AsyncIterator

import pytest

from openyard_infra.supervisor import Child, Supervisor


class Household:
    """A server that is ready when the test says so, and a role that needs it."""

    def __init__(self) -> None:
        self.ready = True
        self.supervisor = Supervisor(lambda _: None, lambda: None)
        self.server = Child("server", _sleep, is_ready=lambda: self.ready, needed=True)
        self.role = Child("role", _sleep)
        for child in (self.server, self.role):
            self.supervisor.start(child)

    def kill(self, *children: Child) -> None:
        for child in children:
            assert child.process is not None
            child.process.kill()


def _sleep() -> subprocess.Popen[bytes]:
    return subprocess.Popen(["sleep", "60"])


async def _alive(child: Child, seconds: float) -> bool:
    """Whether it comes to life within that time."""
    deadline = time.monotonic() + seconds
    while not child.alive and time.monotonic() < deadline:  # noqa: ASYNC110 - another process
        await asyncio.sleep(0.02)
    return child.alive


@pytest.fixture
async def household() -> AsyncIterator[Household]:
    household = Household()
    yield household
    await household.supervisor.stop([(("server", "role"), 2)])


async def test_who_dies_is_started_again(household: Household):
    household.kill(household.role)
    household.role.process.wait()
    assert await _alive(household.role, 2)
    assert household.role.deaths == 1


async def test_a_role_waits_for_the_servers_that_died_with_it(household: Household):
    household.ready = False
    household.kill(household.server, household.role)
    household.role.process.wait()
    assert not await _alive(household.role, 1)
    household.ready = True
    assert await _alive(household.role, 2)
    # Once: it did not have to die of the missing server first.
    assert household.role.deaths == 1


async def test_a_patient_role_waits_by_itself(household: Household):
    household.ready = False
    household.role.patient = True
    household.kill(household.server, household.role)
    household.role.process.wait()
    assert await _alive(household.role, 2)


async def test_the_servers_wait_for_nobody(household: Household):
    household.kill(household.server, household.role)
    household.server.process.wait()
    assert await _alive(household.server, 2)
