import datetime as dt
import urllib.parse

import icalendar
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from openyard_calendars import entry, feed, invitation, text
from openyard_calendars.entry import Entry
from openyard_calendars.feed import Head
from openyard_calendars.invitation import Mailbox
from tests.unit.test_entry import WORKSHOP, entries

PLATFORM = Mailbox(address="noreply@openyard.example", name="联育")
MOTHER = Mailbox(address="mother@example.org")
names = st.text()


def read(body: bytes) -> icalendar.Calendar:
    calendar = icalendar.Calendar.from_ical(body)
    assert calendar.errors == []
    return calendar


def event_of(shown: Entry, organiser: Mailbox = PLATFORM, attendee: Mailbox = MOTHER):
    (event,) = read(invitation.write(shown, organiser, attendee).body).events
    assert event.errors == []
    return event


@given(entries)
def test_the_method_says_whether_one_is_invited_or_no_longer(shown):
    written = invitation.write(shown, PLATFORM, MOTHER)

    calendar = read(written.body)

    assert calendar["METHOD"] == written.method
    (event,) = calendar.events
    assert written.method == ("CANCEL" if shown.cancelled else "REQUEST")
    assert (event["STATUS"] == "CANCELLED") is (written.method == "CANCEL")


@given(entries)
def test_it_says_of_the_event_what_a_feed_says(shown):
    ours = invitation.write(shown, PLATFORM, MOTHER).body
    head = Head(name="x", description="", changed_at=shown.changed_at)
    (in_feed,) = read(feed.assemble(head, [entry.fragment(shown)])).events

    (event,) = read(ours).events

    assert event.pop("ORGANIZER") == "mailto:noreply@openyard.example"
    assert event.pop("ATTENDEE") == "mailto:mother@example.org"
    assert event.to_ical() == in_feed.to_ical()


@given(names, names)
def test_names_come_out_as_they_went_in(organiser, attendee):
    event = event_of(WORKSHOP, replace(PLATFORM, name=organiser), replace(MOTHER, name=attendee))

    assert event["ORGANIZER"].params.get("CN", "") == text.clean(organiser)
    assert event["ATTENDEE"].params.get("CN", "") == text.clean(attendee)


@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1))
def test_addresses_come_out_as_they_went_in(address):
    event = event_of(WORKSHOP, attendee=Mailbox(address=address))

    scheme, _, rest = event["ATTENDEE"].partition(":")

    assert scheme == "mailto"
    assert urllib.parse.unquote(rest) == address
    assert not set(rest) & set('?&#/;="<> ')


@given(entries, names, st.text())
def test_it_is_whole_lines_of_at_most_75_octets(shown, name, address):
    body = invitation.write(shown, replace(PLATFORM, name=name), Mailbox(address=address)).body

    assert body.startswith(b"BEGIN:VCALENDAR\r\n")
    assert body.endswith(b"END:VCALENDAR\r\n")
    assert body.decode()
    assert not any(byte < 32 or byte == 127 for byte in body.replace(b"\r\n", b""))
    assert all(len(line) <= 75 for line in body.split(b"\r\n"))


@pytest.mark.parametrize("ending", ["\r\n", "\n", "\r", "\u2028", "\x85", "\x0b"])
@pytest.mark.parametrize("field", ["name", "address"])
def test_an_injected_property_comes_out_as_text(ending, field):
    attack = f'x"{ending}METHOD:PUBLISH{ending}X-EVIL:1'

    body = invitation.write(WORKSHOP, PLATFORM, replace(MOTHER, **{field: attack})).body

    calendar = read(body)
    assert calendar["METHOD"] == "REQUEST"
    assert "X-EVIL" not in calendar
    assert "X-EVIL" not in calendar.events[0]


def test_who_is_told_comes_already_and_is_asked_for_no_reply():
    attendee = event_of(WORKSHOP)["ATTENDEE"]

    assert attendee.params["PARTSTAT"] == "ACCEPTED"
    assert attendee.params["RSVP"] == "FALSE"
    assert event_of(WORKSHOP)["ORGANIZER"].params["CN"] == "联育"


def test_an_address_keeps_the_characters_that_programs_compare():
    plus = event_of(WORKSHOP, attendee=Mailbox(address="a.b+c_d-e@example.org"))["ATTENDEE"]
    odd = event_of(WORKSHOP, attendee=Mailbox(address="a/b?c&d@example.org"))["ATTENDEE"]

    assert plus == "mailto:a.b+c_d-e@example.org"
    assert odd == "mailto:a%2Fb%3Fc%26d@example.org"


def test_the_one_time_zone_comes_along():
    zones = read(invitation.write(WORKSHOP, PLATFORM, MOTHER).body).walk("VTIMEZONE")

    assert [str(zone["TZID"]) for zone in zones] == ["Asia/Shanghai"]


def test_a_time_without_zone_is_refused():
    naive = dt.datetime(2026, 11, 28, 9)  # noqa: DTZ001 - what must not be
    with pytest.raises(ValueError, match="no zone"):
        invitation.write(replace(WORKSHOP, starts_at=naive), PLATFORM, MOTHER)
