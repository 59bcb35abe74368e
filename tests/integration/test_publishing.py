"""Files of venues as slots: real files, and the real child process for calendars."""

import datetime as dt
from pathlib import Path

import icalendar
import msgspec
import pytest
import recurring_ical_events
from hypothesis import given
from hypothesis import strategies as st

from openyard_events import venue_messages
from openyard_events.contracts import (
    AgeRange,
    Allotment,
    Audience,
    Claim,
    GradeRange,
    Overbooked,
    PartyRule,
    SlotKind,
    SlotOffered,
)
from openyard_infra import publishing
from openyard_platform.domain.event_slots import Problem

SHANGHAI = dt.timezone(dt.timedelta(hours=8))
NINE = dt.datetime(2026, 11, 28, 9, tzinfo=SHANGHAI)
HEADER = "external_id,version,space,starts_at,ends_at,capacity,title"
ROW = "a1,1,hall,2026-11-28 09:00,2026-11-28 11:00,40,机器人工坊"
CALENDAR = """BEGIN:VCALENDAR
BEGIN:VEVENT
UID:a1
DTSTAMP:20261101T000000Z
SEQUENCE:2
DTSTART;TZID=Asia/Shanghai:20261128T090000
DTEND;TZID=Asia/Shanghai:20261128T110000
SUMMARY:机器人\\n工坊
DESCRIPTION:自带水杯
END:VEVENT
END:VCALENDAR
"""
CORPUS = sorted(
    path
    for package in (icalendar, recurring_ical_events)
    for path in Path(package.__file__).parent.rglob("*.ics")
)


def read(tmp_path, name: str, content: str | bytes, **options):
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return publishing.read_file(path, **options)


def table(tmp_path, *rows: str, header: str = HEADER, **options):
    return read(tmp_path, "slots.csv", "\n".join([header, *rows]), **options)


def problems(rows) -> list[tuple[str, str]]:
    return [(row.where, row.code) for row in rows if isinstance(row, Problem)]


def test_a_row_of_a_table_is_a_slot(tmp_path):
    assert table(tmp_path, ROW) == [
        SlotOffered(
            external_id="a1",
            version=1,
            space="hall",
            starts_at=NINE,
            ends_at=NINE + dt.timedelta(hours=2),
            capacity=40,
            title="机器人工坊",
        )
    ]


def test_every_field_of_a_slot_may_stand_in_a_table(tmp_path):
    header = (
        f"{HEADER},audiences,kind,exclusive,programme,series,description,party.min,party.max,"
        "party.chaperones_per,party.adults_count,opens_at,closes_at,cancel_until_hours"
    )
    row = (
        f'{ROW},school; family|resident,visit,是,P,S,"two\nlines",2,30,10,no,'
        "2026-11-01T00:00:00Z,2026/11/27 8:30,48"
    )

    (slot,) = table(tmp_path, row, header=header)

    assert slot.audiences == [Audience.SCHOOL, Audience.FAMILY, Audience.RESIDENT]
    assert slot.kind is SlotKind.VISIT
    assert slot.exclusive
    assert slot.party == PartyRule(min=2, max=30, chaperones_per=10)
    assert slot.opens_at == dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
    assert slot.closes_at == dt.datetime(2026, 11, 27, 8, 30, tzinfo=SHANGHAI)
    assert (slot.programme, slot.series, slot.description) == ("P", "S", "two\nlines")
    assert slot.cancel_until_hours == 48


FURTHER = (
    f"{HEADER},audiences,claim,allotments,age_min,age_max,grade_min,grade_max,notice_hours,"
    "buffer_before_minutes,buffer_after_minutes,offer_minutes,overbooked"
)


def further(**cells: str) -> str:
    """A row under ``FURTHER``; what is left out is empty."""
    names = FURTHER.split(",")[len(HEADER.split(",")) :]
    return ",".join([ROW, *(cells.get(name, "") for name in names)])


