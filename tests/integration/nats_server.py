"""A real nats-server for tests: free port, a name of its own, its data in a temporary place."""

import asyncio
import contextlib
import json
import secrets
import signal
import socket
import subprocess
import sysconfig
from pathlib import Path
from typing import Self

from nats.aio.client import Client

from openyard_events import bus

BINARY = Path(sysconfig.get_path("scripts")) / "nats-server"

_CONFIG = """\
server_name: "{name}"
listen: "127.0.0.1:{port}"
jetstream {{ store_dir: "{store}", sync_interval: always, max_file_store: 4GB }}
{extra}
"""


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


class NatsServer:
    """One server, for ``async with``; ``kill`` is SIGKILL, ``start`` starts it again."""

    def __init__(self, directory: Path, *, extra: str = "", store: Path | None = None) -> None:
        self.name = f"test-{secrets.token_hex(6)}"
        self.port = free_port()
        self.url = f"nats://127.0.0.1:{self.port}"
        self._store = store or directory / "jetstream"
        self._config = directory / "nats.conf"
        self._log = directory / "nats.log"
        self.configure(extra)
        self._process: subprocess.Popen[bytes] | None = None

    def configure(self, extra: str) -> None:
        self._config.write_text(
            _CONFIG.format(
                name=self.name,
                port=self.port,
                store=json.dumps(str(self._store))[1:-1],
                extra=extra,
            )
        )

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.stop()

    async def start(self) -> None:
        self._launch()
        for _ in range(200):
            with contextlib.suppress(OSError):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                greeting = await reader.readline()
                writer.close()
                await writer.wait_closed()
                found = json.loads(greeting.removeprefix(b"INFO "))["server_name"]
                assert found == self.name, "another server answers on this port"
                return
            await asyncio.sleep(0.05)
        raise AssertionError(self._log.read_text()[-2000:])

    def _launch(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen([BINARY, "-c", self._config], stdout=log, stderr=log)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)
            self._end(signal.SIGTERM)

    def pause(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def reload(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)

    def _end(self, how: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(how)
        self._process.wait(20)

    async def connect(self, name: str = "test") -> Client:
        client = await bus.connect(self.url, name=name)
        assert client._server_info["server_name"] == self.name  # noqa: SLF001
        return client
