"""Tasks are over when they are told to be."""

import asyncio
import contextlib

import pytest

from openyard_events.endings import end


async def deaf() -> None:
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.sleep(60)
    await asyncio.sleep(60)


async def test_a_task_that_lost_a_cancellation_is_cancelled_again():
    tasks = [asyncio.create_task(deaf()) for _ in range(3)]
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await end(*tasks)
    assert all(task.cancelled() for task in tasks)


async def test_a_farewell_is_not_cut_off_before_its_time():
    said = []

    async def polite() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.3)
            said.append("goodbye")

    task = asyncio.create_task(polite())
    await asyncio.sleep(0)
    await end(task, again=5)
    assert said == ["goodbye"]


async def test_what_a_task_ends_with_stays_its_own():
    async def fails() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            raise OSError("gone")

    task, done = asyncio.create_task(fails()), asyncio.create_task(asyncio.sleep(0))
    await asyncio.sleep(0.01)
    await end(task, done)
    with pytest.raises(OSError, match="gone"):
        task.result()


async def test_nothing_is_over_at_once():
    await end()