def test_what_a_slot_keeps_for_whom_and_who_may_come_may_stand_in_a_table(tmp_path):
    row = further(
        audiences="school;family",
        claim="on_booking",
        allotments="school:20:72:10； family：5：24",
        age_min="6",
        age_max="12",
        grade_max="6",
        notice_hours="2",
        buffer_before_minutes="15",
        buffer_after_minutes="30",
        offer_minutes="45",
        overbooked="latest_wait",
    )

    (slot,) = table(tmp_path, row, header=FURTHER)

    assert slot.allotments == [
        Allotment(audience=Audience.SCHOOL, seats=20, release_hours=72, per_school=10),
        Allotment(audience=Audience.FAMILY, seats=5, release_hours=24),
    ]
    assert (slot.ages, slot.grades) == (AgeRange(min=6, max=12), GradeRange(max=6))
    assert (slot.claim, slot.overbooked) == (Claim.ON_BOOKING, Overbooked.LATEST_WAIT)
    assert (slot.notice_hours, slot.offer_minutes) == (2, 45)
    assert (slot.buffer_before_minutes, slot.buffer_after_minutes) == (15, 30)


@pytest.mark.parametrize(
    ("cells", "code", "column"),
    [
        ({"allotments": "school"}, "allotment_malformed", "allotments"),
        ({"allotments": "school:20"}, "allotment_malformed", "allotments"),
        ({"allotments": "school:20:72:10:1"}, "allotment_malformed", "allotments"),
        ({"allotments": "school:many:72"}, "allotment_malformed", "allotments"),
        ({"allotments": "school:20:72;;x"}, "allotment_malformed", "allotments"),
        ({"allotments": "pupil:20:72"}, "unknown_value", "allotments"),
        ({"allotments": "school:0:72"}, "out_of_range", "allotments"),
        ({"allotments": "school:20:9999"}, "out_of_range", "allotments"),
        ({"allotments": "school:41:72"}, "allotments_above_capacity", "allotments"),
        ({"allotments": "school:9:72;school:9:48"}, "allotment_repeated", "allotments"),
        (
            {"allotments": "school:9:72", "audiences": "family"},
            "allotment_for_nobody",
            "allotments",
        ),
        ({"age_min": "six"}, "wrong_type", "age_min"),
        ({"age_max": "121"}, "out_of_range", "age_max"),
        ({"age_min": "12", "age_max": "6"}, "range_impossible", "age_max"),
        ({"grade_min": "13"}, "out_of_range", "grade_min"),
        ({"grade_min": "6", "grade_max": "1"}, "range_impossible", "grade_max"),
        ({"notice_hours": "-1"}, "out_of_range", "notice_hours"),
        ({"buffer_before_minutes": "1441"}, "out_of_range", "buffer_before_minutes"),
        ({"buffer_after_minutes": "some"}, "wrong_type", "buffer_after_minutes"),
        ({"offer_minutes": "0"}, "out_of_range", "offer_minutes"),
        ({"claim": "later"}, "unknown_value", "claim"),
        ({"overbooked": "all"}, "unknown_value", "overbooked"),
    ],
)
def test_what_is_wrong_is_named_with_its_cell(tmp_path, cells, code, column):
    (problem,) = table(tmp_path, further(**cells), header=FURTHER)

    assert (problem.where, problem.code) == ("line 2", code)
    assert problem.message.startswith(f"{column}: ")


