"""The jobs process leaves when it is told to."""

import asyncio
import contextlib

from openyard_workers.jobs import worker


async def test_a_task_that_lost_a_cancellation_is_cancelled_again():
    async def deaf() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        await asyncio.sleep(60)

    tasks = {asyncio.create_task(deaf()) for _ in range(3)}
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await worker.end(set(tasks))
    assert all(task.cancelled() for task in tasks)
