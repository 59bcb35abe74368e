import datetime as dt
import time

import icalendar
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec.structs import replace

from openyard_calendars import entry, text
from openyard_calendars.entry import CANCELLED_PREFIX, ZONE, Entry

STARTS_AT = dt.datetime(2026, 11, 28, 1, tzinfo=dt.UTC)
WORKSHOP = Entry(
    uid="0198-7a@openyard",
    summary="机器人工坊",
    starts_at=STARTS_AT,
    ends_at=STARTS_AT + dt.timedelta(hours=2),
    changed_at=dt.datetime(2026, 11, 20, 4, 30, 15, 999, tzinfo=dt.UTC),
)

moments = st.integers(0, 10**8).map(
    lambda minutes: dt.datetime(1992, 1, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=30 * minutes)
)
entries = st.builds(
    Entry,
    uid=st.text(min_size=1),
    summary=st.text(),
    starts_at=moments,
    ends_at=moments,
    changed_at=moments,
    sequence=st.integers(0, 10**6),
    location=st.text(),
    description=st.text(),
    cancelled=st.booleans(),
    tentative=st.booleans(),
    transparent=st.booleans(),
    private=st.booleans(),
    url=st.none() | st.text().map("https://openyard.example/".__add__),
    categories=st.lists(st.text(), max_size=3).map(tuple),
    geo=st.none() | st.tuples(st.floats(-90, 90), st.floats(-180, 180)),
)


def read(shown: Entry) -> icalendar.Event:
    return icalendar.Event.from_ical(entry.fragment(shown))


@given(entries)
def test_a_library_reads_in_every_field_what_was_shown(shown):
    event = read(shown)

    assert event.errors == []
    assert event["UID"] == text.clean(shown.uid)
    prefix = CANCELLED_PREFIX if shown.cancelled else ""
    assert event["SUMMARY"] == prefix + text.clean(shown.summary)
    assert event.get("LOCATION", "") == text.clean(shown.location)
    assert event.get("DESCRIPTION", "") == text.clean(shown.description)
    assert event["DTSTART"].dt == shown.starts_at
    assert event["DTEND"].dt == shown.ends_at
    assert event["DTSTART"].params == event["DTEND"].params == {"TZID": "Asia/Shanghai"}
    assert event["DTSTAMP"].dt == event["LAST-MODIFIED"].dt == shown.changed_at
    assert event["SEQUENCE"] == shown.sequence
    assert event.get("URL") == (shown.url and text.uri(shown.url))
    assert event.get("CLASS") == ("PRIVATE" if shown.private else None)


@given(entries)
def test_a_library_reads_the_same_categories_and_place(shown):
    event = read(shown)

    named = [text.clean(category) for category in shown.categories if category]
    read_back = [str(name) for name in event["CATEGORIES"].cats] if "CATEGORIES" in event else []
    assert read_back == named or not any(named)
    if shown.geo:
        assert event["GEO"].to_ical() == "{:.6f};{:.6f}".format(*shown.geo) or (
            event["GEO"].latitude == pytest.approx(shown.geo[0], abs=1e-6)
            and event["GEO"].longitude == pytest.approx(shown.geo[1], abs=1e-6)
        )


@given(entries)
def test_a_library_would_write_the_same_lines(shown):
    # What the library is known to write otherwise is left out: it takes \N for a line break.
    texts = (shown.uid, shown.summary, shown.location, shown.description, *shown.categories)
    assume(not any("\\N" in value for value in texts))
    assume(shown.geo is None)

    ours = entry.fragment(shown)

    assert lines(read(shown).to_ical()) == lines(ours)


def lines(data: bytes) -> list[bytes]:
    return sorted(data.replace(b"\r\n ", b"").split(b"\r\n"))


@given(entries)
def test_a_fragment_is_whole_lines_of_at_most_75_octets(shown):
    data = entry.fragment(shown)

    assert data.startswith(b"BEGIN:VEVENT\r\n")
    assert data.endswith(b"END:VEVENT\r\n")
    assert data.decode()
    assert not any(byte < 32 or byte == 127 for byte in data.replace(b"\r\n", b""))
    assert all(len(line) <= 75 for line in data.split(b"\r\n"))


@given(entries)
def test_the_same_entry_gives_the_same_bytes(shown):
    assert entry.fragment(shown) == entry.fragment(replace(shown))


@pytest.mark.parametrize("field", ["uid", "summary", "location", "description", "url"])
@pytest.mark.parametrize("ending", ["\r\n", "\n", "\r", "\u2028", "\x85", "\x0b"])
def test_an_injected_property_comes_out_as_text(field, ending):
    attack = f"x{ending}ATTENDEE:mailto:a@openyard.example{ending}END:VEVENT{ending}BEGIN:VALARM"

    event = read(replace(WORKSHOP, **{field: attack}))

    assert "ATTENDEE" not in event
    assert event.subcomponents == []


def test_an_injected_category_comes_out_as_one_category():
    event = read(replace(WORKSHOP, categories=("a,b;c\r\nX-A:b",)))

    assert [str(name) for name in event["CATEGORIES"].cats] == ["a,b;c\nX-A:b"]


def test_times_are_those_of_shanghai():
    data = entry.fragment(WORKSHOP)

    assert b"DTSTART;TZID=Asia/Shanghai:20261128T090000\r\n" in data
    assert b"DTEND;TZID=Asia/Shanghai:20261128T110000\r\n" in data
    assert entry.fragment(replace(WORKSHOP, starts_at=STARTS_AT.astimezone(ZONE))) == data


def test_both_stamps_say_when_the_row_changed():
    data = entry.fragment(WORKSHOP)

    assert b"DTSTAMP:20261120T043015Z\r\n" in data
    assert b"LAST-MODIFIED:20261120T043015Z\r\n" in data


def test_a_time_without_zone_is_refused():
    with pytest.raises(ValueError, match="no zone"):
        entry.fragment(replace(WORKSHOP, starts_at=STARTS_AT.replace(tzinfo=None)))


def test_a_cancelled_entry_says_so_and_takes_no_time():
    event = read(replace(WORKSHOP, cancelled=True, sequence=3))

    assert event["STATUS"] == "CANCELLED"
    assert event["SUMMARY"] == "【已取消】机器人工坊"
    assert event["TRANSP"] == "TRANSPARENT"
    assert event["SEQUENCE"] == 3
    assert event["UID"] == WORKSHOP.uid


def test_an_entry_on_the_waiting_list_is_tentative():
    assert read(replace(WORKSHOP, tentative=True))["STATUS"] == "TENTATIVE"
    assert read(WORKSHOP)["STATUS"] == "CONFIRMED"


@pytest.mark.parametrize("geo", [(float("nan"), 0.0), (91.0, 0.0), (0.0, -181.0)])
def test_an_impossible_place_is_left_out(geo):
    assert "GEO" not in read(replace(WORKSHOP, geo=geo))


def test_the_place_is_latitude_then_longitude():
    assert b"GEO:24.326400;109.428000\r\n" in entry.fragment(
        replace(WORKSHOP, geo=(24.3264, 109.428))
    )


def test_a_fragment_costs_microseconds():
    # It runs for every decision. The bound is loose: only a library's milliseconds would fail.
    started = time.process_time()
    for _ in range(500):
        entry.fragment(WORKSHOP)

    assert (time.process_time() - started) / 500 < 0.0005
