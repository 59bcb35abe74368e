"""Our feeds on somebody's own CalDAV server: Radicale keeps them, caldav asks for them."""

import datetime as dt
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import caldav
import pytest
from msgspec.structs import replace

from openyard_calendars import entry, feed, special_days
from openyard_calendars.entry import Entry
from openyard_calendars.feed import Head
from openyard_calendars.special_days import SpecialDay

STARTS_AT = dt.datetime(2026, 11, 28, 1, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
HEAD = Head(name="我家的预约", description="联育", changed_at=STARTS_AT, private=True)
WORKSHOP = Entry(
    uid="0198-7a@openyard",
    summary="机器人工坊：第一场; 家长陪同, 自带水杯",
    location="柳州市科技馆 三楼\n机器人教室",
    description="请提前十分钟到场。" * 30,
    starts_at=STARTS_AT,
    ends_at=STARTS_AT + dt.timedelta(hours=2),
    changed_at=STARTS_AT - 7 * DAY,
    categories=("科普", "周末"),
    geo=(24.3264, 109.428),
    url="https://openyard.example/slots/0198-7a",
    private=True,
)


@pytest.fixture(scope="module")
def radicale(tmp_path_factory) -> Iterator[str]:
    """The address of a server that lets everybody do everything, for as long as the module runs."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder: Path = tmp_path_factory.mktemp("radicale")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "radicale", "--config", ""),
                *("--server-hosts", f"127.0.0.1:{port}", "--auth-type", "none"),
                *("--rights-type", "authenticated", "--web-type", "none"),
                *("--storage-filesystem-folder", str(folder / "collections")),
            ],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.poll() is None, (folder / "log").read_text()
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture
def calendar(radicale, request) -> Iterator[caldav.Calendar]:
    with caldav.DAVClient(radicale, username="family", password="any") as client:
        yield client.calendar(url=f"{radicale}family/{request.node.name[:40]}/")


def keep(calendar: caldav.Calendar, *fragments: bytes) -> None:
    """Put a whole feed in the place of the calendar, as somebody who imports it does."""
    request = Request(  # noqa: S310 - our own server
        str(calendar.url),
        data=feed.assemble(HEAD, fragments),
        method="PUT",
        headers={
            "Content-Type": feed.CONTENT_TYPE,
            "Authorization": "Basic ZmFtaWx5OmFueQ==",
        },
    )
    with urlopen(request, timeout=10) as answer:  # noqa: S310
        assert answer.status == 201


def titles(calendar: caldav.Calendar, first: dt.datetime, last: dt.datetime) -> list[str]:
    found = calendar.search(start=first, end=last, event=True, expand=False)
    return sorted(str(event.icalendar_component["SUMMARY"]) for event in found)


def test_a_search_by_time_finds_the_event_with_its_text_whole(calendar):
    later = replace(
        WORKSHOP,
        uid="0198-7b@openyard",
        starts_at=STARTS_AT + 7 * DAY,
        ends_at=STARTS_AT + 7 * DAY + dt.timedelta(hours=2),
        summary="天文夜",
    )
    keep(calendar, *map(entry.fragment, [WORKSHOP, later]))

    (event,) = calendar.search(start=STARTS_AT - DAY, end=STARTS_AT + DAY, event=True)

    found = event.icalendar_component
    assert found["SUMMARY"] == WORKSHOP.summary
    assert found["LOCATION"] == WORKSHOP.location
    assert found["DESCRIPTION"] == WORKSHOP.description
    assert found.start == STARTS_AT
    assert found["CLASS"] == "PRIVATE"
    assert titles(calendar, STARTS_AT, STARTS_AT + 9 * DAY) == ["天文夜", WORKSHOP.summary]


def test_a_cancelled_event_is_cancelled_there_too(calendar):
    keep(calendar, entry.fragment(WORKSHOP))
    keep(calendar, entry.fragment(replace(WORKSHOP, cancelled=True, sequence=1)))

    (event,) = calendar.events()

    assert event.icalendar_component["STATUS"] == "CANCELLED"
    assert event.icalendar_component["SUMMARY"].startswith("【已取消】")


def test_a_holiday_fills_its_day_and_no_other(calendar):
    day = SpecialDay(date=dt.date(2026, 2, 28), name="春节", worked=True, changed_at=STARTS_AT)
    keep(calendar, special_days.fragment(day))

    noon = dt.datetime(2026, 2, 28, 12, tzinfo=dt.UTC)
    assert titles(calendar, noon, noon + dt.timedelta(hours=1)) == ["春节（班）"]
    assert titles(calendar, noon + DAY, noon + 2 * DAY) == []
