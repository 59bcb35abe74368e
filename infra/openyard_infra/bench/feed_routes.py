"""What our feeds are measured against, in the same web process.

``/bench/feed/library.ics`` renders the same events anew for each request, with the icalendar
library; ``/bench/feed/static/feed.ics`` is the same bytes as a file.
"""

import os
from pathlib import Path
from typing import Any

import icalendar
from litestar import MediaType, Response, get
from litestar.static_files import create_static_files_router

from openyard_platform.web import auth

_FOLDER = Path(os.environ.get("OPENYARD_BENCH") or ".").resolve()
FILE = "feed.ics"
_KEPT: list[Any] = []


@get(
    "/bench/feed/library.ics",
    opt=auth.PUBLIC,
    media_type=MediaType.TEXT,
    sync_to_thread=True,
    include_in_schema=False,
)
def library() -> Response[bytes]:
    """Reading the database is not counted: the values are at hand after the first request."""
    if not _KEPT:
        _KEPT.append(icalendar.Calendar.from_ical((_FOLDER / FILE).read_bytes()))
    read = _KEPT[0]
    calendar = icalendar.Calendar()
    for name in ("VERSION", "PRODID", "CALSCALE", "X-WR-CALNAME", "LAST-MODIFIED"):
        calendar.add(name, read[name])
    for zone in read.walk("VTIMEZONE"):
        calendar.add_component(zone)
    for known in read.walk("VEVENT"):
        calendar.add_component(_event(known))
    return Response(bytes(calendar.to_ical()), media_type="text/calendar")


def _event(known: Any) -> icalendar.Event:
    event = icalendar.Event()
    event.add("UID", str(known["UID"]))
    for name in ("DTSTAMP", "LAST-MODIFIED", "DTSTART", "DTEND"):
        event.add(name, known[name].dt)
    event.add("SEQUENCE", int(known["SEQUENCE"]))
    for name in ("STATUS", "TRANSP", "SUMMARY", "LOCATION", "DESCRIPTION", "URL"):
        event.add(name, str(known[name]))
    event.add("CATEGORIES", [str(one) for one in known["CATEGORIES"].cats])
    return event


static = create_static_files_router(
    "/bench/feed/static", directories=[_FOLDER], opt=auth.PUBLIC, include_in_schema=False
)

handlers = [library, static]
