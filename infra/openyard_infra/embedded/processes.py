"""Child processes that die with us, and what a killed predecessor of ours may have left."""

import ctypes
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct

_PR_SET_PDEATHSIG = 1
_LOG_LIMIT = 20_000_000
_PORTS = range(15_000, 32_000)
_LIBC = ctypes.CDLL(None, use_errno=True)


class CannotStart(Exception):
    """Something outside the program is in the way; the message is one clear line."""


class Command(Struct, frozen=True, kw_only=True):
    """What to start and how."""

    arguments: Sequence[str]
    directory: Path  # it works there, which is also how it is recognised later
    log: Path
    death: signal.Signals = signal.SIGKILL  # what it gets when we die, however we die
    user: tuple[int, int] | None = None  # uid and gid; None: ours
    environment: Mapping[str, str] | None = None  # None: ours
    keep: Sequence[int] = ()  # file descriptors it inherits
    nice: int = 0


def spawn(command: Command) -> subprocess.Popen[bytes]:
    """Start a child in a process group of its own, so that Ctrl-C reaches only us.

    Call from the main thread: the kernel takes the end of the calling thread for our death.
    """
    uid, gid = command.user or (None, None)
    with _opened_log(command.log) as output:
        return subprocess.Popen(  # noqa: S603 - a program of our own, no shell
            command.arguments,
            cwd=command.directory,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=None if command.environment is None else dict(command.environment),
            pass_fds=command.keep,
            process_group=0,
            user=uid,
            group=gid,
            extra_groups=None if uid is None else [],
            # It runs after the change of user, which would clear the death signal again.
            preexec_fn=_die_with_parent(os.getpid(), command.death, command.nice),  # noqa: PLW1509 - it only calls prctl and nice
        )


def stop(
    process: subprocess.Popen[bytes],
    seconds: float,
    ask: signal.Signals = signal.SIGTERM,
) -> bool:
    """End a child: asked first, killed after ``seconds``. Was asking enough?"""
    if process.poll() is not None:
        return True
    process.send_signal(ask)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return False
    return True


def end_orphan(pid: int, name: str, directory: Path, seconds: float = 10) -> bool:
    """End what an earlier run of ours left working in ``directory``; was there anything?

    A pid may have gone to somebody else's process since: ours is recognised by the name of
    its program and by the directory it works in.
    """
    if not is_ours(pid, name, directory):
        return False
    for ask, patience in ((signal.SIGINT, seconds), (signal.SIGQUIT, 3), (signal.SIGKILL, 3)):
        try:
            os.kill(pid, ask)
        except ProcessLookupError:
            return True
        if wait_until(lambda: not is_ours(pid, name, directory), patience):
            return True
    raise CannotStart(f"Process {pid} ({name}) still works in {directory} and cannot be ended.")


def is_ours(pid: int, name: str, directory: Path) -> bool:
    """Is ``pid`` a living ``name`` that works in ``directory``?"""
    if pid <= 1:
        return False
    entry = Path("/proc") / str(pid)
    try:
        return (entry / "exe").readlink().name.split(" ")[0] == name and (entry / "cwd").samefile(
            directory
        )
    except OSError:
        return False


def read_pid(file: Path) -> int:
    """The number in the first line of a pid file; 0: there is none."""
    try:
        return int(file.read_text("utf-8").split()[0])
    except (OSError, ValueError, IndexError):
        return 0


def wait_until(condition: Callable[[], bool], seconds: float, step: float = 0.02) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(step)
    return True


def free_port(preferred: int = 0) -> int:
    """A loopback port nobody listens on now: the preferred one where possible.

    Below the range the kernel takes for outgoing connections: while a server restarts, a client
    that tries again and again would otherwise one day connect to itself and keep the port.
    """
    for port in (preferred, *random.sample(_PORTS, 200)):
        if port and is_free(port):
            return port
    raise CannotStart("No port of 127.0.0.1 is free.")


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def last_lines(log: Path, count: int = 3) -> str:
    """The end of a log in one line, for a message that says why something did not start."""
    try:
        lines = log.read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return " / ".join(line.strip() for line in lines[-count:] if line.strip())[-500:]


def _opened_log(log: Path) -> BinaryIO:
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > _LOG_LIMIT:
        log.replace(log.with_suffix(".old.log"))
    return os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "wb")


def _die_with_parent(parent: int, death: signal.Signals, nice: int) -> Callable[[], None]:
    def prepare() -> None:
        if sys.platform == "linux":
            _LIBC.prctl(_PR_SET_PDEATHSIG, int(death), 0, 0, 0)
        if os.getppid() != parent:  # It died before the line above.
            os._exit(1)
        if nice:
            os.nice(nice)

    return prepare
