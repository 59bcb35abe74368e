"""Our feeds as ical.js reads them, the reader of many web and desktop calendars."""

import datetime as dt
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from openyard_calendars import entry, feed, special_days, text
from openyard_calendars.entry import CANCELLED_PREFIX, Entry
from openyard_calendars.feed import Head
from openyard_calendars.special_days import SpecialDay

HERE = Path(__file__).parent.parent / "javascript"
NODE = shutil.which("node")
MOMENT = dt.datetime(2026, 11, 28, 1, tzinfo=dt.UTC)
HEAD = Head(name="市图书馆", description="联育", changed_at=MOMENT)

pytestmark = [
    pytest.mark.skipif(NODE is None, reason="node is not installed"),
    pytest.mark.skipif(
        not (HERE / "node_modules" / "ical.js").exists(),
        reason="ical.js is not installed: npm install --prefix tests/javascript",
    ),
]

starts = st.integers(0, 10**7).map(
    lambda minutes: dt.datetime(2020, 1, 1, tzinfo=dt.UTC) + dt.timedelta(minutes=minutes)
)
# One that ends in a backslash: ical.js takes the comma after it for a part of it.
categories = st.text(min_size=1).map(text.clean).filter(lambda one: one and one[-1] != "\\")
entries = st.builds(
    Entry,
    uid=st.uuids().map(str),
    summary=st.text(),
    starts_at=starts,
    ends_at=starts,
    changed_at=st.just(MOMENT),
    sequence=st.integers(0, 1000),
    location=st.text(),
    description=st.text(),
    cancelled=st.booleans(),
    categories=st.lists(categories, max_size=3).map(tuple),
)


def read(data: bytes) -> dict:
    run = subprocess.run(
        [NODE, "read_calendar.js"], input=data, cwd=HERE, capture_output=True, check=False
    )
    assert run.returncode == 0, run.stderr.decode()
    return json.loads(run.stdout)


def test_a_feed_without_events_is_a_calendar_with_a_name():
    assert read(feed.assemble(HEAD, [])) == {"name": "市图书馆", "events": []}


# Starting node takes longer than reading: a few runs, each with many events.
@settings(
    max_examples=8,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(st.lists(entries, min_size=20, max_size=40))
def test_whatever_is_typed_comes_out_as_text(shown):
    events = read(feed.assemble(HEAD, map(entry.fragment, shown)))["events"]

    assert len(events) == len(shown)
    for event, original in zip(events, shown, strict=True):
        prefix = CANCELLED_PREFIX if original.cancelled else ""
        assert event["summary"] == prefix + text.clean(original.summary)
        assert (event["location"] or "") == text.clean(original.location)
        assert (event["description"] or "") == text.clean(original.description)
        assert event["categories"] == list(original.categories)
        assert event["zone"] == "Asia/Shanghai"
        assert dt.datetime.fromisoformat(event["start"]) == original.starts_at
        assert dt.datetime.fromisoformat(event["end"]) == original.ends_at
        assert event["sequence"] == original.sequence
        assert event["status"] == ("CANCELLED" if original.cancelled else "CONFIRMED")


def test_a_holiday_is_a_whole_day():
    day = SpecialDay(date=dt.date(2026, 2, 28), name="春节", worked=True, changed_at=MOMENT)
    (event,) = read(feed.assemble(HEAD, [special_days.fragment(day)]))["events"]

    assert (event["start"], event["end"]) == ("2026-02-28", "2026-03-01")
    assert event["special"] == "ALTERNATE-WORKDAY"
    assert event["summary"] == "春节（班）"
