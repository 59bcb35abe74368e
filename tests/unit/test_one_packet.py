"""The web server's connection, with a transport that notes what it is given."""

import asyncio

import pytest
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from openyard_infra.one_packet import OnePacket

REQUEST = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-length", b"10")],
}


class Wire(asyncio.Transport):
    """``sent``: what went out, one entry for each time it was told to send."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        self.sent.append(data)

    def writelines(self, pieces: list[bytes]) -> None:
        self.sent.append(b"".join(pieces))

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True


async def answered(app, protocol: type[HttpToolsProtocol], request: bytes = REQUEST) -> Wire:
    config = uvicorn.Config(app, log_config=None, access_log=False)
    config.load()
    made = protocol(config, ServerState(), {})
    wire = Wire()
    made.connection_made(wire)
    made.data_received(request)
    await asyncio.gather(*made.tasks)
    await asyncio.sleep(0)
    made.connection_lost(None)
    return wire


async def whole(scope, receive, send) -> None:  # noqa: ARG001 - ASGI
    await send(START)
    await send({"type": "http.response.body", "body": b"0123456789"})


async def in_pieces(scope, receive, send) -> None:  # noqa: ARG001 - ASGI
    await send(START)
    await send({"type": "http.response.body", "body": b"01234", "more_body": True})
    await asyncio.sleep(0.01)
    await send({"type": "http.response.body", "body": b"56789"})


@pytest.mark.parametrize(("protocol", "sent"), [(HttpToolsProtocol, 2), (OnePacket, 1)])
async def test_head_and_body_go_out_together(protocol, sent):
    wire = await answered(whole, protocol)
    assert len(wire.sent) == sent
    assert b"".join(wire.sent).endswith(b"\r\n\r\n0123456789")


async def test_what_comes_later_is_not_waited_for():
    wire = await answered(in_pieces, OnePacket)
    assert [part[-5:] for part in wire.sent] == [b"01234", b"56789"]


async def test_all_is_sent_before_the_connection_ends():
    wire = await answered(whole, OnePacket, REQUEST[:-2] + b"Connection: close\r\n\r\n")
    assert wire.closed
    assert b"".join(wire.sent).endswith(b"0123456789")


async def test_who_has_gone_is_sent_nothing():
    async def gone(scope, receive, send) -> None:
        await whole(scope, receive, send)
        wires[0].close()

    wires: list[Wire] = []

    class Kept(OnePacket):
        def connection_made(self, transport) -> None:
            wires.append(transport)
            super().connection_made(transport)

    assert (await answered(gone, Kept)).sent == []
