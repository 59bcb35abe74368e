import datetime as dt

import icalendar
import pytest
import recurring_ical_events
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from openyard_calendars import entry, feed, text
from openyard_calendars.entry import Entry
from openyard_calendars.feed import Head

CHANGED_AT = dt.datetime(2026, 11, 20, 4, tzinfo=dt.UTC)
HEAD = Head(
    name="柳州市科技馆",
    description="周末开放与活动",
    changed_at=CHANGED_AT,
    url="https://openyard.example/venues/kjg",
    source="https://openyard.example/venues/kjg/calendar.ics",
)


def workshop(number: int) -> Entry:
    starts_at = dt.datetime(2026, 11, 28, 1, tzinfo=dt.UTC) + dt.timedelta(days=7 * number)
    return Entry(
        uid=f"{number}@openyard",
        summary=f"机器人工坊 {number}",
        starts_at=starts_at,
        ends_at=starts_at + dt.timedelta(hours=2),
        changed_at=CHANGED_AT,
    )


FRAGMENTS = [entry.fragment(workshop(number)) for number in range(3)]


def read(data: bytes) -> icalendar.Calendar:
    return icalendar.Calendar.from_ical(data)


@given(st.text(), st.text(), st.text(), st.booleans())
def test_a_library_reads_in_every_field_what_the_head_says(name, description, page, private):
    url = f"https://openyard.example/{page}"
    head = Head(name=name, description=description, changed_at=CHANGED_AT, url=url, private=private)

    calendar = read(feed.assemble(head, FRAGMENTS))

    assert calendar.errors == []
    # The library leaves names it does not know as they stand; clients take them for text.
    assert text.unescape(calendar["NAME"]) == text.clean(name)
    assert calendar["X-WR-CALNAME"] == calendar["NAME"]
    assert calendar.get("DESCRIPTION", "") == text.clean(description)
    assert text.unescape(calendar.get("X-WR-CALDESC", "")) == text.clean(description)
    assert calendar["URL"] == text.uri(url)
    assert len(calendar.events) == 3


def test_the_head_says_what_clients_ask_for():
    calendar = read(feed.assemble(HEAD, []))

    assert calendar["VERSION"] == "2.0"
    assert calendar["CALSCALE"] == "GREGORIAN"
    assert calendar["REFRESH-INTERVAL"].dt == dt.timedelta(hours=1)
    assert calendar["REFRESH-INTERVAL"].params == {"VALUE": "DURATION"}
    assert calendar["X-PUBLISHED-TTL"] == "PT1H"
    assert calendar["X-WR-TIMEZONE"] == "Asia/Shanghai"
    assert calendar["COLOR"] == "teal"
    assert calendar["X-APPLE-CALENDAR-COLOR"] == "#008080"
    assert calendar["LAST-MODIFIED"].dt == CHANGED_AT


@pytest.mark.parametrize("name", ["METHOD", "UID"])
def test_the_head_leaves_out_what_breaks_clients(name):
    assert name not in read(feed.assemble(HEAD, FRAGMENTS))


def test_a_public_feed_names_its_own_address():
    source = read(feed.assemble(HEAD, []))["SOURCE"]

    assert source == HEAD.source
    assert source.params == {"VALUE": "URI"}


def test_a_private_feed_never_names_its_own_address():
    assert b"SOURCE" not in feed.assemble(replace(HEAD, private=True), [])


def test_a_head_may_do_without_addresses():
    calendar = read(feed.assemble(replace(HEAD, url=None, source=None), []))

    assert "URL" not in calendar
    assert "SOURCE" not in calendar


def test_an_empty_feed_still_holds_a_component():
    (zone,) = read(feed.assemble(HEAD, [])).subcomponents

    assert zone["TZID"] == "Asia/Shanghai"


@given(st.datetimes(dt.datetime(1992, 1, 1), dt.datetime(2100, 1, 1)))  # noqa: DTZ001
def test_the_zone_of_the_feed_is_the_zone_of_the_world(local):
    (zone,) = read(feed.assemble(HEAD, [])).walk("VTIMEZONE")

    ours = zone.to_tz(lookup_tzid=False)

    assert local.replace(tzinfo=ours).utcoffset() == local.replace(tzinfo=entry.ZONE).utcoffset()


def test_the_same_head_and_fragments_give_the_same_bytes():
    assert feed.assemble(HEAD, FRAGMENTS) == feed.assemble(replace(HEAD), iter(FRAGMENTS))


def test_lines_end_in_crlf_and_have_at_most_75_octets():
    data = feed.assemble(replace(HEAD, description="长" * 200), FRAGMENTS)

    assert data.endswith(b"END:VCALENDAR\r\n")
    assert b"\n" not in data.replace(b"\r\n", b"")
    assert all(len(line) <= 75 for line in data.split(b"\r\n"))


def test_a_reader_of_occurrences_finds_each_event_at_its_hour():
    calendar = read(feed.assemble(HEAD, FRAGMENTS))

    (found,) = recurring_ical_events.of(calendar).at((2026, 12, 5))

    assert found["SUMMARY"] == "机器人工坊 1"
    assert found.start == dt.datetime(2026, 12, 5, 9, tzinfo=entry.ZONE)


def test_a_feed_holds_at_most_a_thousand_events():
    assert len(feed.fitting(FRAGMENTS * 400)) == 1_000


def test_a_feed_holds_at_most_a_megabyte_and_keeps_the_first():
    large = [b"x" * 400_000, b"y" * 400_000, b"z" * 400_000]

    assert feed.fitting(large) == large[:2]


def test_what_fits_is_kept_whole():
    assert feed.fitting(FRAGMENTS) == FRAGMENTS
