"""Whom facts concern, and in which words they are told."""

import datetime as dt
import html
from uuid import UUID

import msgspec
import pytest

from openyard_calendars.invitation import Method
from openyard_events import contracts
from openyard_platform.actions import notifications as actions
from openyard_platform.domain import notifications, offer_links, words
from openyard_platform.domain.notifications import Kind, Subject
from openyard_platform.store.notifications import Claimed

ACCOUNT = UUID("018f0000-0000-7000-8000-000000000001")
RESERVATION = UUID("018f0000-0000-7000-8000-000000000002")
SLOT = UUID("018f0000-0000-7000-8000-000000000003")
START = dt.datetime(2026, 11, 28, 1, 0, tzinfo=dt.UTC)
BASE_URL = "https://openyard.example"
FROM = {"base_url": BASE_URL, "secret_key": "s" * 64}
OF_SLOT = {
    "venue_key": "library",
    "slot_id": SLOT,
    "slot_revision": 7,
    "capacity": 10,
    "taken": 1,
    "waiting": 0,
}
OF_RESERVATION = OF_SLOT | {
    "reservation_id": RESERVATION,
    "account_id": ACCOUNT,
    "holder_id": ACCOUNT,
    "seats": 1,
    "position": 1,
}
SUBJECT = Subject(
    kind="confirmed",
    title="周末<开放>\n第二行",
    venue="市图书馆",
    space="大厅",
    address="",
    starts_at=START,
    ends_at=START + dt.timedelta(hours=2),
    seats=2,
    adults=1,
    status="confirmed",
    reason=None,
    slot_id=SLOT,
    reservation_id=RESERVATION,
)


@pytest.mark.parametrize(
    ("fact", "kind"),
    [
        (contracts.ReservationConfirmed(**OF_RESERVATION), Kind.CONFIRMED),
        (contracts.ReservationWaitlisted(**OF_RESERVATION), Kind.WAITLISTED),
        (contracts.ReservationPromoted(**OF_RESERVATION), Kind.PROMOTED),
        (contracts.ReservationCancelled(**OF_RESERVATION, by="holder"), Kind.CANCELLED),
        (contracts.ReservationCancelled(**OF_RESERVATION, by="venue"), Kind.SLOT_WITHDRAWN),
        (contracts.ReservationChanged(**OF_RESERVATION), Kind.SLOT_CHANGED),
    ],
)
def test_each_turn_of_a_reservation_is_told_to_who_asked(fact, kind):
    occasion = notifications.occasion(fact)
    assert occasion is not None
    assert (occasion.kind, occasion.account_id) == (kind, ACCOUNT)


@pytest.mark.parametrize(
    "fact",
    [
        contracts.ReservationRefused(**OF_RESERVATION, codes=["slot_full"]),
        contracts.SlotOpened(**OF_SLOT),
        contracts.SlotUpdated(**OF_SLOT),
        contracts.SlotClosed(**OF_SLOT),
    ],
)
def test_refusals_and_facts_about_slots_alone_are_told_to_nobody(fact):
    assert notifications.occasion(fact) is None


def test_a_slot_may_change_again_and_everything_else_happens_once():
    first = contracts.ReservationChanged(**OF_RESERVATION)
    second = contracts.ReservationChanged(**OF_RESERVATION | {"slot_revision": 8})
    assert notifications.occasion(first).dedupe != notifications.occasion(second).dedupe
    confirmed = contracts.ReservationConfirmed(**OF_RESERVATION)
    again = contracts.ReservationConfirmed(**OF_RESERVATION | {"slot_revision": 8})
    assert notifications.occasion(confirmed) == notifications.occasion(again)


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_has_a_name_and_says_what_to_do_next(kind):
    assert kind in words.NOTIFICATION_KINDS
    subject = msgspec.structs.replace(SUBJECT, kind=kind.value)
    assert notifications.advice(subject)


def test_a_kind_of_later_is_told_without_advice():
    subject = msgspec.structs.replace(SUBJECT, kind="reminder", address="文昌路 1 号")
    assert notifications.advice(subject) == ""
    assert notifications.headline("reminder", "x") == "reminder：x"


