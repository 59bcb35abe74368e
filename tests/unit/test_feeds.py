"""What slots and reservations say in calendars."""

import datetime as dt
from uuid import UUID

import icalendar
import msgspec
import pytest

from openyard_calendars.entry import fragment
from openyard_platform.domain import feeds
from openyard_platform.domain.feeds import Place, ReservationView, SlotView

ID = UUID("018f0000-0000-7000-8000-000000000001")
OWNER = UUID("018f0000-0000-7000-8000-000000000002")
SLOT_ID = UUID("018f0000-0000-7000-8000-000000000003")
START = dt.datetime(2026, 11, 28, 1, 0, tzinfo=dt.UTC)
BASE_URL = "https://openyard.example"
PLACE = Place(
    venue="市图书馆", space="大厅", address="文昌路 1 号", latitude=24.33, longitude=109.41
)
SLOT = SlotView(
    id=ID,
    owner_id=OWNER,
    status="open",
    kind="access",
    title="周末开放",
    description="请带水杯",
    programme="自由阅读",
    starts_at=START,
    ends_at=START + dt.timedelta(hours=2),
    capacity=40,
    taken=3,
    waiting=0,
    exclusive=False,
    audiences=["family", "resident"],
    reason=None,
    sequence=1,
    revision=7,
    updated_at=START,
    place=PLACE,
    venue_key="library",
    district_key="liubei",
    space_ids=[OWNER],
)
RESERVATION = ReservationView(
    id=ID,
    owner_id=OWNER,
    slot_id=SLOT_ID,
    status="confirmed",
    seats=3,
    adults=0,
    needs_reconfirm=False,
    cancelled_by=None,
    reason=None,
    kind="access",
    title="周末开放",
    description=None,
    starts_at=START,
    ends_at=START + dt.timedelta(hours=2),
    sequence=2,
    revision=7,
    updated_at=START,
    place=PLACE,
    study_group_ids=[],
)


def of_slot(**changes):
    return feeds.slot_entry(msgspec.structs.replace(SLOT, **changes), BASE_URL)


def of_reservation(**changes):
    return feeds.reservation_entry(msgspec.structs.replace(RESERVATION, **changes), BASE_URL)


def test_a_slot_says_its_seats_and_whom_it_is_for():
    assert of_slot().description == "余位 37 / 40\n面向：家庭、居民\n项目：自由阅读\n请带水杯"


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"waiting": 2, "taken": 40}, "余位 0 / 40，候补 2 组"),
        ({"kept": {"school": 30}}, "余位 7 / 40，另为学校保留 30"),
        ({"kept": {"school": 40}}, "余位 0 / 40，另为学校保留 40"),
        ({"exclusive": True, "taken": 40}, "整场预约，已约出"),
        ({"exclusive": True, "taken": 0}, "整场预约，可容纳 40 人"),
        ({"status": "withdrawn"}, "场馆已取消这一场。"),
        ({"status": "withdrawn", "reason": "检修"}, "场馆已取消：检修"),
    ],
)
def test_a_slot_says_how_it_stands(changes, line):
    assert of_slot(**changes).description.splitlines()[0] == line


def test_a_slot_for_everybody_without_words_says_only_that():
    entry = of_slot(audiences=None, programme=None, description=None)
    assert entry.description == "余位 37 / 40\n面向：所有人"


def test_a_withdrawn_slot_is_cancelled_and_nobody_is_busy_who_looks_on():
    assert of_slot(status="withdrawn").cancelled
    assert of_slot().transparent


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "预约 3 人"),
        ({"adults": 2}, "预约 3 人，随行成人 2 人"),
        ({"needs_reconfirm": True}, "预约 3 人\n场馆改动了时间或地点，如不合适可以取消。"),
        ({"status": "cancelled", "cancelled_by": "holder"}, "预约 3 人\n预约已取消。"),
        (
            {"status": "cancelled", "cancelled_by": "venue", "reason": "检修"},
            "预约 3 人\n场馆取消了这一场：检修",
        ),
        ({"description": "请带水杯"}, "预约 3 人\n请带水杯"),
    ],
)
def test_a_reservation_says_what_its_holder_needs(changes, text):
    assert of_reservation(**changes).description == text


def test_a_reservation_is_private_and_makes_its_holder_busy():
    entry = of_reservation()
    assert entry.private
    assert not entry.transparent
    assert entry.url == f"{BASE_URL}/my/reservations/{ID}"


def test_a_place_may_have_no_address_and_no_coordinates():
    bare = Place(venue="市图书馆", space="大厅")
    entry = of_slot(place=bare)
    assert entry.location == "市图书馆 大厅"
    assert entry.geo is None
    assert of_slot(place=msgspec.structs.replace(PLACE, latitude=None)).geo is None


def test_an_unknown_kind_is_told_by_its_own_name():
    assert of_slot(kind="ballot").categories == ("ballot",)
    assert of_slot().categories == ("周末开放",)


def test_the_events_are_what_a_library_reads():
    event = icalendar.Event.from_ical(fragment(of_reservation()))
    assert event["UID"] == feeds.reservation_uid(ID)
    assert event["SEQUENCE"] == 2
    assert event["CLASS"] == "PRIVATE"
    event = icalendar.Event.from_ical(fragment(of_slot(status="withdrawn")))
    assert event["UID"] == feeds.slot_uid(ID)
    assert event["SUMMARY"] == "【已取消】周末开放"


def test_the_window_is_that_of_the_citys_day():
    evening = dt.datetime(2026, 11, 27, 17, 30, tzinfo=dt.UTC)  # half past one on the 28th
    window = feeds.window(evening)
    assert window.day == dt.date(2026, 11, 28)
    assert window.today == dt.datetime(2026, 11, 27, 16, 0, tzinfo=dt.UTC)
    assert window.today - window.since == dt.timedelta(days=30)
    assert window.until - window.today == dt.timedelta(days=400)
    assert window.today - window.cancelled_since == dt.timedelta(days=14)
    assert feeds.window(evening + dt.timedelta(hours=20)) == window


def test_a_token_has_256_bits_and_depends_on_all_it_is_made_of():
    tokens = {
        feeds.token(secret, account, owner, generation)
        for secret in ("a" * 32, "b" * 32)
        for account in (ID, OWNER)
        for owner in (ID, OWNER)
        for generation in (1, 2)
    }
    assert len(tokens) == 16
    assert all(len(token) == 43 for token in tokens)
    assert feeds.token("a" * 32, ID, OWNER, 1) in tokens


def test_the_staff_see_how_many_come_without_opening_an_event():
    entry = feeds.staff_entry(SLOT, BASE_URL)
    assert entry.summary == "周末开放（已约 3/40）"
    assert entry.private
    assert entry.uid != of_slot().uid
