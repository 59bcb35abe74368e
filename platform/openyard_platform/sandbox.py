"""Read a stranger's calendar in a child process of small means, which may die without harm.

Each file has a child of its own, so that nothing one file leaves behind in a library (a cache of
time zones, say) meets the next.
"""

import asyncio
import datetime as dt
import os
import resource
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process

import msgspec
from msgspec import Struct

from openyard_calendars import reading, zones
from openyard_calendars.reading import ReadEvent
from openyard_calendars.unreadable import Unreadable


class Limits(Struct, frozen=True, kw_only=True):
    """``memory_bytes``: of address space, of which Python itself takes a good part.

    ``answer_bytes``: what the child may say; more than a whole file of long events gives.
    """

    cpu_seconds: int = 30
    wall_seconds: float = 60
    memory_bytes: int = 768 * 1024 * 1024
    answer_bytes: int = 64 * 1024 * 1024


class _Request(Struct, frozen=True, kw_only=True):
    data: bytes
    zone: str | None
    until: dt.datetime | None
    limits: Limits


_OUT_OF_MEMORY = 3  # the child's exit code
_LIMITS = Limits()
_NICENESS = 10
_answers = msgspec.msgpack.Decoder(list[ReadEvent | Unreadable])
_requests = msgspec.msgpack.Decoder(_Request)

# Whatever the reader loads only when it first needs it, this makes it need.
_WARM_UP = b"""BEGIN:VEVENT
UID:1
DTSTAMP:20260101T000000Z
DTSTART;TZID=Asia/Shanghai:20260101T000000
DURATION:PT1H
RRULE:FREQ=YEARLY;COUNT=2;BYDAY=MO
SUMMARY:\\n
END:VEVENT
"""


async def read_calendar(
    data: bytes,
    *,
    zone: str | None = None,
    until: dt.datetime | None = None,
    limits: Limits = _LIMITS,
) -> list[ReadEvent | Unreadable]:
    """What ``openyard_calendars.reading.read`` says of these bytes, or why it never came to it.

    A file that exhausts the child is refused as a whole. The child knows none of our secrets, and
    when it begins to read it can open no file, no socket and no other process.
    """
    if len(data) > reading.MAX_BYTES:
        return reading.read(data)  # says only that it is too large
    request = _Request(data=data, zone=zone, until=until, limits=limits)
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "openyard_platform.sandbox"),
        stdin=PIPE,
        stdout=PIPE,
        stderr=DEVNULL,
        env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    try:
        async with asyncio.timeout(limits.wall_seconds):
            answer = await _ask(child, msgspec.msgpack.encode(request), limits.answer_bytes)
            if answer is None:
                return [_refused("gives more than can be taken over")]
            code = await child.wait()
    except TimeoutError:
        return [_refused("took longer than it may")]
    finally:
        await _end(child)
    if code < 0 or code == _OUT_OF_MEMORY:
        return [_refused("needs more computing time or memory than it may use")]
    try:
        return _answers.decode(answer)
    except msgspec.DecodeError:
        message = "Reading the file failed; nothing of it is taken over."
        return [Unreadable(uid="", code="failed", message=message)]


async def _ask(child: Process, request: bytes, most: int) -> bytes | None:
    """All that the child says; None: more than ``most`` bytes."""
    if child.stdin is None or child.stdout is None:
        raise RuntimeError("The child was started without pipes.")
    try:
        child.stdin.write(request)
        await child.stdin.drain()
        child.stdin.close()
    except ConnectionError:
        return b""  # it has gone already; its exit code says why
    pieces: list[bytes] = []
    while piece := await child.stdout.read(256 * 1024):
        pieces.append(piece)
        most -= len(piece)
        if most < 0:
            return None
    return b"".join(pieces)


async def _end(child: Process) -> None:
    """Kill what still runs, and take what it left in its pipes: nothing of it stays behind."""
    if child.returncode is None:
        child.kill()
    await child.communicate()


def _refused(why: str) -> Unreadable:
    return Unreadable(uid="", code="too_costly", message=f"Reading the file {why}.")


def main() -> None:
    """The child: one request on standard input, its answer on standard output."""
    request = _requests.decode(sys.stdin.buffer.read())
    zones.load_all()
    reading.read(_WARM_UP)
    _lock(request.limits)
    try:
        answer = reading.read(request.data, zone=request.zone, until=request.until)
        sys.stdout.buffer.write(msgspec.msgpack.encode(answer))
    except MemoryError:
        sys.exit(_OUT_OF_MEMORY)


def _lock(limits: Limits) -> None:
    """Give up whatever reading does not need; no limit can be raised again."""
    os.nice(_NICENESS)
    for kind, most in (
        (resource.RLIMIT_CPU, limits.cpu_seconds),
        (resource.RLIMIT_AS, limits.memory_bytes),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),  # a pipe is no file
        (resource.RLIMIT_NOFILE, 0),  # neither files nor sockets; those that are open stay open
        (resource.RLIMIT_NPROC, 0),
    ):
        resource.setrlimit(kind, (most, most))


if __name__ == "__main__":
    main()
