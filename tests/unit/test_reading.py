import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openyard_calendars import drafts, entry, feed, reading
from openyard_calendars.entry import Entry
from openyard_calendars.feed import Head
from openyard_calendars.reading import ReadEvent
from openyard_calendars.unreadable import Unreadable

UNTIL = dt.datetime(2027, 1, 1, tzinfo=dt.UTC)
GOOD = """BEGIN:VEVENT
UID:good
DTSTART:20261128T010000Z
DTEND:20261128T030000Z
SUMMARY:机器人工坊
END:VEVENT
"""


def event(*lines: str, uid: str = "1", start: str = "DTSTART:20261128T010000Z") -> str:
    own = [f"UID:{uid}", start, "SUMMARY:机器人工坊", *lines]
    if not any(line.startswith(("DTEND", "DURATION", "END:")) for line in lines):
        own.append("DURATION:PT2H")
    return "\n".join(["BEGIN:VEVENT", *filter(None, own), "END:VEVENT", ""])


def calendar(*parts: str) -> bytes:
    return "\n".join(["BEGIN:VCALENDAR", *parts, "END:VCALENDAR", ""]).encode()


def read(*parts: str, **options) -> list[ReadEvent | Unreadable]:
    return reading.read(calendar(*parts), **options)


def codes(found) -> list[str]:
    return ["ok" if isinstance(one, ReadEvent) else one.code for one in found]


def days(found) -> list[str]:
    return [f"{one.starts_at:%m-%d %H:%M}" for one in found if isinstance(one, ReadEvent)]


def test_an_event_is_read_with_all_it_says():
    (found,) = read(
        event(
            "DTEND;TZID=Asia/Shanghai:20261128T110000",
            "DESCRIPTION:请家长陪同\\n自带水杯\\, 谢谢",
            "LOCATION:三楼",
            "STATUS:TENTATIVE",
            "SEQUENCE:3",
            "DTSTAMP:20261101T000000Z",
            "LAST-MODIFIED:20261102T000000Z",
            start="DTSTART;TZID=Asia/Shanghai:20261128T090000",
        )
    )

    assert found == ReadEvent(
        uid="1",
        recurrence_key=None,
        summary="机器人工坊",
        description="请家长陪同\n自带水杯, 谢谢",
        location="三楼",
        starts_at=dt.datetime(2026, 11, 28, 1, tzinfo=dt.UTC),
        ends_at=dt.datetime(2026, 11, 28, 3, tzinfo=dt.UTC),
        all_day=False,
        status="TENTATIVE",
        sequence=3,
        changed_at=dt.datetime(2026, 11, 2, tzinfo=dt.UTC),
    )


moments = st.datetimes(
    dt.datetime(1992, 1, 1),  # noqa: DTZ001 the strategy wants them so
    dt.datetime(2099, 1, 1),  # noqa: DTZ001
    timezones=st.just(dt.UTC),
).map(lambda moment: moment.replace(microsecond=0))


@given(st.text(min_size=1), st.text(max_size=200), st.text(), moments, st.integers(1, 10_000))
def test_our_own_feeds_are_read_back(uid, summary, description, starts_at, minutes):
    shown = Entry(
        uid="x" + uid,
        summary=summary,
        description=description,
        starts_at=starts_at,
        ends_at=starts_at + dt.timedelta(minutes=minutes),
        changed_at=starts_at,
        sequence=minutes,
    )
    head = Head(name="x", description="x", changed_at=starts_at)

    (found,) = reading.read(feed.assemble(head, [entry.fragment(shown)]))

    assert isinstance(found, ReadEvent)
    assert (found.starts_at, found.ends_at) == (shown.starts_at, shown.ends_at)
    assert found.summary == drafts.text.clean(summary).strip()
    assert found.sequence == minutes


@given(st.binary())
def test_any_bytes_are_read_without_an_error(data):
    assert reading.read(data)


