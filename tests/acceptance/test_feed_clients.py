import datetime as dt
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from msgspec.structs import replace

from openyard_calendars import entry, feed
from openyard_calendars.entry import Entry
from openyard_calendars.feed import Head
from tests.acceptance.khal_client import read_with_khal

STARTS_AT = dt.datetime(2026, 11, 28, 1, tzinfo=dt.UTC)
HEAD = Head(name="我家的预约", description="联育", changed_at=STARTS_AT, private=True)
WORKSHOP = Entry(
    uid="0198-7a@openyard",
    summary="机器人工坊：第一场; 家长陪同, 自带水杯",
    location="柳州市科技馆 三楼\n机器人教室",
    description="请提前十分钟到场。\\N" * 30,
    starts_at=STARTS_AT,
    ends_at=STARTS_AT + dt.timedelta(hours=2),
    changed_at=STARTS_AT - dt.timedelta(days=7),
    categories=("科普", "周末"),
    geo=(24.3264, 109.428),
    url="https://openyard.example/slots/0198-7a",
    private=True,
)


class Shelf:
    """A server of one feed, whose body the test may exchange."""

    body = b""
    url = ""


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    shelf = Shelf()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", feed.CONTENT_TYPE)
            self.send_header("Content-Length", str(len(shelf.body)))
            self.end_headers()
            self.wfile.write(shelf.body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    shelf.url = f"http://127.0.0.1:{server.server_port}/feeds/token.ics"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield shelf
    server.shutdown()
    thread.join()
    server.server_close()


def body(*entries: Entry) -> bytes:
    return feed.assemble(HEAD, map(entry.fragment, entries))


async def test_a_desktop_client_shows_the_chinese_title_at_the_right_hour(shelf, tmp_path):
    shelf.body = body(WORKSHOP)

    (line,) = await read_with_khal(shelf.url, tmp_path)

    start, end, title, location, status = line.split(" | ")
    assert (start, end) == ("2026-11-28 09:00", "2026-11-28 11:00")
    assert title == "机器人工坊：第一场; 家长陪同, 自带水杯"
    assert location == "柳州市科技馆 三楼\n机器人教室"
    assert status == "CONFIRMED"


async def test_a_second_synchronisation_shows_the_event_cancelled(shelf, tmp_path):
    other = replace(WORKSHOP, uid="0198-7b@openyard", summary="天文夜", sequence=0)
    shelf.body = body(WORKSHOP, other)
    await read_with_khal(shelf.url, tmp_path)

    shelf.body = body(replace(WORKSHOP, cancelled=True, sequence=1), other)
    lines = await read_with_khal(shelf.url, tmp_path)

    titles = sorted(line.split(" | ")[2] for line in lines)
    assert titles == ["【已取消】机器人工坊：第一场; 家长陪同, 自带水杯", "天文夜"]
    (cancelled,) = [line for line in lines if "已取消" in line]
    assert cancelled.endswith(" | CANCELLED")


async def test_a_feed_without_events_is_no_error(shelf, tmp_path):
    shelf.body = body()

    assert await read_with_khal(shelf.url, tmp_path) == []
