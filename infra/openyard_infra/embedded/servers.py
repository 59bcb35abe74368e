"""What the three embedded servers have in common: start, wait until ready, stop."""

import signal
import subprocess
from abc import ABC, abstractmethod
from pathlib import Path

from openyard_infra.embedded import processes
from openyard_infra.embedded.processes import CannotStart


class Server(ABC):
    """One server in ``directory``; ``port`` is preferred at its first start, then kept."""

    name: str
    title: str
    stop_signal = signal.SIGTERM
    stop_seconds = 3.0

    def __init__(self, directory: Path, *, secret: str, log: Path, port: int = 0) -> None:
        self.directory = directory
        self.log = log
        self.port = port
        self._secret = secret
        self.process: subprocess.Popen[bytes] | None = None

    @property
    @abstractmethod
    def url(self) -> str:
        """Where the platform connects, with its credentials."""

    @abstractmethod
    def launch(self) -> subprocess.Popen[bytes]:
        """Start it and return at once; an orphan of an earlier run is ended first.

        Raises:
            CannotStart: with the reason in one line.
        """

    @abstractmethod
    def answers(self) -> bool:
        """Is it ours that answers on our port, ready to work?"""

    def complete(self) -> None:  # noqa: B027 (most have nothing to do)
        """What is to be done each time after it has become ready."""

    def claim_port(self) -> None:
        """Others know the port after the first start: from then on it is this one or none."""
        if self.process is None:
            self.port = processes.free_port(self.port)

    def is_ready(self) -> bool:
        """Does it answer by now?

        Raises:
            CannotStart: it has died.
        """
        if self.process is None or self.process.poll() is not None:
            said = processes.last_lines(self.log)
            raise CannotStart(f"{self.title} did not start: {said or f'see {self.log}'}")
        return self.answers()

    def start(self, seconds: float = 60) -> None:
        """Launch, wait until it is ready, and complete.

        Raises:
            CannotStart: with the reason in one line.
        """
        self.launch()
        if not processes.wait_until(self.is_ready, seconds):
            self.stop()
            raise CannotStart(f"{self.title} was not ready after {seconds:.0f} s; see {self.log}.")
        self.complete()

    def stop(self) -> bool:
        """Stop it clean. True: it needed no killing."""
        if self.process is None:
            return True
        return processes.stop(self.process, self.stop_seconds, self.stop_signal)