lines = st.sampled_from(
    [
        "BEGIN:VCALENDAR",
        "END:VCALENDAR",
        "BEGIN:VEVENT",
        "BEGIN:VEVENT",
        "END:VEVENT",
        "END:VEVENT",
        "BEGIN:VTIMEZONE",
        "END:VTIMEZONE",
        "BEGIN:STANDARD",
        "TZID:Here",
        "TZOFFSETTO:+0900",
        "METHOD:CANCEL",
        "X-WR-TIMEZONE:Asia/Shanghai",
        "UID:1",
        "UID:2",
        "DTSTART:20261128T010000Z",
        "DTSTART;TZID=Here:20261128T010000",
        "DTSTART;VALUE=DATE:20261128",
        "DTEND:20261128T030000Z",
        "DTEND;VALUE=DATE:20261129",
        "DURATION:PT1H",
        "DURATION:P1D",
        "RRULE:FREQ=DAILY;COUNT=3",
        "RRULE:FREQ=WEEKLY",
        "RDATE:20261130T010000Z,20261201T010000Z",
        "EXDATE:20261129T010000Z",
        "EXDATE;VALUE=DATE:20261129",
        "RECURRENCE-ID:20261129T010000Z",
        "RECURRENCE-ID;VALUE=DATE:20261129",
        "SEQUENCE:1",
        "STATUS:CANCELLED",
        "SUMMARY:x",
    ]
)


@given(st.lists(lines | st.text(max_size=9), max_size=40), st.booleans())
def test_any_lines_are_read_without_an_error(some, with_horizon):
    data = "\r\n".join(some).encode("utf-8", "surrogatepass")

    assert reading.read(data, zone="Asia/Shanghai", until=UNTIL if with_horizon else None)


@pytest.mark.parametrize(
    ("broken", "code"),
    [
        (event("SUMMARY:x", uid=""), "uid_missing"),
        (event(start=""), "start_missing"),
        (event(start="DTSTART:yesterday"), "time_malformed"),
        (event(start="DTSTART:20261328T010000Z"), "time_malformed"),
        (event(start="DTSTART:20261128T250000Z"), "time_malformed"),
        (event(start="DTSTART:19891128T010000Z"), "year"),
        (event(start="DTSTART:00011128T010000Z"), "year"),
        (event(start="DTSTART:21010101T010000Z"), "year"),
        (event(start="DTSTART:20261128T010000"), "zone_missing"),
        (event(start="DTSTART;TZID=Mars/Olympus:20261128T010000"), "zone_unknown"),
        (event(start="DTSTART;TZID=../../etc/passwd:20261128T010000"), "zone_unknown"),
        (event(start='DTSTART;TZID="/x":20261128T010000'), "zone_unknown"),
        (event(start="DTSTART;;VALUE=DATE:20261128"), "malformed_line"),
        (event("DTSTART:20261128T010000Z"), "repeated"),
        (event("DTEND:20261128T010000Z"), "ends_before_start"),
        (event("DTEND:20261127T010000Z"), "ends_before_start"),
        (event("DTEND:20281128T010000Z"), "length"),
        (event("DURATION:PT0S"), "ends_before_start"),
        (event("DURATION:-PT1H"), "duration_malformed"),
        (event("DURATION:P"), "duration_malformed"),
        (event("DURATION:P999999999999W"), "duration_malformed"),
        (GOOD.replace("good", "1").replace("DTEND:20261128T030000Z\n", ""), "end_missing"),
        (event("STATUS:CANCELLED"), "cancelled"),
        (event("STATUS:MAYBE"), "status_unknown"),
        (event("RRULE:FREQ=WEEKLY"), "rule_endless"),
        (event("RRULE:FREQ=SECONDLY;COUNT=2"), "rule_frequency"),
        (event("RRULE:FREQ=DAILY;COUNT=2", "RRULE:FREQ=WEEKLY;COUNT=2"), "repeated"),
        (event("RRULE:FREQ=DAILY;UNTIL=20261101T000000Z"), "no_occurrences"),
        (event("RRULE:FREQ=DAILY;COUNT=1", "EXDATE:20261128T010000Z"), "no_occurrences"),
        (event("EXRULE:FREQ=DAILY;COUNT=2"), "exrule"),
        (event("RDATE;VALUE=PERIOD:20261130T010000Z/PT1H"), "period"),
        (event("RDATE:" + "20261130T010000Z," * 1001), "dates_too_many"),
        (event(*["EXDATE:20261130T010000Z"] * 1001), "dates_too_many"),
        (event("RECURRENCE-ID;RANGE=THISANDFUTURE:20261128T010000Z"), "range"),
        (event("RECURRENCE-ID:never"), "time_malformed"),
        (GOOD.replace("good", "1").replace("END:VEVENT\n", ""), "unfinished"),
        (event("BEGIN:VALARM", "END:VTODO"), "unfinished"),
        (event("BEGIN:A\n" * 9), "unfinished"),
        (event("BEGIN:A", "BEGIN:B", "END:A"), "unfinished"),
        ("BEGIN:VTODO\nUID:1\nEND:VTODO\n", "not_an_event"),
        ("BEGIN:VFREEBUSY\nUID:1\nEND:VFREEBUSY\n", "not_an_event"),
    ],
)
def test_a_broken_event_has_its_reason_and_spoils_no_other(broken, code):
    found = read(GOOD.replace("good", "before"), broken, GOOD)

    assert sorted(codes(found)) == sorted(["ok", "ok", code])
    assert {one.uid for one in found if isinstance(one, ReadEvent)} == {"before", "good"}
    assert {one.uid for one in found if isinstance(one, Unreadable)} <= {"1", ""}


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("DTEND;VALUE=DATE:20261129", "end_malformed"),
        ("RDATE;VALUE=DATE:20261130", "dates_malformed"),
    ],
)
def test_days_and_times_are_not_mixed(line, code):
    assert codes(read(event(line), GOOD, zone="UTC")) == [code, "ok"]


