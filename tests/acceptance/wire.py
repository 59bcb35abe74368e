"""NATS as a careless program speaks it: no client library that would catch its mistakes."""

import asyncio
import contextlib
import json
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import msgspec

from openyard_events.contracts import Receipt
from tests.stack import Stack


class Wire:
    """A venue's raw connection. ``complaints``: every ``-ERR`` of the server."""

    def __init__(self, stack: Stack, key: str) -> None:
        self.key = key
        self.complaints: list[str] = []
        self.heard: list[tuple[str, bytes]] = []
        self.closed = False
        self._address = urlsplit(stack.nats_address)
        self._login = {"user": stack.venues[key]["nats_user"]}
        self._login["pass"] = stack.venues[key]["nats_password"]
        self._more = asyncio.Condition()
        self._pongs = 0

    async def __aenter__(self) -> Self:
        address = self._address
        self._reader, self._writer = await asyncio.open_connection(address.hostname, address.port)
        greeting = {**self._login, "verbose": False, "pedantic": False, "headers": True}
        await self.say(b"CONNECT " + json.dumps(greeting).encode() + b"\r\n")
        self._listening = asyncio.create_task(self._listen())
        await self.subscribe(f"receipt.{self.key}.>")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._listening.cancel()
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    async def say(self, line: bytes) -> None:
        with contextlib.suppress(OSError):
            self._writer.write(line)
            await self._writer.drain()

    async def subscribe(self, subject: str) -> None:
        """Returns when the server has had its say about it."""
        await self.say(f"SUB {subject} 1\r\n".encode())
        await self.settled()

    async def publish(
        self, subject: str, data: bytes, headers: Mapping[str, str] | None = None
    ) -> None:
        """As it is, whatever stands in the subject."""
        if headers is None:
            await self.say(f"PUB {subject} {len(data)}\r\n".encode() + data + b"\r\n")
            return
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"NATS/1.0\r\n{lines}\r\n".encode()
        sizes = f"{len(head)} {len(head) + len(data)}"
        await self.say(f"HPUB {subject} {sizes}\r\n".encode() + head + data + b"\r\n")

    async def settled(self) -> None:
        """The server has read everything so far, or has hung up."""
        wanted = self._pongs + 1
        await self.say(b"PING\r\n")
        await self._until(lambda: self.closed or self._pongs >= wanted)

    async def receipts(self, receipt_id: str, count: int = 1) -> list[Receipt]:
        """All receipts under this id, once there are so many."""
        subject = f"receipt.{self.key}.{receipt_id}"

        def found() -> list[Receipt]:
            return [
                msgspec.json.decode(data, type=Receipt)
                for told, data in self.heard
                if told == subject
            ]

        await self._until(lambda: len(found()) >= count)
        return found()

    async def _until(self, condition: Any) -> None:
        async with asyncio.timeout(15), self._more:
            await self._more.wait_for(condition)

    async def _listen(self) -> None:
        while line := await self._line():
            word, _, rest = line.partition(" ")
            if word == "MSG":
                subject, *_, size = rest.split()
                data = await self._reader.readexactly(int(size) + 2)
                self.heard.append((subject, data[:-2]))
            elif word == "PING":
                await self.say(b"PONG\r\n")
            elif word == "PONG":
                self._pongs += 1
            elif word == "-ERR":
                self.complaints.append(rest)
            async with self._more:
                self._more.notify_all()
        self.closed = True
        async with self._more:
            self._more.notify_all()

    async def _line(self) -> str:
        try:
            return (await self._reader.readline()).decode().strip()
        except OSError:
            return ""