allotments = st.lists(
    st.builds(
        Allotment,
        audience=st.sampled_from(Audience),
        seats=st.integers(1, 40),
        release_hours=st.integers(0, 8760),
        per_school=st.none() | st.integers(1, 100_000),
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda one: one.audience,
).filter(lambda all_of_them: sum(one.seats for one in all_of_them) <= 40)


@given(stated=allotments, between=st.sampled_from([";", " | ", "；", "、"]))
def test_allotments_are_read_as_they_were_written(tmp_path_factory, stated, between):
    written = between.join(
        ":".join(str(value) for value in msgspec.structs.astuple(one) if value is not None)
        for one in stated
    )

    (slot,) = table(tmp_path_factory.getbasetemp(), further(allotments=written), header=FURTHER)

    assert slot.allotments == stated


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_a_table_may_be_in_the_encodings_of_spreadsheets_in_china(tmp_path, encoding):
    (slot,) = read(tmp_path, "slots.CSV", f"{HEADER}\r\n{ROW}\r\n".encode(encoding))

    assert slot.title == "机器人工坊"


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_a_table_may_use_other_delimiters(tmp_path, delimiter):
    content = f"{HEADER}\n{ROW}\n".replace(",", delimiter)

    assert read(tmp_path, "slots.csv", content) == table(tmp_path, ROW)


def test_the_command_says_what_a_table_does_not(tmp_path):
    header = "external_id,starts_at,ends_at,title,capacity"
    row = "a1,2026-11-28 09:00,2026-11-28 11:00,t,"

    (slot,) = table(
        tmp_path,
        row,
        header=header,
        space="hall",
        capacity=7,
        kind=SlotKind.ACTIVITY,
        audiences=[Audience.FAMILY],
        zone="UTC",
    )

    assert (slot.space, slot.capacity, slot.kind) == ("hall", 7, SlotKind.ACTIVITY)
    assert slot.audiences == [Audience.FAMILY]
    assert slot.starts_at == dt.datetime(2026, 11, 28, 9, tzinfo=dt.UTC)


def test_a_table_without_versions_is_as_new_as_its_file(tmp_path):
    header, row = HEADER.replace(",version", ""), ROW.replace("a1,1", "a1")

    (slot,) = table(tmp_path, row, header=header)

    assert slot.version == int((tmp_path / "slots.csv").stat().st_mtime)


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (ROW.replace("40", "many"), "wrong_type"),
        (ROW.replace("40", "-1"), "out_of_range"),
        (ROW.replace("09:00", "12:00"), "ends_before_start"),
        (ROW.replace("2026-11-28 09", "2026-02-30 09"), "wrong_format"),
        (ROW.replace("2026-11-28 09:00", "tomorrow"), "wrong_format"),
        (ROW.replace("2026-11-28 09:00", "2026-11-28T00:00:00.5Z"), "not_whole_minutes"),
        (ROW.replace("hall", "h*ll"), "wrong_format"),
        (ROW.replace("hall", ""), "missing_field"),
        (f"{ROW},x", "too_many_cells"),
    ],
)
def test_a_row_that_is_no_slot_is_named_and_the_others_are_read(tmp_path, row, code):
    rows = table(tmp_path, ROW.replace("a1", "a0"), "", row, ROW.replace("a1", "a2"))

    assert problems(rows) == [("line 4", code)]
    assert [slot.external_id for slot in rows if isinstance(slot, SlotOffered)] == ["a0", "a2"]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("", "empty"),
        (f"{HEADER},colour\n{ROW},red", "unknown_field"),
        (f"{HEADER},title\n{ROW},x", "repeated_field"),
        (b"\xff\xff\xff\xff", "not_text"),
        (f"{HEADER}\n{ROW}{'x' * 200_000}", "malformed_csv"),
    ],
)
def test_a_table_that_cannot_be_understood_gives_no_slot_at_all(tmp_path, content, code):
    assert [problem[1] for problem in problems(read(tmp_path, "slots.csv", content))] == [code]


def test_a_second_row_of_the_same_id_is_a_problem(tmp_path):
    assert problems(table(tmp_path, ROW, ROW)) == [("a1", "repeated_id")]


def test_a_line_of_json_is_a_slot(tmp_path):
    (slot,) = table(tmp_path, ROW)
    line = msgspec.json.encode(slot)

    assert read(tmp_path, "slots.jsonl", b"\xef\xbb\xbf" + line + b"\r\n\r\n") == [slot]


