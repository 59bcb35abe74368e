"""The product with some of its guards taken out: what the races must notice."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg

from tests.stack import ROOT, Stack

# Runs in every process before anything of ours: the rules go as soon as the decision is imported.
_SITE = """
import importlib.abc, sys

class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "openyard_platform.domain.deciding":
            sys.meta_path.remove(self)
{patches}
        return None

sys.meta_path.insert(0, _Finder())
"""

SEATS = """
from openyard_platform.domain import rules
rules.of_seats = lambda *_: []
"""
SPACES = """
from openyard_platform.domain import occupancy
occupancy.space_obstacle = lambda *_, **__: None
"""
PARTIES = """
from openyard_platform.domain.state import State
State.party_conflict = lambda *_, **__: None
"""
EXPIRY = """
from openyard_platform.domain import due
due.work_off = lambda *_: None
"""
CLAIMS = """
from openyard_platform.domain import occupancy
occupancy.free_party = lambda *_: None
"""


@contextmanager
def unguarded(*patches: str) -> Iterator[Stack]:
    """A demo city of its own, without these rules."""
    parent = Path(tempfile.mkdtemp(prefix="openyard-unguarded-"))
    parent.chmod(0o711)
    lines = "\n".join(" " * 12 + line for patch in patches for line in patch.strip().splitlines())
    (parent / "sitecustomize.py").write_text(_SITE.format(patches=lines))
    folders = [str(ROOT / x) for x in ("platform", "events", "workers", "calendars", "infra")]
    path = os.pathsep.join([str(parent), *folders])
    running = Stack(parent / "data", "--demo", environment={"PYTHONPATH": path})
    running.mail.start()
    try:
        yield running.start()
    finally:
        if running.process is not None and running.process.poll() is None:
            running.stop()
        running.mail.stop()
        shutil.rmtree(parent, ignore_errors=True)


async def without(stack: Stack, sql: str) -> None:
    """Take a constraint away as well."""
    connection = await asyncpg.connect(stack.database_url)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()
