"""A stranger's web server: over TLS on this machine, passing for one at a public address."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from openyard_platform import fetching
from openyard_platform.fetching import Network

HOST = "calendar.example"
PUBLIC = "93.184.215.14"
TLS = Path(__file__).parent / "tls" / "calendar.example.pem"
FILE = b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n"

Handle = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class World:
    """A server on this machine that passes for one at a public address, and who was asked."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.names: dict[str, list[str]] = {}
        self.connected: list[tuple[str, int, str]] = []
        self.asked: list[str] = []

    @property
    def network(self) -> Network:
        return Network(resolve=self.resolve, connect=self.connect)

    async def resolve(self, host: str, port: int) -> list[str]:
        assert port
        return self.names.get(host, [PUBLIC])

    async def connect(self, address: str, port: int, host: str) -> fetching.Streams:
        self.connected.append((address, port, host))
        context = ssl.create_default_context(cafile=str(TLS))
        return await asyncio.open_connection(
            "127.0.0.1", self.port, ssl=context, server_hostname=host
        )


@asynccontextmanager
async def world(*answers: bytes | Handle):
    """Each connection gets the next answer, the last one again and again."""
    left = list(answers)
    made: World

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answer = left.pop(0) if len(left) > 1 else left[0]
        try:
            made.asked.append((await reader.readuntil(b"\r\n\r\n")).decode())
            if isinstance(answer, bytes):
                writer.write(answer)
                await writer.drain()
            else:
                await answer(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(TLS)
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    made = World(server.sockets[0].getsockname()[1])
    async with server:
        yield made


def answer(body: bytes = FILE, status: str = "200 OK", **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if "Transfer_Encoding" not in headers and "Content_Length" not in headers:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body