def test_the_command_says_what_a_line_does_not(tmp_path):
    line = (
        '{"external_id":"a1","version":3,"title":"t","starts_at":"2026-11-28T09:00:00+08:00",'
        '"ends_at":"2026-11-28T11:00:00+08:00","capacity":5}'
    )

    (slot,) = read(tmp_path, "slots.ndjson", line, space="hall", capacity=7)

    assert (slot.space, slot.capacity) == ("hall", 5)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("[]", "wrong_type"),
        ("{", "malformed_json"),
        ('{"external_id": "x", "colour": "red"}', "unknown_field"),
        ('{"external_id": 1}', "wrong_type"),
        ("{}", "missing_field"),
        ('{"a":' * 100_000, "malformed_json"),
    ],
)
def test_a_line_that_is_no_slot_is_named(tmp_path, line, code):
    assert problems(read(tmp_path, "slots.jsonl", f"\n{line}\n")) == [("line 2", code)]


def test_bytes_that_are_no_text_are_no_slot(tmp_path):
    rows = read(tmp_path, "slots.jsonl", b'{"external_id": "\xff"}\n')

    assert problems(rows) == [("line 1", "malformed_json")]


def test_an_event_of_a_calendar_is_a_slot(tmp_path):
    (slot,) = read(tmp_path, "slots.ics", CALENDAR, space="hall", capacity=40)

    assert (slot.external_id, slot.title, slot.description) == ("a1", "机器人 工坊", "自带水杯")
    assert (slot.starts_at, slot.ends_at) == (NINE, NINE + dt.timedelta(hours=2))
    assert (slot.space, slot.capacity) == ("hall", 40)


@pytest.mark.parametrize(
    ("old", "new"),
    [("SEQUENCE:2", "SEQUENCE:3"), ("DTSTAMP:20261101T000000Z", "DTSTAMP:20261101T000001Z")],
)
def test_a_changed_event_has_a_higher_version(tmp_path, old, new):
    options = {"space": "hall", "capacity": 1}
    (before,) = read(tmp_path, "slots.ics", CALENDAR, **options)
    (after,) = read(tmp_path, "slots.ics", CALENDAR.replace(old, new), **options)

    assert after.version > before.version
    assert read(tmp_path, "slots.ics", CALENDAR, **options) == [before]


def test_each_occurrence_of_a_series_is_a_slot_of_its_own(tmp_path):
    series = CALENDAR.replace("SEQUENCE:2", "RRULE:FREQ=WEEKLY")
    until = dt.datetime(2026, 12, 10, tzinfo=dt.UTC)

    rows = read(tmp_path, "slots.ics", series, space="hall", capacity=1, until=until)

    slots = [row.external_id for row in rows if isinstance(row, SlotOffered)]
    assert slots == ["a1/20261128T010000Z", "a1/20261205T010000Z"]
    assert problems(rows) == [("a1", "beyond_horizon")]


def test_long_ids_are_made_to_fit_and_stay_different(tmp_path):
    one, other = ("x" * 300 + end for end in "ab")
    both = CALENDAR.replace("a1", one) + CALENDAR.replace("a1", other)

    slots = read(tmp_path, "slots.ics", both, space="hall", capacity=1)

    assert len({slot.external_id for slot in slots}) == 2
    assert all(len(slot.external_id) == 200 for slot in slots)


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("SUMMARY:机器人\\n工坊", "", "title_missing"),
        ("SEQUENCE:2", "STATUS:TENTATIVE", "tentative"),
        ("SEQUENCE:2", "STATUS:CANCELLED", "cancelled"),
        ("20261128T110000", "20270128T110000", "slot_too_long"),
        ("Z\n", "Z\nX-A:1\n", None),
    ],
)
def test_an_event_that_is_no_slot_is_named(tmp_path, old, new, code):
    rows = read(tmp_path, "slots.ics", CALENDAR.replace(old, new), space="hall", capacity=1)

    assert problems(rows) == ([("a1", code)] if code else [])


def event(*properties: str) -> str:
    return CALENDAR.replace("END:VEVENT", "\n".join([*properties, "END:VEVENT"]))