def test_bytes_that_are_no_text_spoil_only_their_own_event():
    data = calendar(event(), GOOD).replace("机器人工坊".encode(), b"\xff\xfe", 1)

    found = reading.read(data)

    assert codes(found) == ["not_utf8", "ok"]


def test_an_unreadable_uid_leaves_the_reason_without_one():
    data = calendar(event(uid="X")).replace(b"UID:X", b"UID:\xff")

    assert reading.read(data)[0] == Unreadable(
        uid="", code="uid_missing", message="The event has no UID: it could not be found again."
    )


def test_what_is_not_needed_may_be_broken():
    data = calendar(event("X-NOTE:X", "SEQUENCE:many", "DTSTAMP:now", "no content line"))

    assert codes(reading.read(data.replace(b"X-NOTE:X", b"X-NOTE:\xff"))) == ["ok"]


def test_a_stamp_that_is_no_text_counts_as_none():
    data = calendar(event("DTSTAMP:X")).replace(b"DTSTAMP:X", b"DTSTAMP:\xff")

    assert reading.read(data)[0].changed_at == dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@pytest.mark.parametrize("data", [b"", b"<html>Not found</html>", b"BEGIN:VCALENDAR\r\n", b"\0"])
def test_what_holds_no_event_says_so(data):
    assert codes(reading.read(data)) == ["no_events"]


def test_a_file_of_more_than_five_megabytes_is_refused_unread():
    assert codes(reading.read(b" " * 5_000_001)) == ["too_large"]


def test_more_than_five_thousand_components_are_refused():
    assert codes(read("BEGIN:VEVENT\n" * 5_001)) == ["too_many_events"]


def test_folded_lines_are_joined_even_inside_a_character():
    data = calendar(event()).replace(
        "机器".encode(), "机".encode()[:1] + b"\r\n " + "机".encode()[1:]
    )

    assert reading.read(data)[0].summary == "机人工坊"


def test_lines_may_end_in_crlf_and_names_be_written_small():
    data = calendar(event()).lower().replace(b"\n", b"\r\n")

    assert codes(reading.read(data.replace(b"t01", b"T01").replace(b"0z", b"0Z"))) == ["ok"]


def test_a_byte_order_mark_is_no_part_of_the_file():
    assert codes(reading.read(b"\xef\xbb\xbf" + event().encode())) == ["ok"]


def test_an_alarm_inside_is_no_part_of_the_event():
    (found,) = read(
        event("BEGIN:VALARM", "SUMMARY:alarm", "DURATION:PT1M", "END:VALARM", "DURATION:PT2H")
    )

    assert found.ends_at - found.starts_at == dt.timedelta(hours=2)


@pytest.mark.parametrize(
    "value",
    [
        "DTSTART;TZID=Asia/Shanghai:20261128T090000",
        'DTSTART;TZID="Asia/Shanghai";VALUE=DATE-TIME:20261128T090000',
        "DTSTART;TZID=China Standard Time:20261128T090000",
        "DTSTART;TZID=/vendor.example/v1/Asia/Shanghai:20261128T090000",
    ],
)
def test_zones_may_be_named_in_many_ways(value):
    assert days(read(event(start=value))) == ["11-28 01:00"]


