"""A gate in front of a server: shut, nobody reaches it, and whoever was inside is thrown out."""

import asyncio
import contextlib
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit


class Gate:
    """``url``: the server's, through the gate. ``port`` 0: any free one, known once it is open."""

    def __init__(self, url: str, port: int = 0) -> None:
        self._address = urlsplit(url)
        self._visitors: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._port = port

    @property
    def url(self) -> str:
        login = self._address.netloc.rpartition("@")[0]
        return self._address._replace(netloc=f"{login}@127.0.0.1:{self._port}").geturl()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._enter, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.shut()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def shut(self) -> None:
        if self._server is not None:
            self._server.close()
        for writer in self._visitors:
            writer.transport.abort()

    async def _enter(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        goal = await asyncio.open_connection(self._address.hostname, self._address.port)
        self._visitors |= {writer, goal[1]}
        for source, sink in ((reader, goal[1]), (goal[0], writer)):
            task = asyncio.create_task(_carry(source, sink))
            self._tasks.add(task)


async def _carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()
    sink.close()
