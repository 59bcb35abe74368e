"""Any calendar at all: real ones torn apart and put together wrongly, and ones nobody would write.

In the suite for a moment; for half an hour with ``OPENYARD_FUZZ_MINUTES=30``.
"""

import datetime as dt
import os
import random
import time

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from openyard_calendars import reading
from openyard_calendars.reading import MAX_EVENTS, MAX_OCCURRENCES, ReadEvent
from openyard_calendars.unreadable import Unreadable
from openyard_platform.domain import import_items
from openyard_platform.domain.imports import PUBLISHED, Around, Purpose
from tests.unit.test_import_items import NOW, SPACES, applied, survey, told
from tests.unit.test_reading_corpus import FILES, UNTIL

MINUTES = float(os.environ.get("OPENYARD_FUZZ_MINUTES", "0"))
EXAMPLES = 60
PATIENCE = 5  # seconds of computing for a file of some kilobytes
CORPUS = [data for data in (path.read_bytes() for path in FILES) if len(data) < 20_000]
GOOD = b"""BEGIN:VCALENDAR
BEGIN:VEVENT
UID:good@openyard
SUMMARY:x
DTSTART:20261128T010000Z
DTEND:20261128T030000Z
END:VEVENT
END:VCALENDAR
"""

PARTS = """COUNT INTERVAL BYMONTH BYMONTHDAY BYYEARDAY BYHOUR BYMINUTE BYSECOND BYSETPOS BYWEEKNO
BYEASTER""".split()  # noqa: SIM905
LINES = [
    "DURATION:PT1H",
    "DURATION:P1D",
    "DURATION:-P1W",
    "DURATION:P999W",
    "UID:1",
    "UID:2",
    "STATUS:CANCELLED",
    "STATUS:TENTATIVE",
    "TRANSP:TRANSPARENT",
    "METHOD:CANCEL",
    "BEGIN:VCALENDAR",
    "END:VCALENDAR",
    "BEGIN:VEVENT",
    "END:VEVENT",
    "BEGIN:VTIMEZONE",
    "END:VTIMEZONE",
    "TZID:Q",
    "BEGIN:STANDARD",
    "END:STANDARD",
    "TZOFFSETTO:+0900",
    "TZOFFSETTO:-9999",
    "BEGIN:VALARM",
    "END:VALARM",
    "X-WR-TIMEZONE:Asia/Shanghai",
    "SUMMARY:x",
    "EXRULE:FREQ=DAILY",
    " folded",
    "\tfolded",
]

moments = st.datetimes(dt.datetime(1980, 1, 1), dt.datetime(2110, 1, 1))  # noqa: DTZ001
times = st.one_of(
    moments.map(lambda at: f"{at:%Y%m%dT%H%M%S}"),
    st.sampled_from(["20261128", "20260230T000000Z", "00000000T000000", "20261128T240000", "x"]),
).flatmap(lambda text: st.sampled_from([text, text + "Z", f"{text},{text}", f"{text}/PT1H"]))
numbers = st.integers(-400, 4000).map(str) | st.sampled_from(["", "1e9", "+1", "١", "0x1"])
frequencies = st.sampled_from(["YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY", "X"])
weekdays = st.sampled_from(["MO", "SU", "1FR", "-1SA", "53TU", "99MO", ""])
lists = st.lists(numbers, min_size=1, max_size=5).map(",".join)
rules = st.lists(
    st.one_of(
        frequencies.map("FREQ={}".format),
        st.tuples(st.sampled_from(PARTS), lists).map("=".join),
        st.lists(weekdays, max_size=4).map(lambda days: "BYDAY=" + ",".join(days)),
        times.map("UNTIL={}".format),
    ),
    max_size=6,
).map(";".join)
names = st.sampled_from(["DTSTART", "DTEND", "RDATE", "EXDATE", "RECURRENCE-ID"])
zones = st.sampled_from(["", "Asia/Shanghai", "Q", "China Standard Time"])
lines = st.one_of(
    st.tuples(names, zones, times).map(lambda parts: "{};TZID={}:{}".format(*parts)),
    st.tuples(names, times).map(":".join),
    st.tuples(names, times).map(lambda parts: f"{parts[0]};VALUE=DATE:{parts[1][:8]}"),
    rules.map("RRULE:{}".format),
    numbers.map("SEQUENCE:{}".format),
    st.sampled_from(LINES),
    st.text(max_size=30).map("SUMMARY:{}".format),
    st.text(max_size=12),
)


