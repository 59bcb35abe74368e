import asyncio
from collections.abc import AsyncIterator

import pytest
from nats.errors import Error
from nats.js.api import DiscardPolicy
from nats.js.errors import NotFoundError

from openyard_events import bus, subjects
from tests.integration.nats_server import NatsServer

USERS = """
authorization { users: [
  { user: openyard, password: platform }
  { user: museum, password: "p%ss/w@rd"
    permissions: { publish: ["venue.museum.>"]
                   subscribe: ["receipt.museum.>", "_INBOX_museum.>"] } }
] }
"""


@pytest.fixture
async def server(tmp_path) -> AsyncIterator[NatsServer]:
    async with NatsServer(tmp_path) as server:
        yield server


async def test_the_streams_are_as_the_design_says(server):
    nc = await server.connect()
    js = nc.jetstream()

    await bus.ensure_streams(js, 2)

    found = {info.config.name: info.config for info in await js.streams_info()}
    assert set(found) == {"VENUE", "COMMAND_0", "COMMAND_1", "FACT", "DLQ"}
    assert found["VENUE"].subjects == ["venue.*.slot.*"]
    assert found["VENUE"].duplicate_window == 0.1
    assert found["VENUE"].max_age == 30 * 86_400
    assert not found["VENUE"].allow_atomic
    assert found["COMMAND_1"].discard == DiscardPolicy.NEW
    assert found["COMMAND_1"].max_bytes == bus.COMMAND_BYTES
    assert found["FACT"].allow_atomic
    assert found["FACT"].duplicate_window == 3600
    assert found["DLQ"].max_age == 90 * 86_400
    await nc.close()


async def test_ensuring_again_changes_nothing_and_loses_nothing(server):
    nc = await server.connect()
    js = nc.jetstream()
    await bus.ensure_streams(js, 1)
    created = await bus.stream_created(js, subjects.VENUE_STREAM)
    await js.publish("venue.museum.slot.offered", b"{}")

    await bus.ensure_streams(js, 1)

    info = await js.stream_info(subjects.VENUE_STREAM)
    assert info.created == created
    assert info.state.messages == 1
    await nc.close()


async def test_a_stream_that_differs_is_mended(server):
    nc = await server.connect()
    js = nc.jetstream()
    await js.add_stream(name="FACT", subjects=["fact.>"], max_age=60)
    await js.publish("fact.a.b.c", b"")

    await bus.ensure_streams(js, 1)

    info = await js.stream_info("FACT")
    assert info.config.max_age == 30 * 86_400
    assert info.config.allow_atomic
    assert info.state.messages == 1
    await nc.close()


async def test_a_missing_stream_has_no_time_of_making(server):
    nc = await server.connect()
    with pytest.raises(NotFoundError):
        await bus.stream_created(nc.jetstream(), "NONE")
    await nc.close()


async def test_a_connection_outlives_a_killed_server(server):
    nc = await server.connect()
    await bus.ensure_streams(nc.jetstream(), 1)
    server.kill()
    await asyncio.sleep(1)
    await server.start()

    async with asyncio.timeout(10):
        while True:
            try:
                await nc.jetstream().publish("venue.museum.slot.offered", b"{}", timeout=0.5)
                break
            except (Error, OSError):
                await asyncio.sleep(0.1)
    await nc.close()


async def test_a_venue_that_oversteps_hears_of_it_only_by_the_callback(tmp_path):
    said: list[str] = []

    async def hear(error: Exception) -> None:
        said.append(str(error))

    async with NatsServer(tmp_path, extra=USERS) as server:
        nc = await bus.connect(
            server.url,
            name="museum",
            inbox="_INBOX_museum",
            login=("museum", "p%ss/w@rd"),
            error_cb=hear,
        )
        await nc.publish("venue.library.slot.offered", b"")
        await nc.subscribe("receipt.library.>")
        await bus.settle(nc)
        await nc.close()

    assert len(said) == 2
    assert all("permissions violation" in sentence.lower() for sentence in said)


async def test_after_settling_the_server_has_read_what_was_sent_before():
    """A server that only writes down in which order it is spoken to."""
    heard: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'INFO {"server_id":"x","version":"2.15.0","max_payload":1000}\r\n')
        while line := (await reader.readline()).decode().strip():
            heard.append(line.partition(" ")[0])
            if line == "PING":
                writer.write(b"PONG\r\n")
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        nc = await bus.connect(f"nats://127.0.0.1:{port}", name="museum")
        await nc.subscribe("receipt.museum.*")

        await bus.settle(nc)

        assert heard[-1] == "PING"
        assert "SUB" in heard
        await nc.close()


async def test_wrong_credentials_are_refused_at_once(tmp_path):
    async with NatsServer(tmp_path, extra=USERS) as server:
        with pytest.raises(Error, match=r"(?i)authorization"):
            await bus.connect(server.url, name="x", login=("museum", "wrong"))


async def test_nobody_there_is_said(server):
    server.stop()
    with pytest.raises(OSError, match=r"refused|Connect"):
        await bus.connect(server.url, name="x")


def test_credentials_do_not_show_in_a_log():
    assert bus.without_credentials("nats://u:secret@h:4222/") == "nats://h:4222/"
