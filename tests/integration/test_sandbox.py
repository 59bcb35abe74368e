import asyncio
import datetime as dt
import sys

import psutil
import pytest

from openyard_calendars import reading
from openyard_platform import sandbox
from openyard_platform.sandbox import Limits
from tests.unit.test_reading_corpus import FILES, by_name

UNTIL = dt.datetime(2027, 1, 1, tzinfo=dt.UTC)
EVENT = b"BEGIN:VEVENT\nUID:%d\nDTSTART:19900101T090000\nDURATION:PT1H\n%s\nEND:VEVENT\n"
WEEKLY = EVENT % (1, "SUMMARY:机器人工坊\nRRULE:FREQ=WEEKLY".encode())
# Some seconds of work, all of it allowed.
HARD = b"".join(
    [
        *(EVENT % (n, b"RRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30;COUNT=9") for n in range(2000)),
        *(EVENT % (n, b"SUMMARY" + b";A=B" * 400 + b":x") for n in range(2000, 4500)),
    ]
)


def codes(found) -> list[str]:
    return [one.code for one in found if isinstance(one, sandbox.Unreadable)]


async def test_the_child_says_what_the_reader_says():
    found = await sandbox.read_calendar(WEEKLY, zone="Asia/Shanghai", until=UNTIL)

    assert found == reading.read(WEEKLY, zone="Asia/Shanghai", until=UNTIL)
    assert len(found) > 1_900


@pytest.mark.parametrize("path", FILES[::10], ids=by_name)
async def test_no_real_file_needs_what_the_child_has_given_up(path):
    """Of each tenth; a reader that opened a file late would fail here and nowhere else."""
    data = path.read_bytes()

    found = await sandbox.read_calendar(data, zone="Asia/Shanghai", until=UNTIL)

    assert found == reading.read(data, zone="Asia/Shanghai", until=UNTIL)


async def test_a_file_too_large_never_reaches_the_child():
    assert codes(await sandbox.read_calendar(b"x" * 5_000_001)) == ["too_large"]


async def test_a_child_that_takes_too_much_computing_time_is_ended():
    limits = Limits(cpu_seconds=1)

    assert codes(await sandbox.read_calendar(HARD, zone="UTC", limits=limits)) == ["too_costly"]


async def test_a_child_that_takes_too_long_is_ended():
    limits = Limits(wall_seconds=0.01)

    assert codes(await sandbox.read_calendar(WEEKLY, limits=limits)) == ["too_costly"]


async def test_a_child_that_takes_too_much_memory_is_ended():
    limits = Limits(memory_bytes=1024 * 1024)

    assert codes(await sandbox.read_calendar(HARD, limits=limits)) == ["too_costly"]


async def test_a_child_that_says_too_much_is_ended():
    limits = Limits(answer_bytes=100_000)

    found = await sandbox.read_calendar(WEEKLY, zone="UTC", until=UNTIL, limits=limits)

    assert codes(found) == ["too_costly"]


async def test_a_child_that_fails_gives_a_reason(monkeypatch):
    monkeypatch.setattr("sys.executable", "/bin/false")

    assert codes(await sandbox.read_calendar(WEEKLY)) == ["failed"]


async def test_who_stops_waiting_leaves_no_child_behind():
    reading_on = asyncio.create_task(sandbox.read_calendar(HARD, zone="UTC", until=UNTIL))
    await asyncio.sleep(0.5)
    assert _children()

    reading_on.cancel()
    await asyncio.gather(reading_on, return_exceptions=True)

    assert not _children()


def _children() -> list[psutil.Process]:
    """Ours that read calendars."""
    children = psutil.Process().children()
    return [child for child in children if "openyard_platform.sandbox" in child.cmdline()]


_INSIDE = """
import os, socket, subprocess, sys
from openyard_platform import sandbox
file, locked = sys.argv[1:]
if locked == "True":
    sandbox._lock(sandbox.Limits())
for attempt in (
    lambda: os.open(file, os.O_RDONLY), lambda: os.listdir("/"), lambda: os.pipe(),
    lambda: socket.socket(), lambda: subprocess.run([sys.executable, "-V"]),
):
    try:
        attempt()
        print("possible", file=sys.stderr)
    except OSError as error:
        print(os.strerror(error.errno), file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("locked", "said"), [(True, "Too many open files"), (False, "possible")], ids=["locked", "not"]
)
async def test_a_child_opens_neither_files_nor_sockets_nor_processes(tmp_path, locked, said):
    """With the guard taken away, all of it is possible."""
    file = tmp_path / "secret"
    file.write_text("secret")
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _INSIDE, str(file), str(locked)),
        stderr=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
    )

    _, heard = await child.communicate()

    assert heard.decode().splitlines() == [said] * 5