def encoded(some: list[str]) -> bytes:
    return "\r\n".join(some).encode("utf-8", "surrogatepass")


@st.composite
def events(draw) -> bytes:
    """An event as somebody might write it, with some lines too many, too few, or wrong."""
    own = ["UID:1", "DTSTART;TZID=Asia/Shanghai:20261128T090000", "DURATION:PT1H", "SUMMARY:活动"]
    own = [line for line in own if draw(st.integers(0, 9))] + draw(st.lists(lines, max_size=6))
    return encoded(["BEGIN:VEVENT", *draw(st.permutations(own)), "END:VEVENT", ""])


@st.composite
def torn(draw) -> bytes:
    """Real files, cut, joined, shuffled and scratched."""
    chance = random.Random(draw(st.integers(0, 2**32)))  # noqa: S311 - nothing secret
    some = chance.choice(CORPUS).splitlines(keepends=True)
    other = chance.choice(CORPUS).splitlines(keepends=True)
    for _ in range(draw(st.integers(0, 8))):
        if not some:
            break
        at = chance.randrange(len(some))
        match chance.randrange(7):
            case 0:
                del some[at]
            case 1:
                some[at:at] = other[chance.randrange(len(other)) :][: chance.randrange(9)]
            case 2:
                some[at] *= chance.randrange(2, 9)
            case 3:
                last = chance.randrange(len(some))
                some[at], some[last] = some[last], some[at]
            case 4:
                cut = chance.randrange(len(some[at]) + 1)
                scratch = bytes([chance.randrange(256)])
                some[at] = some[at][:cut] + scratch + some[at][cut + 1 :]
            case 5:
                some[at] = some[at][: chance.randrange(len(some[at]) + 1)]
            case 6:
                del some[at:]
    return b"".join(some)


calendars = st.one_of(
    torn(),
    st.lists(st.one_of(events(), events(), torn()), max_size=6).map(b"".join),
    st.lists(lines, max_size=40).map(
        lambda some: "\r\n".join(some).encode("utf-8", "surrogatepass")
    ),
    st.binary(max_size=2_000),
)
_answers = msgspec.msgpack.Decoder(list[ReadEvent | Unreadable])


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate, Phase.shrink],
)
@given(calendars, st.sampled_from(Purpose), st.booleans())
def check(data: bytes, purpose: Purpose, with_horizon: bool) -> None:  # noqa: FBT001 - drawn
    """Whatever it is: it is read, soon, into something that makes sense, and spoils nothing."""
    started = time.process_time()
    found = reading.read(data, zone="Asia/Shanghai", until=UNTIL if with_horizon else None)
    together = reading.read(data + b"\r\n" + GOOD, zone="Asia/Shanghai", until=UNTIL)
    seen = import_items.survey(found, told(purpose), Around(own=[], taken=[], spaces=SPACES), NOW)
    assert time.process_time() - started < PATIENCE

    assert found
    assert len(found) <= MAX_OCCURRENCES + 2 * MAX_EVENTS
    for one in found:
        if isinstance(one, ReadEvent):
            assert one.uid
            assert one.starts_at < one.ends_at
            assert one.starts_at.utcoffset() == dt.timedelta(0)
            assert 1989 <= one.starts_at.year <= 2101
            assert one.ends_at - one.starts_at <= dt.timedelta(days=368)
        else:
            assert one.code.isidentifier()
            assert one.message
    assert _answers.decode(msgspec.msgpack.encode(found)) == found
    codes = {one.code for one in together if isinstance(one, Unreadable)}
    assert "good@openyard" in {one.uid for one in together} or "too_many_events" in codes
    # What it makes of them can be applied, and then there is nothing more to do.
    again = survey(found, told(purpose), applied(seen.items))
    assert not [item for item in again.items if item.change in PUBLISHED]


@pytest.mark.timeout(MINUTES * 60 + 300)
def test_no_calendar_is_too_strange():
    until = time.monotonic() + MINUTES * 60
    check()
    while time.monotonic() < until:
        check()
