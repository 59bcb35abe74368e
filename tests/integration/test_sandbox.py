import datetime as dt

from openyard_calendars import reading
from openyard_infra import sandbox
from openyard_infra.sandbox import Limits

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


def test_the_child_says_what_the_reader_says():
    found = sandbox.read_calendar(WEEKLY, zone="Asia/Shanghai", until=UNTIL)

    assert found == reading.read(WEEKLY, zone="Asia/Shanghai", until=UNTIL)
    assert len(found) > 1_900


def test_a_file_too_large_never_reaches_the_child():
    assert codes(sandbox.read_calendar(b"x" * 5_000_001)) == ["too_large"]


def test_a_child_that_takes_too_much_computing_time_is_ended():
    limits = Limits(cpu_seconds=1)

    assert codes(sandbox.read_calendar(HARD, zone="UTC", limits=limits)) == ["too_costly"]


def test_a_child_that_takes_too_long_is_ended():
    limits = Limits(wall_seconds=0.01)

    assert codes(sandbox.read_calendar(WEEKLY, limits=limits)) == ["too_costly"]


def test_a_child_that_takes_too_much_memory_is_ended():
    limits = Limits(memory_bytes=1024 * 1024)

    assert codes(sandbox.read_calendar(HARD, limits=limits)) == ["too_costly"]


def test_a_child_that_fails_gives_a_reason(monkeypatch):
    monkeypatch.setattr("sys.executable", "/bin/false")

    assert codes(sandbox.read_calendar(WEEKLY)) == ["failed"]
