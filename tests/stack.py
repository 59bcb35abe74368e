"""The whole stack as a user starts it, with a real SMTP server, for tests of what people do."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from openyard_infra.embedded.processes import free_port

ROOT = Path(__file__).parent.parent
_FOLDERS = ("platform", "events", "workers", "calendars", "infra")


class Mailbox:
    """What the stack has sent, received by a real SMTP server between start and stop."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        self.port = free_port()
        self._controller: Controller | None = None

    def start(self) -> None:
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)
        self._controller.start()

    def stop(self) -> None:
        """From now on mail cannot be delivered; ``start`` mends that."""
        if self._controller is not None:
            self._controller.stop()
            self._controller.loop.close()
            self._controller = None

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Called by aiosmtpd."""
        del server, session
        message = message_from_bytes(envelope.content or b"", policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.messages.append(message)
        return "250 OK"

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def sent_to(self, address: str) -> list[EmailMessage]:
        return [message for message in self.messages if address in str(message["To"])]

    def wait_for(self, address: str, count: int = 1, seconds: float = 20) -> list[EmailMessage]:
        """The messages to this address, once there are so many."""
        wait_until(lambda: len(self.sent_to(address)) >= count, seconds, f"mail to {address}")
        return self.sent_to(address)


class Stack:
    """``openyard up`` in a directory of its own."""

    def __init__(self, directory: Path, *arguments: str, environment: dict[str, str] | None = None):
        self.directory = directory
        self.arguments = arguments
        self.output = directory.with_name(f"{directory.name}.out")
        self.mail = Mailbox()
        self._environment = {"OPENYARD_SMTP_URL": self.mail.url, **(environment or {})}
        self.process: subprocess.Popen[bytes] | None = None
        self.ready: dict[str, Any] = {}

    def start(self, seconds: float = 120) -> "Stack":
        """Start and wait until ready.json is there."""
        self.launch()
        wait_until(self._is_ready, seconds, "openyard up", self.said)
        return self

    def launch(self) -> subprocess.Popen[bytes]:
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                openyard("up", "--port", "0", "--data-dir", str(self.directory), *self.arguments),
                env=environment(**self._environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        return self.process

    def stop(self, number: signal.Signals = signal.SIGTERM, seconds: float = 20) -> int:
        """Send the signal and wait; the exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(seconds)

    def said(self) -> str:
        return self.output.read_text("utf-8", errors="replace")

    @property
    def url(self) -> str:
        return str(self.ready["url"])

    @property
    def nats_url(self) -> str:
        """The platform's own; venues use ``nats_address`` and their credentials."""
        return str(self.ready["nats_url"])

    @property
    def nats_address(self) -> str:
        return "nats://" + self.nats_url.rpartition("@")[2]

    @property
    def database_url(self) -> str:
        return str(self.ready["database_url"])

    @property
    def redis_url(self) -> str:
        return str(self.ready["redis_url"])

    def accounts(self, role: str) -> list[dict[str, Any]]:
        """Of this role: login, password, token, feed_url and, of staff, venue or organisation."""
        accounts: list[dict[str, Any]] = self.ready["demo"]["accounts"]
        return [account for account in accounts if account["role"] == role]

    @property
    def venues(self) -> dict[str, dict[str, Any]]:
        """By key: nats_user, nats_password, spaces."""
        return {venue["key"]: venue for venue in self.ready["demo"]["venues"]}

    def pids(self) -> dict[str, list[int]]:
        """As ready.json says now: it is rewritten whenever a child is restarted."""
        self.ready = msgspec.json.decode((self.directory / "ready.json").read_bytes())
        pids: dict[str, list[int]] = self.ready["pids"]
        return pids

    def _is_ready(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            pytest.fail(f"openyard up ended with {self.process.returncode}:\n{self.said()}")
        try:
            self.pids()
        except OSError:
            return False
        # One that was killed leaves its own behind until the next has begun.
        return bool(self.ready["pid"] == self.process.pid)


def openyard(*arguments: str) -> list[str]:
    """The command line of ``openyard`` as these tests can start it from anywhere."""
    return [sys.executable, "-P", "-m", "openyard_infra.cli", *arguments]


def environment(**more: str) -> dict[str, str]:
    """Ours without any OPENYARD_ setting, with the five folders, and with these."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("OPENYARD_")}
    path = os.pathsep.join(str(ROOT / folder) for folder in _FOLDERS)
    return {**ours, "PYTHONPATH": path, **more}


def wait_until(condition, seconds: float, what: str, said=lambda: "") -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"{what}: not within {seconds} s\n{said()}")
        time.sleep(0.05)


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """The demo city, running. Shared by all: leave it as you would leave a shared house."""
    parent = Path(tempfile.mkdtemp(prefix="openyard-stack-"))
    parent.chmod(0o711)  # PostgreSQL's user has to pass when the tests run as root.
    running = Stack(parent / "data", "--demo")
    running.mail.start()
    try:
        yield running.start()
    finally:
        if running.process is not None and running.process.poll() is None:
            running.stop()
        running.mail.stop()
        shutil.rmtree(parent, ignore_errors=True)