@pytest.mark.parametrize(
    "inside",
    [
        "BEGIN:STANDARD\nTZOFFSETTO:+0800\nEND:STANDARD",
        "BEGIN:STANDARD\nTZOFFSETTO:+0800\nTZOFFSETTO:+080000\nRRULE:FREQ=SECONDLY\nEND:STANDARD",
        "X-LIC-LOCATION:Asia/Shanghai",
    ],
)
def test_a_zone_of_the_file_itself_is_known_where_it_leaves_no_doubt(inside):
    zone = f"BEGIN:VTIMEZONE\nTZID:中国标准时间\n{inside}\nEND:VTIMEZONE"

    assert days(read(event(start="DTSTART;TZID=中国标准时间:20261128T090000"), zone)) == [
        "11-28 01:00"
    ]


def test_a_zone_west_of_greenwich_is_behind():
    zone = "BEGIN:VTIMEZONE\nTZID:W\nBEGIN:STANDARD\nTZOFFSETTO:-0330\nEND:STANDARD\nEND:VTIMEZONE"

    assert days(read(zone, event(start="DTSTART;TZID=W:20261128T090000"))) == ["11-28 12:30"]


@pytest.mark.parametrize(
    "inside",
    [
        "",
        "X-LIC-LOCATION:Nowhere/At_All",
        "BEGIN:STANDARD\nTZOFFSETTO:+0800\nTZOFFSETTO:+0900\nEND:STANDARD",
        "BEGIN:STANDARD\nTZOFFSETTO:+9900\nEND:STANDARD",
        "TZID:again\nBEGIN:STANDARD\nTZOFFSETTO:+0800\nEND:STANDARD",
    ],
)
def test_a_zone_of_the_file_that_leaves_doubt_is_not_known(inside):
    zone = f"BEGIN:VTIMEZONE\nTZID:Odd\n{inside}\nEND:VTIMEZONE"

    assert codes(read(event(start="DTSTART;TZID=Odd:20261128T090000"), zone)) == ["zone_unknown"]


def test_a_file_cannot_say_that_a_known_zone_is_another():
    zone = (
        "BEGIN:VTIMEZONE\nTZID:Asia/Shanghai\nBEGIN:STANDARD\nTZOFFSETTO:+0000\nEND:STANDARD\n"
        "END:VTIMEZONE"
    )

    assert days(read(zone, event(start="DTSTART;TZID=Asia/Shanghai:20261128T090000"))) == [
        "11-28 01:00"
    ]


def test_one_file_cannot_teach_a_zone_to_the_next():
    zone = "BEGIN:VTIMEZONE\nTZID:Q\nBEGIN:STANDARD\nTZOFFSETTO:+0800\nEND:STANDARD\nEND:VTIMEZONE"
    shown = event(start="DTSTART;TZID=Q:20261128T090000")

    assert codes(read(zone, shown)) == ["ok"]
    assert codes(read(shown)) == ["zone_unknown"]


def test_floating_times_are_in_the_zone_of_the_file_else_in_the_stated_one():
    shown = event(start="DTSTART:20261128T090000")

    assert days(read("X-WR-TIMEZONE:Asia/Shanghai", shown, zone="UTC")) == ["11-28 01:00"]
    assert days(read(shown, zone="Asia/Shanghai")) == ["11-28 01:00"]


def test_a_file_of_unknown_zone_still_has_events_that_name_theirs():
    found = read("X-WR-TIMEZONE:Nowhere", event(start="DTSTART:20261128T090000"), GOOD)

    assert codes(found) == ["zone_unknown", "ok"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [("", False), ("TRANSP:OPAQUE", False), ("TRANSP:transparent", True), ("TRANSP;;:x", False)],
)
def test_an_event_says_whether_it_makes_anybody_busy(line, expected):
    (found,) = read(event("DURATION:PT1H", line))

    assert found.transparent is expected


def test_an_all_day_event_lasts_from_midnight_to_midnight():
    (found,) = read(
        event("DTEND;VALUE=DATE:20261130", start="DTSTART;VALUE=DATE:20261128"),
        zone="Asia/Shanghai",
    )

    assert found.all_day
    assert found.starts_at == dt.datetime(2026, 11, 27, 16, tzinfo=dt.UTC)
    assert found.ends_at == dt.datetime(2026, 11, 29, 16, tzinfo=dt.UTC)


