"""A stack of its own for a benchmark: ``openyard up`` in a temporary directory."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import msgspec

_READY_WITHIN = 120.0
_POLL = 0.1
# Bulk set-up of the benchmark itself may take longer than any statement of the product.
_PATIENT = {"statement_timeout": "300s"}


class BenchFailed(Exception):
    """The stack did not start, or an answer was not what a benchmark may count."""


@contextmanager
def running(workers: int) -> Generator[dict[str, Any], None, None]:
    """``ready.json`` of a stack that ends with the block. ``workers``: web processes.

    ``bench`` in it: a folder whose files the web processes read for the baselines.
    """
    directory = Path(tempfile.mkdtemp(prefix="openyard-bench-"))
    directory.chmod(0o711)
    shelf = directory / "shelf"
    shelf.mkdir()
    ready = directory / "data" / "ready.json"
    command = [
        *(sys.executable, "-m", "openyard_infra.cli", "up", "--no-demo", "--port", "0"),
        *("--data-dir", str(directory / "data"), "--workers", str(workers)),
    ]
    environment = {**os.environ, "OPENYARD_BENCH": str(shelf), "OPENYARD_SMTP_URL": ""}
    with (directory / "up.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - our own program
            command, stdout=log, stderr=subprocess.STDOUT, env=environment
        )
        try:
            _await_ready(process, ready, directory / "up.log")
            yield {**msgspec.json.decode(ready.read_bytes()), "bench": str(shelf)}
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)
            shutil.rmtree(directory, ignore_errors=True)


def _await_ready(process: subprocess.Popen[bytes], ready: Path, log: Path) -> None:
    waited = 0.0
    while not ready.exists():
        if process.poll() is not None or waited > _READY_WITHIN:
            raise BenchFailed(f"The stack did not start: {log.read_text('utf-8')[-500:]}")
        try:
            process.wait(_POLL)
        except subprocess.TimeoutExpired:
            waited += _POLL


async def database(url: str) -> asyncpg.Connection:
    return await asyncpg.connect(url, server_settings=_PATIENT)


async def drained(connection: asyncpg.Connection) -> float:
    """Wait until the outbox is empty; the seconds it took."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    # Another process empties it: there is no event of ours to wait for.
    while await connection.fetchval("SELECT EXISTS (SELECT FROM outbox)"):  # noqa: ASYNC110 - another process does it, without an event for us
        await asyncio.sleep(0.02)
    return loop.time() - begun


def cpu_seconds(pids: dict[str, list[int]]) -> dict[str, float]:
    """User and system time used so far, per role; a server's children count with it."""
    tick = os.sysconf("SC_CLK_TCK")
    parents: dict[int, int] = {}
    used: dict[int, float] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            fields = (entry / "stat").read_text("ascii", "replace").rpartition(")")[2].split()
        except OSError:
            continue  # It has ended meanwhile.
        parents[int(entry.name)] = int(fields[1])
        # With the time of its ended children: a server's backends come and go.
        used[int(entry.name)] = sum(map(int, fields[11:15])) / tick
    return {
        role: sum(
            seconds for pid, seconds in used.items() if pid in roots or parents.get(pid) in roots
        )
        for role, roots in pids.items()
    }
