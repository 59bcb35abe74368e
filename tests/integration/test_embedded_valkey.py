"""The embedded Valkey: it keeps what it has, and never forgets to make room."""

import signal
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import AuthenticationError

from openyard_infra.embedded.valkey import Valkey
from tests.conftest import SECRET


async def test_it_appends_to_a_file_and_evicts_nothing(valkey: Valkey):
    client = Redis.from_url(valkey.url)
    information = await client.info()
    await client.aclose()
    assert information["aof_enabled"] == 1
    assert information["maxmemory_policy"] == "noeviction"


async def test_without_its_password_nobody_comes_in(valkey: Valkey):
    client = Redis(host="127.0.0.1", port=valkey.port)
    with pytest.raises(AuthenticationError):
        await client.ping()
    await client.aclose()


async def test_what_was_written_a_second_ago_survives_a_killed_server(tmp_path: Path):
    server = Valkey(tmp_path / "valkey", secret=SECRET, log=tmp_path / "valkey.log")
    server.start()
    client = Redis.from_url(server.url)
    await client.set("kept", "x")
    await client.execute_command("WAITAOF", 1, 0, 3000)
    await client.aclose()
    assert server.process is not None
    server.process.send_signal(signal.SIGKILL)
    server.process.wait()
    server.start()
    client = Redis.from_url(server.url)
    try:
        assert await client.get("kept") == b"x"
    finally:
        await client.aclose()
        server.stop()
