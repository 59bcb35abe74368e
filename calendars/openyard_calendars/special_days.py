"""Holidays and worked weekends as whole days, marked so that calendars show 休 and 班."""

import datetime as dt

from msgspec import Struct

from openyard_calendars import text
from openyard_calendars.entry import utc


class SpecialDay(Struct, frozen=True, kw_only=True):
    """``name``: of the holiday it is, or is worked for. ``worked``: a weekend day, 调休."""

    date: dt.date
    name: str
    worked: bool
    changed_at: dt.datetime


def fragment(day: SpecialDay) -> bytes:
    """The VEVENT of a day: whole folded lines, ready to stand in a feed.

    Apple's calendars print 休 or 班 beside the date for ``X-APPLE-SPECIAL-DAY``; all others show
    the summary.
    """
    changed = utc(day.changed_at)
    lines = [
        "BEGIN:VEVENT",
        f"UID:day-{day.date:%Y-%m-%d}@openyard",
        f"DTSTAMP:{changed}",
        f"LAST-MODIFIED:{changed}",
        "SEQUENCE:0",
        f"DTSTART;VALUE=DATE:{day.date:%Y%m%d}",
        f"DTEND;VALUE=DATE:{day.date + dt.timedelta(days=1):%Y%m%d}",
        "STATUS:CONFIRMED",
        "TRANSP:TRANSPARENT",
        f"SUMMARY:{text.escape(day.name)}（{'班' if day.worked else '休'}）",
        f"X-APPLE-SPECIAL-DAY:{'ALTERNATE-WORKDAY' if day.worked else 'WORK-HOLIDAY'}",
        "CLASS:PUBLIC",
        "END:VEVENT",
    ]
    return b"".join(map(text.line, lines))
