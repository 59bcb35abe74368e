"""A feed: its head, the one time zone, and the fragments stored for it."""

import datetime as dt
from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

from openyard_calendars import frame, text
from openyard_calendars.entry import ZONE_NAME, utc

CONTENT_TYPE = "text/calendar; charset=utf-8"
MAX_EVENTS = 1_000
MAX_BYTES = 1_000_000

# A CSS name for those who follow RFC 7986, and the same in hex for those who do not.
Colour = Literal["teal", "steelblue", "seagreen", "darkorange", "crimson", "slateblue"]
_HEX: dict[Colour, str] = {
    "teal": "#008080",
    "steelblue": "#4682B4",
    "seagreen": "#2E8B57",
    "darkorange": "#FF8C00",
    "crimson": "#DC143C",
    "slateblue": "#6A5ACD",
}


class Head(Struct, frozen=True, kw_only=True):
    """What a feed says of itself.

    ``url``: the page about it. ``source``: its own address, for public feeds only: the address
    of a private feed is its secret, and is left out even when given.
    """

    name: str
    description: str
    changed_at: dt.datetime
    colour: Colour = "teal"
    url: str | None = None
    source: str | None = None
    private: bool = False


def assemble(head: Head, fragments: Iterable[bytes]) -> bytes:
    """The whole feed; the same head and fragments give the same bytes."""
    return b"".join([_head(head), frame.ZONE, *fragments, frame.CLOSING])


def fitting(fragments: Iterable[bytes]) -> list[bytes]:
    """As many as a feed may hold, from the first on: give them soonest first."""
    room = MAX_BYTES
    kept: list[bytes] = []
    for fragment in fragments:
        room -= len(fragment)
        if room < 0 or len(kept) == MAX_EVENTS:
            break
        kept.append(fragment)
    return kept


def _head(head: Head) -> bytes:
    # No METHOD, and no UID: with one, a common sync client takes the feed for one single item.
    name, description = text.escape(head.name), text.escape(head.description)
    lines = [
        *frame.OPENING,
        f"NAME:{name}",
        f"X-WR-CALNAME:{name}",
        f"LAST-MODIFIED:{utc(head.changed_at)}",
        "REFRESH-INTERVAL;VALUE=DURATION:PT1H",
        "X-PUBLISHED-TTL:PT1H",
        f"X-WR-TIMEZONE:{ZONE_NAME}",
        f"COLOR:{head.colour}",
        f"X-APPLE-CALENDAR-COLOR:{_HEX[head.colour]}",
    ]
    # Strict readers take an empty one for an error.
    if description:
        lines += [f"DESCRIPTION:{description}", f"X-WR-CALDESC:{description}"]
    if head.url:
        lines.append(f"URL:{text.uri(head.url)}")
    if head.source and not head.private:
        lines.append(f"SOURCE;VALUE=URI:{text.uri(head.source)}")
    return b"".join(map(text.line, lines))
