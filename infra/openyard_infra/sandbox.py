"""Read a stranger's calendar in a child process of small means, which may die without harm."""

import datetime as dt
import os
import resource
import subprocess
import sys

import msgspec
from msgspec import Struct

from openyard_calendars import reading
from openyard_calendars.reading import ReadEvent
from openyard_calendars.unreadable import Unreadable


class Limits(Struct, frozen=True, kw_only=True):
    """``memory_bytes``: of address space, of which Python itself takes a good part."""

    cpu_seconds: int = 30
    wall_seconds: float = 60
    memory_bytes: int = 768 * 1024 * 1024


class _Request(Struct, frozen=True, kw_only=True):
    data: bytes
    zone: str | None
    until: dt.datetime | None
    limits: Limits


_OUT_OF_MEMORY = 3  # the child's exit code
_LIMITS = Limits()
_answers = msgspec.msgpack.Decoder(list[ReadEvent | Unreadable])
_requests = msgspec.msgpack.Decoder(_Request)


def read_calendar(
    data: bytes,
    *,
    zone: str | None = None,
    until: dt.datetime | None = None,
    limits: Limits = _LIMITS,
) -> list[ReadEvent | Unreadable]:
    """What ``openyard_calendars.reading.read`` says of these bytes, or why it never came to it.

    A file that exhausts the child is refused as a whole. The child knows none of our secrets.
    """
    if len(data) > reading.MAX_BYTES:
        return reading.read(data)  # says only that it is too large
    request = _Request(data=data, zone=zone, until=until, limits=limits)
    try:
        child = subprocess.run(
            [sys.executable, "-P", "-m", "openyard_infra.sandbox"],
            input=msgspec.msgpack.encode(request),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            timeout=limits.wall_seconds,
            check=True,
        )
        return _answers.decode(child.stdout)
    except subprocess.TimeoutExpired:
        return [_refused("took longer than it may")]
    except subprocess.CalledProcessError as error:
        if error.returncode < 0 or error.returncode == _OUT_OF_MEMORY:
            return [_refused("needs more computing time or memory than it may use")]
        message = "Reading the file failed; nothing of it is taken over."
        return [Unreadable(uid="", code="failed", message=message)]


def _refused(why: str) -> Unreadable:
    return Unreadable(uid="", code="too_costly", message=f"Reading the file {why}.")


def main() -> None:
    """The child: one request on standard input, its answer on standard output."""
    request = _requests.decode(sys.stdin.buffer.read())
    cpu, memory = request.limits.cpu_seconds, request.limits.memory_bytes
    resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # it has no file to write; a pipe is none
    try:
        answer = reading.read(request.data, zone=request.zone, until=request.until)
        sys.stdout.buffer.write(msgspec.msgpack.encode(answer))
    except MemoryError:
        sys.exit(_OUT_OF_MEMORY)


if __name__ == "__main__":
    main()