def test_an_all_day_event_without_end_lasts_a_day():
    whole = event(start="DTSTART;VALUE=DATE:20261128").replace("DURATION:PT2H\n", "")

    (found,) = read(whole, zone="Asia/Shanghai")

    assert found.ends_at - found.starts_at == dt.timedelta(days=1)


def test_an_all_day_event_of_hours_is_refused():
    assert codes(read(event(start="DTSTART:20261128"), zone="UTC")) == ["length"]


@pytest.mark.parametrize(
    ("value", "length"),
    [
        ("P1W", dt.timedelta(weeks=1)),
        ("P1DT2H3M4S", dt.timedelta(days=1, hours=2, minutes=3, seconds=4)),
        ("+PT90M", dt.timedelta(minutes=90)),
    ],
)
def test_a_duration_stands_for_an_end(value, length):
    (found,) = read(event(f"DURATION:{value}"))

    assert found.ends_at - found.starts_at == length


@pytest.mark.parametrize(("method", "code"), [("CANCEL", "cancelled"), ("REPLY", "method")])
def test_a_calendar_that_announces_nothing_gives_no_events(method, code):
    assert codes(read(f"METHOD:{method}", event())) == [code]


def test_a_published_calendar_gives_its_events():
    assert codes(read("METHOD:publish", event())) == ["ok"]


def test_long_texts_are_cut():
    (found,) = read(event("DESCRIPTION:" + "长" * 5_000, "LOCATION:" + "长" * 300))

    assert found.description == "长" * 3_999 + "…"
    assert found.location == "长" * 199 + "…"


def test_each_occurrence_of_a_series_has_its_own_key():
    found = read(event("RRULE:FREQ=WEEKLY;COUNT=3", "EXDATE:20261205T010000Z"))

    assert [one.recurrence_key for one in found] == ["20261128T010000Z", "20261212T010000Z"]
    assert days(found) == ["11-28 01:00", "12-12 01:00"]


def test_a_day_excludes_every_occurrence_on_it():
    assert days(read(event("RRULE:FREQ=WEEKLY;COUNT=2", "EXDATE:20261205"), zone="UTC")) == [
        "11-28 01:00"
    ]


def test_single_dates_are_added_in_whatever_zone_they_are_written():
    found = read(event("RDATE;TZID=Asia/Shanghai:20261201T090000,20261202T090000"))

    assert days(found) == ["11-28 01:00", "12-01 01:00", "12-02 01:00"]


def test_a_series_is_followed_to_the_horizon_and_says_that_it_goes_on():
    found = read(event("RRULE:FREQ=WEEKLY"), until=UNTIL)

    assert days(found) == [
        "11-28 01:00",
        "12-05 01:00",
        "12-12 01:00",
        "12-19 01:00",
        "12-26 01:00",
    ]
    assert codes(found)[-1] == "beyond_horizon"


def test_a_series_keeps_its_local_hour_when_clocks_change():
    found = read(
        event(
            "DURATION:PT1H",
            "RRULE:FREQ=WEEKLY;COUNT=2",
            start="DTSTART;TZID=Europe/Berlin:20261020T090000",
        )
    )

    assert days(found) == ["10-20 07:00", "10-27 08:00"]


def changed(*lines: str, of: str = "20261205T010000Z", start="DTSTART:20261206T020000Z") -> str:
    return event(f"RECURRENCE-ID:{of}", *lines, start=start)


SERIES = event("RRULE:FREQ=WEEKLY;COUNT=3", "SEQUENCE:1")


def test_a_changed_occurrence_takes_the_place_and_the_key_of_the_old_one():
    found = read(SERIES, changed())

    assert days(found) == ["11-28 01:00", "12-06 02:00", "12-12 01:00"]
    assert found[1].recurrence_key == "20261205T010000Z"


def test_a_changed_occurrence_may_stand_before_its_series():
    assert sorted(days(read(changed(), SERIES))) == ["11-28 01:00", "12-06 02:00", "12-12 01:00"]


