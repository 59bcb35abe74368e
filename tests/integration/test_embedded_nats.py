"""The embedded NATS: who may do what, and what survives."""

import asyncio
import signal
from pathlib import Path

import pytest
from nats import errors

from openyard_events import bus
from openyard_infra.embedded.nats import Nats
from tests.conftest import SECRET


async def venue(server: Nats, key: str, told: list[Exception] | None = None):
    """A connection as this venue."""

    async def remember(error: Exception) -> None:
        if told is not None:
            told.append(error)

    return await bus.connect(
        server.address,
        name=f"test {key}",
        inbox=f"_INBOX_{key}",
        login=server.credentials(key),
        error_cb=remember,
    )


async def refused(connection, told: list[Exception]) -> str:
    await connection.flush()
    for _ in range(100):
        if told:
            return str(told[0]).lower()
        await asyncio.sleep(0.02)
    return ""


async def test_a_venue_publishes_under_its_own_key(nats: Nats):
    platform = await bus.connect(nats.url, name="test")
    seen = await platform.subscribe("venue.alpha.>")
    await platform.flush()
    connection = await venue(nats, "alpha")
    await connection.publish("venue.alpha.slot.offered", b"x")
    assert (await seen.next_msg(2)).data == b"x"
    await connection.close()
    await platform.close()


@pytest.mark.parametrize(
    "subject", ["venue.beta.slot.offered", "command.0", "fact.a.b.c", "receipt.alpha.1", "reply.x"]
)
async def test_a_venue_may_not_publish_anything_else(nats: Nats, subject: str):
    told: list[Exception] = []
    connection = await venue(nats, "alpha", told)
    await connection.publish(subject, b"x")
    assert "permissions violation" in await refused(connection, told)
    await connection.close()


@pytest.mark.parametrize(
    "subject", [">", "venue.>", "venue.alpha.>", "receipt.beta.>", "fact.>", "_INBOX_beta.>"]
)
async def test_a_venue_may_not_read_what_is_not_its_own(nats: Nats, subject: str):
    told: list[Exception] = []
    connection = await venue(nats, "alpha", told)
    await connection.subscribe(subject)
    assert "permissions violation" in await refused(connection, told)
    await connection.close()


async def test_a_wrong_password_is_refused(nats: Nats):
    with pytest.raises(errors.Error):
        await bus.connect(nats.address, name="test", login=("alpha", "wrong"))


async def test_a_reload_lets_a_venue_in_and_another_out_and_nobody_else_notices(tmp_path: Path):
    server = Nats(tmp_path / "nats", secret=SECRET, log=tmp_path / "nats.log", venues=["old"])
    server.start()
    try:
        gone: list[Exception] = []
        old = await venue(server, "old", gone)
        platform = await bus.connect(server.url, name="test")
        server.set_venues(["new"])
        new = None
        for _ in range(100):
            try:
                new = await venue(server, "new")
                break
            except errors.Error:
                await asyncio.sleep(0.02)
        assert new is not None
        assert platform.stats["reconnects"] == 0
        for _ in range(100):
            if not old.is_connected:
                break
            await asyncio.sleep(0.02)
        assert not old.is_connected
        for connection in (old, new, platform):
            await connection.close()
    finally:
        server.stop()


async def test_an_acknowledged_message_survives_a_killed_server(tmp_path: Path):
    server = Nats(tmp_path / "nats", secret=SECRET, log=tmp_path / "nats.log")
    server.start()
    platform = await bus.connect(server.url, name="test")
    await platform.jetstream().add_stream(name="KEPT", subjects=["kept"])
    await platform.jetstream().publish("kept", b"x")
    await platform.close()
    assert server.process is not None
    server.process.send_signal(signal.SIGKILL)
    server.process.wait()
    port = server.port
    server.start()
    platform = await bus.connect(server.url, name="test")
    try:
        assert server.port == port
        info = await platform.jetstream().stream_info("KEPT")
        assert info.state.messages == 1
    finally:
        await platform.close()
        server.stop()


def test_its_configuration_is_for_its_owner_only(nats: Nats):
    assert (nats.directory / "nats.conf").stat().st_mode & 0o777 == 0o600
