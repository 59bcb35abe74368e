import asyncio
import contextlib
import datetime as dt
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import argon2
import asyncpg
import pytest

from openyard_events import bus
from openyard_infra.demo import city, credentials, load, ready
from openyard_infra.demo.city import SEED
from openyard_infra.embedded.nats import Nats
from openyard_platform.clock import SHANGHAI
from openyard_platform.settings import Settings
from openyard_platform.store import engine

TODAY = dt.datetime.now(SHANGHAI).date()  # noqa: TID251 - slots must lie ahead of the deciders
SECRET = "5" * 64
SLOTS = sum(len(slots) for slots in city.build(SEED, TODAY).slots.values())


@pytest.fixture(scope="module")
def own_nats(servers_directory) -> Iterator[Nats]:
    """Nobody else's messages: a decider with a new database reads its lines from the start."""
    server = Nats(
        servers_directory / "demo-nats", secret=SECRET, log=servers_directory / "log" / "demo.log"
    )
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def settings(database_url, own_nats, valkey):
    return Settings(
        database_url=database_url, nats_url=own_nats.url, redis_url=valkey.url, secret_key="k" * 64
    )


@pytest.fixture(scope="module")
def _roles(settings, tmp_path_factory) -> Iterator[None]:
    """A decider and an intake, as ``openyard up`` starts them."""
    environment = {
        **os.environ,
        **{
            f"OPENYARD_{name.upper()}": getattr(settings, name)
            for name in ("database_url", "nats_url", "redis_url", "secret_key")
        },
    }
    log = Path(tmp_path_factory.mktemp("roles"))
    with contextlib.ExitStack() as stack:
        for role in ("decider", "intake"):
            output = stack.enter_context((log / role).open("wb"))
            process = subprocess.Popen(
                [sys.executable, "-m", "openyard_infra.cli", "worker", role],
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            stack.callback(process.wait, 20)
            stack.callback(process.terminate)
        yield


async def rows(settings, sql, *arguments):
    connection = await asyncpg.connect(settings.database_url)
    try:
        return await connection.fetch(sql, *arguments)
    finally:
        await connection.close()


async def stream_length(settings) -> int:
    connection = await bus.connect(settings.nats_url, name="test")
    try:
        return (await connection.jetstream().stream_info("VENUE")).state.messages
    finally:
        await connection.close()


def quiet(_what: str, _done: int, _total: int) -> None:
    """Nobody watches."""


@pytest.mark.usefixtures("_roles")
async def test_a_load_that_is_interrupted_is_completed_by_the_next(settings):
    half = asyncio.Event()

    def watch(_what: str, done: int, _total: int) -> None:
        if done > SLOTS / 3:
            half.set()

    running = asyncio.create_task(load.load(settings, SECRET, TODAY, watch))
    await half.wait()
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    between = await rows(settings, "SELECT count(*) FROM slot")
    summary = await load.load(settings, SECRET, TODAY, quiet)

    assert 0 < between[0][0] < SLOTS
    assert 0 < summary.published < SLOTS
    (stored,) = await rows(settings, "SELECT count(*) FROM slot WHERE status = 'open'")
    assert stored[0] == SLOTS


async def test_loading_again_changes_nothing(settings):
    before = await stream_length(settings)

    summary = await load.load(settings, SECRET, TODAY + dt.timedelta(days=30), quiet)

    assert summary.published == 0
    assert await stream_length(settings) == before
    (counts,) = await rows(
        settings, "SELECT (SELECT count(*) FROM slot), (SELECT count(*) FROM account)"
    )
    assert tuple(counts) == (SLOTS, summary.accounts)


async def test_no_slot_was_refused(settings):
    assert await rows(settings, "SELECT * FROM receipt WHERE status = 'refused'") == []


async def test_the_database_holds_hashes_of_what_ready_says(settings):
    entries = ready.accounts_for_ready(SECRET, settings.secret_key, "http://127.0.0.1")
    stored = {
        row["email"]: row
        for row in await rows(
            settings,
            "SELECT a.email, a.password_hash, t.token_hash FROM account a"
            " JOIN api_token t ON t.account_id = a.id",
        )
    }

    assert set(stored) == {each["login"] for each in entries}
    for each in entries:
        row = stored[each["login"]]
        assert row["token_hash"] == credentials.token_hash(each["token"])
    assert argon2.PasswordHasher().verify(row["password_hash"], each["password"])


@pytest.mark.usefixtures("settings")
async def test_the_pool_is_closed_afterwards():
    assert engine.DB.pool is None
