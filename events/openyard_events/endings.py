"""Ending tasks for sure, also where a cancellation gets lost."""

import asyncio
from typing import Any

_AGAIN = 1.0  # seconds


async def end(*tasks: asyncio.Task[Any], again: float = _AGAIN) -> None:
    """Cancel until they are over, however they end.

    Once is not enough: before Python 3.12 ``asyncio.wait_for`` swallows a cancellation that meets
    the answer it waits for, and the task goes on as if nothing had been said.

    ``again``: seconds until a task that is still there is cancelled again; its farewell may take
    so long.
    """
    left = {task for task in tasks if not task.done()}
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=again)
    await asyncio.gather(*tasks, return_exceptions=True)