def test_an_event_says_in_properties_of_ours_what_calendars_have_no_word_for(tmp_path):
    calendar = event(
        "X-OPENYARD-ALLOTMENTS:school:20:72:10",
        "x-openyard-age-min:6",
        "X-OPENYARD-PARTY-MAX;X-A=b:4",
        "X-OPENYARD-AUDIENCES:school\\;family",
        "X-OPENYARD-OPENS-AT:2026-11-20 08:00",
        "X-OPENYARD-CAPACITY:30",
    )

    (slot,) = read(tmp_path, "slots.ics", calendar, space="hall", capacity=40)

    assert [(one.audience, one.per_school) for one in slot.allotments] == [("school", 10)]
    assert (slot.ages, slot.party) == (AgeRange(min=6), PartyRule(max=4))
    assert slot.audiences == [Audience.SCHOOL, Audience.FAMILY]
    assert slot.opens_at == dt.datetime(2026, 11, 20, 8, tzinfo=SHANGHAI)
    assert (slot.space, slot.capacity) == ("hall", 30)


@pytest.mark.parametrize(
    ("properties", "code"),
    [
        (["X-OPENYARD-AGES:6"], "unknown_field"),
        (["X-OPENYARD-TITLE:t"], "unknown_field"),
        (["X-OPENYARD-ALLOTMENTS:school"], "allotment_malformed"),
        (["X-OPENYARD-AGE-MIN:six"], "wrong_type"),
        (["X-OPENYARD-CLAIM:later"], "unknown_value"),
        (["X-OPENYARD-AGE-MIN:6", "X-OPENYARD-AGE-MIN:7"], "repeated"),
        ([f"X-OPENYARD-PROGRAMME:{'x' * 201}"], "extensions_too_long"),
        ([f"X-OPENYARD-{n}:1" for n in range(41)], "extensions_too_long"),
        (["X-OPENYARD-CLAIM"], "malformed_line"),
    ],
)
def test_a_property_of_ours_that_cannot_be_understood_is_named(tmp_path, properties, code):
    rows = read(tmp_path, "slots.ics", event(*properties), space="hall", capacity=40)

    assert problems(rows) == [("a1", code)]


def test_an_event_of_whole_days_is_no_slot(tmp_path):
    days = CALENDAR.replace(";TZID=Asia/Shanghai", "").replace("T090000", "")
    days = days.replace("DTEND:20261128T110000", "DTEND:20261129")

    rows = read(tmp_path, "slots.ics", days, space="hall", capacity=1, zone="Asia/Shanghai")

    assert problems(rows) == [("a1", "all_day")]


def test_a_calendar_needs_to_be_told_space_and_capacity(tmp_path):
    assert problems(read(tmp_path, "slots.ics", CALENDAR)) == [("file", "missing_field")]


def test_what_is_no_calendar_is_a_problem_of_the_file(tmp_path):
    rows = read(tmp_path, "slots.ics", "<html></html>", space="hall", capacity=1)

    assert problems(rows) == [("file", "no_events")]


def test_an_unknown_kind_of_file_is_refused(tmp_path):
    assert problems(read(tmp_path, "slots.xlsx", "")) == [("file", "format_unknown")]
    assert problems(read(tmp_path, "slots", "")) == [("file", "format_unknown")]


def test_a_file_that_cannot_be_read_is_refused(tmp_path):
    assert problems(publishing.read_file(tmp_path / "slots.csv")) == [("file", "file_unreadable")]


def test_an_unknown_zone_is_refused(tmp_path):
    assert problems(table(tmp_path, ROW, zone="Mars/Olympus")) == [("file", "zone_unknown")]


def test_a_file_of_too_many_rows_is_refused_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(publishing, "MAX_ROWS", 2)

    assert problems(table(tmp_path, ROW, ROW, ROW)) == [("file", "too_many_rows")]


def test_a_file_too_large_is_refused_whole(tmp_path):
    rows = read(tmp_path, "slots.csv", b" " * (publishing.MAX_BYTES + 1))

    assert problems(rows) == [("file", "too_large")]


def test_of_every_calendar_in_the_corpus_only_whole_slots_remain():
    # Each in its own child costs a quarter of a second: the unit tests read every one.
    for path in CORPUS[::8]:
        for row in publishing.read_file(path, space="hall", capacity=1, zone="Asia/Shanghai"):
            assert isinstance(row, Problem) or not venue_messages.faults(row)