def test_a_reason_is_passed_on():
    subject = msgspec.structs.replace(SUBJECT, kind="slot_withdrawn", reason="检修")
    assert notifications.advice(subject).endswith("原因：检修。")


@pytest.mark.parametrize("kind", ["confirmed", "waitlisted", "promoted", "amended", "slot_changed"])
def test_of_what_was_cancelled_since_nobody_is_told_to_come(kind):
    late = msgspec.structs.replace(SUBJECT, kind=kind, status="cancelled")
    assert notifications.advice(late) == "这个预约后来取消了，名额已让出，不必到场。"


def test_a_letter_says_what_the_invitation_in_it_does():
    bare = notifications.letter(SUBJECT, BASE_URL)
    asked = notifications.letter(SUBJECT, BASE_URL, Method.REQUEST)
    ended = notifications.letter(SUBJECT, BASE_URL, Method.CANCEL)
    assert "日历" not in bare.text + bare.html
    for text in (asked.text, asked.html):
        assert "不等于取消预约" in text
    for text in (ended.text, ended.html):
        assert "日历里的这一条会随之取消" in text


def test_a_letter_says_when_where_and_for_how_many():
    letter = notifications.letter(SUBJECT, BASE_URL)
    assert letter.subject == "【联育】预约成功：周末<开放> 第二行"
    assert "时间：11月28日（周六）09:00–11:00" in letter.text
    assert "地点：市图书馆 大厅\n" in letter.text
    assert "人数：2 人，随行成人 1 人" in letter.text
    assert f"{BASE_URL}/my/reservations/{RESERVATION}" in letter.text


def test_what_a_venue_typed_is_no_markup_in_a_letter():
    letter = notifications.letter(SUBJECT, BASE_URL)
    assert "<开放>" not in letter.html
    assert "&lt;开放&gt;" in letter.html


def test_an_offer_says_until_when_and_is_answered_by_two_links():
    offered = msgspec.structs.replace(SUBJECT, kind="offered", offer_expires_at=START)
    answers = notifications.answers(offered, "s" * 64, BASE_URL)
    letter = notifications.letter(offered, BASE_URL, answered_at=answers)
    assert "答复期限：11月28日（周六）09:00" in letter.text
    assert f"接受名额：{answers.accept}\n放弃：{answers.decline}\n" in letter.text
    assert answers.accept.endswith("?do=accept")
    link = offer_links.read("s" * 64, answers.decline.removeprefix(f"{BASE_URL}/offers/")[:56])
    assert (link.reservation_id, link.expires_at) == (RESERVATION, START)
    assert html.escape(answers.accept) in letter.html


def test_an_offer_that_is_answered_already_has_no_links_and_no_deadline():
    over = msgspec.structs.replace(SUBJECT, kind="offered")
    assert notifications.answers(over, "s" * 64, BASE_URL) is None
    letter = notifications.letter(over, BASE_URL)
    assert "答复期限" not in letter.text
    assert "已经答复过" in letter.text


def test_a_mail_made_again_has_the_same_message_id():
    values = {name: getattr(SUBJECT, name) for name in Subject.__struct_fields__}
    claimed = Claimed(id=ACCOUNT, email="a@example.org", tries=1, created_at=START, **values)
    again = msgspec.structs.replace(claimed, tries=5)
    mails = [
        actions.letter(one, sender="联育 <noreply@openyard.example>", **FROM)
        for one in (claimed, again)
    ]
    assert mails[0] == mails[1]
    assert mails[0].message_id == f"<notification-{ACCOUNT}@openyard.example>"
    bare = actions.letter(claimed, sender="联育", **FROM)
    assert bare.message_id == f"<notification-{ACCOUNT}@openyard>"


def test_pauses_grow_to_five_minutes_and_last_the_night():
    pauses = [actions.pause_after(tries) for tries in range(1, actions.MAX_TRIES)]
    assert pauses[:4] == [dt.timedelta(seconds=seconds) for seconds in (2, 4, 8, 16)]
    assert max(pauses) == dt.timedelta(minutes=5)
    assert pauses == sorted(pauses)
    assert sum(pauses, dt.timedelta()) > dt.timedelta(hours=8)
