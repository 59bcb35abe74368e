"""Calendars that others met in the wild, and calendars made to harm."""

import datetime as dt
import functools
import time
import warnings
from collections import defaultdict
from pathlib import Path

import icalendar
import pytest
import recurring_ical_events

from openyard_calendars import reading
from openyard_calendars.reading import ReadEvent
from openyard_calendars.unreadable import Unreadable

FILES = sorted(
    path
    for package in (icalendar, recurring_ical_events)
    for path in Path(package.__file__).parent.rglob("*.ics")
)
UNTIL = dt.datetime(2027, 12, 1, tzinfo=dt.UTC)
EVER = dt.datetime(1990, 1, 1, tzinfo=dt.UTC)

# Where we differ from the library knowingly.
KNOWN = {
    "issue_18_cancel_status.ics": "it shows an occurrence that is cancelled",
    "issue_201_test_matrix.ics": "of a floating and a UTC time it takes both for UTC",
}


def by_name(path: Path) -> str:
    return path.name


@functools.cache
def read(path: Path) -> list[ReadEvent | Unreadable]:
    return reading.read(path.read_bytes(), zone="Asia/Shanghai", until=UNTIL)


def test_there_is_a_corpus():
    assert len(FILES) > 250


@pytest.mark.parametrize("path", FILES, ids=by_name)
def test_every_file_gives_events_or_reasons(path):
    found = read(path)

    assert found
    for one in found:
        if isinstance(one, Unreadable):
            assert one.code.isidentifier()
            assert one.message.endswith(".")
        else:
            assert one.starts_at < one.ends_at
            assert 1990 <= one.starts_at.year <= 2101


@pytest.mark.parametrize("path", FILES, ids=by_name)
def test_no_event_is_passed_over_in_silence(path):
    events = [event for calendar in parsed(path) for event in calendar.walk("VEVENT")]

    named = {one.uid for one in read(path)}

    assert {str(event.get("UID", "")).strip()[:200] for event in events} <= named


@pytest.mark.parametrize("path", FILES, ids=by_name)
def test_a_library_finds_the_same_occurrences(path):
    """Of timed events, UID by UID, wherever the library can read the file at all."""
    ours = defaultdict(list)
    for one in read(path):
        if isinstance(one, ReadEvent) and not one.all_day:
            ours[one.uid].append((one.starts_at, one.ends_at))
    calendars = parsed(path)
    if path.name in KNOWN or not calendars:
        return
    for uid, times in ours.items():
        alone = icalendar.Calendar()
        for calendar in calendars:
            for event in calendar.walk("VEVENT"):
                if str(event.get("UID", "")).strip() == uid:
                    alone.add_component(event)
        last = max(UNTIL, *(end for _, end in times)) + dt.timedelta(seconds=1)
        theirs = [
            (found.start.astimezone(dt.UTC), found.end.astimezone(dt.UTC))
            for found in recurring_ical_events.of(alone).between(EVER, last)
            if isinstance(found.start, dt.datetime) and found.start.tzinfo
        ]
        # None at all: a floating time, which the library leaves without a zone.
        assert sorted(times) == sorted(theirs) or not theirs


@functools.cache
def parsed(path: Path) -> list[icalendar.Component]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return icalendar.Calendar.from_ical(path.read_bytes(), multiple=True)
        except (ValueError, KeyError, IndexError):
            return []


EVENT = b"BEGIN:VEVENT\nUID:%d\nDTSTART:19900101T000000Z\nDURATION:PT1H\n%s\nEND:VEVENT\n"
ZONE = (
    b"BEGIN:VTIMEZONE\nTZID:Z%d\nBEGIN:STANDARD\nDTSTART:00010101T000000\nTZOFFSETFROM:+0000\n"
    b"TZOFFSETTO:+0800\nRRULE:FREQ=SECONDLY\nEND:STANDARD\nEND:VTIMEZONE\n"
)
DESCRIPTION = b"DESCRIPTION:" + b"x" * 4_000
ATTACKS = {
    "rules that match nothing": [
        EVENT % (number, b"RRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30;COUNT=9")
        for number in range(4_000)
    ],
    "rules every second": [
        EVENT % (number, b"RRULE:FREQ=SECONDLY;COUNT=3500") for number in range(4_000)
    ],
    "many long series": [
        EVENT % (number, b"RRULE:FREQ=DAILY;COUNT=3500\n" + DESCRIPTION) for number in range(1_000)
    ],
    "a rule of a megabyte": [
        EVENT % (1, b"RRULE:FREQ=DAILY;BYMONTHDAY=" + b"1," * 2_000_000 + b"1")
    ],
    "exclusions without end": [EVENT % (1, b"EXDATE:19900101T000000Z\n" * 180_000)],
    "one series in thousands of parts": [
        EVENT % (1, b"RECURRENCE-ID:19900101T%06dZ" % number) for number in range(4_000)
    ],
    "zones that change every second": [ZONE % number for number in range(4_000)]
    + [EVENT.replace(b":1990", b";TZID=Z1:1990").replace(b"Z\n", b"\n") % (1, b"")],
    "components inside components": [b"BEGIN:VEVENT\n", b"BEGIN:X\n" * 600_000],
    "events that never end": [b"BEGIN:VEVENT\n" * 380_000],
    "folds of nothing": [b"\n " * 2_400_000],
    "lines of nothing": [b"\n" * 4_900_000],
    "carriage returns": [b"\r" * 4_900_000],
    "parameters without end": [EVENT % (1, b"SUMMARY" + b";A=B" * 1_200_000 + b":x")],
    "quotes without end": [EVENT % (1, b"SUMMARY" + b';A="B' * 900_000 + b":x")],
    "quotes of nothing": [EVENT % (1, b"SUMMARY;A=" + b'""' * 2_000_000)],
    "backslashes": [EVENT % (1, b"SUMMARY:" + b"\\" * 4_800_000)],
    "bytes of no encoding": [EVENT % (1, b"SUMMARY:" + b"\xff" * 4_800_000)],
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_costs_little_and_spoils_nothing(attack):
    good = (EVENT % (9_999_999, b"SUMMARY:x")).replace(b"1990", b"2026")
    data = b"BEGIN:VCALENDAR\n" + good + b"".join(ATTACKS[attack]) + b"END:VCALENDAR\n"
    assert len(data) <= reading.MAX_BYTES
    started = time.process_time()

    found = reading.read(data, zone="Asia/Shanghai", until=UNTIL)

    # Seconds, not minutes; the child process that reads strangers' files may use thirty.
    assert time.process_time() - started < 20
    assert len(found) <= 20_000
    refused = [one.code for one in found if isinstance(one, Unreadable)]
    assert "9999999" in {one.uid for one in found} or refused == ["too_many_events"]
