"""What every benchmark does: start its client, take turns, name the machine."""

import asyncio
import os
import platform
import sys
from collections.abc import Iterable
from pathlib import Path

import msgspec

from openyard_infra.bench.client import Plan, Summary
from openyard_infra.bench.stack import BenchFailed


async def measure(plan: Plan) -> Summary:
    """Run the plan in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "openyard_infra.bench.client",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate(msgspec.json.encode(plan))
    if process.returncode != 0:
        raise BenchFailed("The client failed.")
    return msgspec.json.decode(out, type=Summary)


def order(ways: Iterable[str], number: int) -> list[str]:
    """The ways, begun at another one each time."""
    turns = list(ways)
    shift = number % len(turns)
    return turns[shift:] + turns[:shift]


def machine() -> str:
    model = ""
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = info.read_text("utf-8", "replace").splitlines()
        model = next((line.split(":")[1].strip() for line in lines if "model name" in line), "")
    cores = len(os.sched_getaffinity(0))
    return f"{cores} cores, {model}, {platform.system()}, Python {platform.python_version()}"
