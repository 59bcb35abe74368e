"""What a desktop client keeps of a calendar through each answer that a feed may give.

On demand, with Debian's thunderbird: it is large, and starts several times.

    OPENYARD_THUNDERBIRD=1 .venv/bin/python -m pytest tests/acceptance/test_feed_thunderbird.py
"""

import itertools
import os
import shutil
import threading
from collections.abc import AsyncIterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from tests.acceptance.house import Person, person
from tests.acceptance.thunderbird import Thunderbird
from tests.races.rush import fresh_slot
from tests.stack import Stack

PROGRAM = shutil.which("thunderbird")

pytestmark = [
    pytest.mark.skipif(
        os.environ.get("OPENYARD_THUNDERBIRD") != "1", reason="OPENYARD_THUNDERBIRD is not 1"
    ),
    pytest.mark.skipif(PROGRAM is None, reason="thunderbird is not installed"),
]

_FAMILIES = itertools.count(300)
_PASSED_ON = ("ETag", "Last-Modified", "Cache-Control", "Content-Type", "Vary", "Retry-After")


class Window:
    """Stands before the platform like a proxy: passes on, or answers itself as one would."""

    def __init__(self, target: str) -> None:
        self.url = ""
        self.target = target
        self.instead: tuple[int, bytes] | None = None
        self.statuses: list[int] = []

    def answer(self, asked: BaseHTTPRequestHandler) -> None:
        if self.instead is not None:
            status, body = self.instead
            headers = {"Content-Type": "text/html"}
        else:
            known = asked.headers.get("If-None-Match")
            found = httpx.get(self.target, headers={"If-None-Match": known} if known else {})
            status, body = found.status_code, found.content
            headers = {name: found.headers[name] for name in _PASSED_ON if name in found.headers}
        self.statuses.append(status)
        asked.send_response(status)
        for name, value in headers.items():
            asked.send_header(name, value)
        if status != 304:
            asked.send_header("Content-Length", str(len(body)))
        asked.end_headers()
        asked.wfile.write(body)


class Reader:
    """A mother's reservations, and the Thunderbird that shows them."""

    def __init__(self, mother: Person, window: Window, client: Thunderbird) -> None:
        self.mother = mother
        self.window = window
        self.client = client
        self.titles: list[str] = []

    async def book(self, stack: Stack, title: str) -> None:
        """One more reservation, and it is in the feed."""
        slot = await fresh_slot(stack, capacity=5, title=title)
        kept = await self.mother.reserve(slot)
        await self.mother.event(kept["id"], lambda event: event["STATUS"] == "CONFIRMED")
        self.titles.append(title)


@pytest.fixture
async def reader(stack: Stack, tmp_path: Path) -> AsyncIterator[Reader]:
    """One of the demo families for each test, so that it has no reservations of its own."""
    mother = person(stack, "family", next(_FAMILIES))
    window = Window(await mother.feed())

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            window.answer(self)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    window.url = f"http://127.0.0.1:{server.server_port}/calendar.ics"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    reader = Reader(mother, window, Thunderbird(str(PROGRAM), tmp_path, window.url))
    await reader.book(stack, "亲子夜读")
    reader.client.start()
    try:
        reader.client.shows(reader.titles)
        yield reader
    finally:
        reader.client.kill()
        server.shutdown()
        thread.join()
        server.server_close()


async def test_what_has_not_changed_is_kept(reader: Reader):
    reader.client.refresh()

    assert reader.window.statuses == [200, 304]
    assert reader.client.shown().titles == reader.titles


async def test_what_has_changed_is_shown_at_the_next_look(stack: Stack, reader: Reader):
    await reader.book(stack, "天文夜")

    reader.client.refresh()

    assert reader.client.shows(reader.titles).enabled
    assert reader.window.statuses == [200, 200]


async def test_an_unknown_address_takes_nothing_away(reader: Reader):
    reader.window.target = reader.window.target.rpartition("/")[0] + f"/{'0' * 43}.ics"

    reader.client.refresh()

    assert reader.window.statuses == [200, 404]
    shown = reader.client.shown()
    assert (shown.titles, shown.enabled) == (reader.titles, True)


async def test_a_revoked_address_ends_the_calendar_and_takes_nothing_away(
    stack: Stack, reader: Reader
):
    async with httpx.AsyncClient(base_url=stack.url) as web:
        web.headers["Authorization"] = f"Bearer {reader.mother.token}"
        assert (await web.post("/my/calendar/revoke")).status_code == 303

    reader.client.refresh()

    assert reader.window.statuses == [200, 410]
    assert reader.client.shown().titles == reader.titles
    reader.client.stop()
    reader.client.start()
    # It does not ask again: who was given the new address puts in a new calendar.
    assert not reader.client.shown().enabled
    assert reader.window.statuses == [200, 410]


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_a_failing_server_takes_nothing_away_and_is_asked_again(
    stack: Stack, reader: Reader, status: int
):
    reader.window.instead = (status, b"<html>Sorry</html>")

    reader.client.refresh()

    assert reader.window.statuses == [200, status]
    assert reader.client.shown().titles == reader.titles
    # It looks away until it is started again, and then takes up what it has missed.
    reader.window.instead = None
    await reader.book(stack, f"科学课{status}")
    reader.client.stop()
    reader.client.start()
    assert reader.client.shows(reader.titles).enabled


async def test_an_empty_answer_would_wipe_the_calendar(reader: Reader):
    """The negative control, and why a feed never answers 200 with nothing."""
    reader.window.instead = (200, b"")

    reader.client.refresh()

    reader.client.shows([])
