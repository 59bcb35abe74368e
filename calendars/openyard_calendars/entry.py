"""One entry of a calendar, and the VEVENT it becomes."""

import datetime as dt
import functools
from collections.abc import Iterable
from zoneinfo import ZoneInfo

from msgspec import Struct

from openyard_calendars import text

ZONE_NAME = "Asia/Shanghai"
ZONE = ZoneInfo(ZONE_NAME)
CANCELLED_PREFIX = "【已取消】"

_MAX_LATITUDE = 90
_MAX_LONGITUDE = 180


class Entry(Struct, frozen=True, kw_only=True):
    """What a calendar shows of a slot or a reservation.

    ``changed_at``: when the row behind it changed; it is DTSTAMP and LAST-MODIFIED, so that the
    same row gives the same bytes. ``sequence``: up by one with each change of time, place or
    status. ``tentative``: on the waiting list. ``transparent``: does not make its reader busy; a
    cancelled one never does. ``geo``: latitude and longitude. ``private``: in feeds of families.
    Times carry a zone.
    """

    uid: str
    summary: str
    starts_at: dt.datetime
    ends_at: dt.datetime
    changed_at: dt.datetime
    sequence: int = 0
    location: str = ""
    description: str = ""
    cancelled: bool = False
    tentative: bool = False
    transparent: bool = False
    private: bool = False
    url: str | None = None
    categories: tuple[str, ...] = ()
    geo: tuple[float, float] | None = None


def fragment(entry: Entry, more: Iterable[str] = ()) -> bytes:
    """The VEVENT of an entry: whole folded lines, ready to stand in a feed.

    ``more``: content lines that only some calendars have, like the people of an invitation.

    Raises:
        ValueError: a time carries no zone.
    """
    changed = utc(entry.changed_at)
    lines = [
        "BEGIN:VEVENT",
        f"UID:{text.escape(entry.uid)}",
        f"DTSTAMP:{changed}",
        f"LAST-MODIFIED:{changed}",
        f"SEQUENCE:{entry.sequence}",
        f"DTSTART;TZID={ZONE_NAME}:{_local(entry.starts_at)}",
        f"DTEND;TZID={ZONE_NAME}:{_local(entry.ends_at)}",
        f"STATUS:{_status(entry)}",
        f"TRANSP:{'TRANSPARENT' if entry.transparent or entry.cancelled else 'OPAQUE'}",
        f"SUMMARY:{CANCELLED_PREFIX if entry.cancelled else ''}{text.escape(entry.summary)}",
        *_details(entry),
        *more,
        "END:VEVENT",
    ]
    return b"".join(map(text.line, lines))


def _status(entry: Entry) -> str:
    if entry.cancelled:
        return "CANCELLED"
    return "TENTATIVE" if entry.tentative else "CONFIRMED"


def _details(entry: Entry) -> list[str]:
    """The lines an event may do without."""
    lines = []
    if entry.location:
        lines.append(f"LOCATION:{text.escape(entry.location)}")
    if entry.description:
        lines.append(f"DESCRIPTION:{text.escape(entry.description)}")
    if entry.geo and _is_on_earth(*entry.geo):
        lines.append(f"GEO:{entry.geo[0]:.6f};{entry.geo[1]:.6f}")
    if entry.url:
        lines.append(f"URL:{text.uri(entry.url)}")
    categories = ",".join(text.escape(category) for category in entry.categories if category)
    if categories:
        lines.append(f"CATEGORIES:{categories}")
    if entry.private:
        lines.append("CLASS:PRIVATE")
    return lines


def _is_on_earth(latitude: float, longitude: float) -> bool:
    # A wrong coordinate must not cost a family its calendar; NaN compares false, too.
    return abs(latitude) <= _MAX_LATITUDE and abs(longitude) <= _MAX_LONGITUDE


def utc(moment: dt.datetime) -> str:
    """A UTC DATE-TIME value, cut to whole seconds."""
    return f"{_basic(_aware(moment).astimezone(dt.UTC))}Z"


@functools.lru_cache(maxsize=4096)  # all who are booked on a slot have its times
def _local(moment: dt.datetime) -> str:
    return _basic(_aware(moment).astimezone(ZONE))


def _basic(moment: dt.datetime) -> str:
    # A third of the time that strftime takes.
    return moment.isoformat(timespec="seconds")[:19].replace("-", "").replace(":", "")


def _aware(moment: dt.datetime) -> dt.datetime:
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} carries no zone.")
    return moment