def test_an_occurrence_may_be_named_in_another_zone_or_by_its_day():
    named = changed().replace("RECURRENCE-ID:", "RECURRENCE-ID;TZID=Asia/Shanghai:")
    local = named.replace("20261205T010000Z", "20261205T090000")

    assert "12-05 01:00" not in days(read(SERIES, local))
    assert "12-05 01:00" not in days(read(SERIES, changed(of="20261205"), zone="UTC"))


def test_a_day_of_an_all_day_series_may_be_named_by_a_time():
    series = event("DURATION:P1D", "RRULE:FREQ=WEEKLY;COUNT=2", start="DTSTART;VALUE=DATE:20261128")
    change = changed("DURATION:P1D", of="20261205T000000", start="DTSTART;VALUE=DATE:20261206")

    assert days(read(series, change, zone="UTC")) == ["11-28 00:00", "12-06 00:00"]


def test_a_cancelled_occurrence_has_a_reason_and_the_others_remain():
    found = read(SERIES, changed("STATUS:CANCELLED"))

    assert codes(found) == ["ok", "ok", "cancelled"]
    assert days(found) == ["11-28 01:00", "12-12 01:00"]


def test_a_broken_change_does_not_bring_the_old_occurrence_back():
    found = read(SERIES, changed(start="DTSTART:never"))

    assert codes(found) == ["ok", "ok", "time_malformed"]
    assert days(found) == ["11-28 01:00", "12-12 01:00"]


def test_nothing_of_a_series_is_taken_over_where_it_is_unclear_what_changed():
    assert codes(read(SERIES, changed(of="never"), GOOD)) == ["time_malformed", "ok"]


def test_a_change_without_its_series_is_an_event_of_its_own():
    found = read(changed())

    assert days(found) == ["12-06 02:00"]
    assert found[0].recurrence_key == "20261205T010000Z"


def test_a_change_to_what_the_series_never_had_is_an_event_too():
    assert days(read(SERIES, changed("SEQUENCE:1", of="20270101T010000Z")))[-1] == "12-06 02:00"


def test_a_change_older_than_the_series_that_dropped_it_is_superseded():
    series = event("RRULE:FREQ=WEEKLY;COUNT=3", "SEQUENCE:1", "EXDATE:20261205T010000Z")

    found = read(series, changed())

    assert days(found) == ["11-28 01:00", "12-12 01:00"]
    assert codes(found)[-1] == "superseded"


def test_a_change_newer_than_the_series_that_dropped_it_stands():
    series = event("RRULE:FREQ=WEEKLY;COUNT=3", "SEQUENCE:1", "EXDATE:20261205T010000Z")

    assert "12-06 02:00" in days(read(series, changed("SEQUENCE:2")))


def test_of_two_events_with_one_uid_the_newer_stands():
    newer = event("SEQUENCE:2", start="DTSTART:20261129T010000Z")

    found = read(newer, event("SEQUENCE:1"))

    assert days(found) == ["11-29 01:00"]
    assert codes(found) == ["ok", "superseded"]


def test_of_two_equally_old_events_with_one_uid_the_later_stands():
    assert days(read(event(), event(start="DTSTART:20261129T010000Z"))) == ["11-29 01:00"]


def test_the_whole_uid_is_as_new_as_its_newest_part():
    found = read(SERIES, changed("SEQUENCE:4", "LAST-MODIFIED:20261101T000000Z"))

    assert {one.sequence for one in found} == {4}
    assert {one.changed_at for one in found} == {dt.datetime(2026, 11, 1, tzinfo=dt.UTC)}


def test_a_cancelled_series_gives_one_reason():
    assert codes(read(event("RRULE:FREQ=DAILY;COUNT=9", "STATUS:CANCELLED"), changed())) == [
        "cancelled"
    ]


def test_rules_that_take_too_long_together_are_refused(monkeypatch):
    monkeypatch.setattr(reading, "MAX_COST", 50_000)
    bomb = [
        event("RRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30;COUNT=1", uid=f"{number}")
        for number in range(3)
    ]

    assert codes(read(*bomb, GOOD)) == ["ok", "ok", "too_costly", "ok"]


def test_series_that_give_too_much_together_are_refused():
    many = [event("RRULE:FREQ=DAILY;COUNT=3500", uid=f"{number}") for number in range(3)]

    found = codes(read(*many, GOOD))

    assert found.count("ok") == 7_001
    assert found.count("too_many_events") == 1
