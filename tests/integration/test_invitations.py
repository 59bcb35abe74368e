"""Who chose invitations gets each reservation by mail, updated and taken back, in order."""

import datetime as dt
from email.message import EmailMessage

import icalendar
import pytest

from openyard_events.commands import Change
from openyard_platform import clock, ids
from openyard_platform.actions import invitations, notifications
from openyard_platform.domain.invitations import CalendarDelivery
from openyard_platform.store import engine
from openyard_platform.store import notifications as records
from openyard_workers.consumers.feeds import Feeds
from openyard_workers.consumers.notifier import Notifier
from openyard_workers.jobs import notifications as job
from tests.integration import libical
from tests.integration.projection_stage import fragments, projecting, reached
from tests.integration.test_mailing import (
    at_work,
    mailbox,
    nc,
    on_stage,
    pokes,
    settings,
    states,
    until,
)

__all__ = ["mailbox", "nc", "on_stage", "pokes", "settings"]


@pytest.fixture
async def play(on_stage, nc, settings, mailbox, pokes):
    consumers = (Notifier(settings, pokes), Feeds(settings, seats_every=0))
    async with projecting(nc, consumers):
        yield Play(on_stage, settings, mailbox, pokes)


class Play:
    """What happens on stage is told at once: facts are read, and mails leave until none is due."""

    def __init__(self, on_stage, settings, mailbox, pokes) -> None:
        self.stage = on_stage
        self.settings = settings
        self.mailbox = mailbox
        self.pokes = pokes

    async def family(self, delivery: CalendarDelivery = CalendarDelivery.INVITATIONS):
        family = await self.stage.family()
        await choose(family, delivery)
        return family

    async def decide(self, *commands):
        await self.stage.decide(*commands)
        await self.tell()

    async def tell(self) -> list[EmailMessage]:
        """The mails that left just now."""
        before = len(self.mailbox.mails)
        await self.write()
        while due := await notifications.due(clock.now(), 10):
            for message, _ in due:
                await job.send(self.settings, message)
        return self.mailbox.mails[before:]

    async def write(self) -> None:
        """The messages are there, and none has left."""
        last = await self.stage.relay()
        for reader in (Notifier.name, Feeds.name):
            await reached(reader, last)


async def choose(family, delivery: CalendarDelivery) -> None:
    await invitations.choose(family.account_id, delivery, clock.now(), by_mail=True)


def change(made, family, **changes) -> Change:
    return Change(
        id=ids.new(),
        reservation_id=made.id,
        account_id=family.account_id,
        holder_id=family.family_id,
        audiences=("family", "resident"),
        **changes,
    )


def hours(count: int) -> dt.timedelta:
    return dt.timedelta(hours=count)


def calendars_in(mail: EmailMessage) -> list[EmailMessage]:
    return [part for part in mail.walk() if part.get_content_type() == "text/calendar"]


def invited(mail: EmailMessage) -> icalendar.Event:
    """The event of a mail whose invitation is sound in every respect."""
    (part,) = calendars_in(mail)
    body = part.get_payload(decode=True)
    (file,) = [one for one in mail.iter_attachments() if one.get_filename() == "invite.ics"]
    assert file.get_content() == body
    if libical.LIBRARY is not None:
        assert libical.check(body) == (True, 0)
    calendar = icalendar.Calendar.from_ical(body)
    (event,) = calendar.events
    assert calendar.errors == event.errors == []
    assert part["Content-Type"].params["method"] == calendar["METHOD"]
    assert event["ORGANIZER"] == f"mailto:{mail['From'].addresses[0].addr_spec}"
    assert event["ATTENDEE"] == f"mailto:{mail['To']}"
    event["METHOD"] = calendar["METHOD"]
    return event


async def in_feed(family) -> icalendar.Event:
    (fragment,) = await fragments(family.family_id)
    return icalendar.Event.from_ical(fragment)


async def test_an_invitation_is_the_entry_of_the_feed(play):
    slot = await play.stage.offer("a")
    family = await play.family()
    await play.stage.decide(family.reserve(slot, 2))

    (mail,) = await play.tell()

    event = invited(mail)
    shown = await in_feed(family)
    assert event["METHOD"] == "REQUEST"
    for name in ("UID", "SEQUENCE", "DTSTAMP", "DTSTART", "DTEND", "SUMMARY", "DESCRIPTION"):
        assert event[name].to_ical() == shown[name].to_ical(), name
    assert "不等于取消预约" in mail.get_body(("plain",)).get_content()


async def test_who_has_chosen_nothing_gets_mails_without_invitations(play):
    slot = await play.stage.offer("a")
    family = await play.stage.family()
    made = family.reserve(slot, 2)
    await play.decide(made)
    await play.decide(change(made, family, seats=1))
    await play.decide(family.cancel(made.id))

    assert len(play.mailbox.mails) == 3
    for mail in play.mailbox.mails:
        assert calendars_in(mail) == []
        assert list(mail.iter_attachments()) == []
        assert "日历" not in mail.get_body(("plain",)).get_content()


async def test_every_change_has_the_same_uid_and_a_higher_sequence_up_to_the_end(play):
    slot = await play.stage.offer("a")
    family = await play.family()
    made = family.reserve(slot, 2)
    await play.decide(made)
    await play.decide(change(made, family, seats=1))
    await play.stage.offer("a", 2, title="换了名字")
    await play.tell()
    later = clock.now().replace(microsecond=0) + hours(200)
    await play.stage.offer("a", 3, starts_at=later, ends_at=later + hours(1))
    await play.tell()
    other = await play.stage.offer("b", starts_at=later, ends_at=later + hours(2))
    await play.decide(change(made, family, slot_id=other))
    await play.decide(family.cancel(made.id))

    events = [invited(mail) for mail in play.mailbox.mails]

    methods = [str(event["METHOD"]) for event in events]
    assert methods == ["REQUEST"] * 5 + ["CANCEL"]
    assert {str(event["UID"]) for event in events} == {str((await in_feed(family))["UID"])}
    sequences = [event["SEQUENCE"] for event in events]
    assert sequences == sorted(set(sequences))
    assert [str(event["STATUS"]) for event in events] == ["CONFIRMED"] * 5 + ["CANCELLED"]
    assert events[2]["SUMMARY"] == "换了名字"
    assert events[3].start == later
    assert events[4].end == later + hours(2)
    assert (await in_feed(family))["SEQUENCE"] == sequences[-1]


async def test_a_withdrawn_slot_leaves_the_calendar(play):
    slot = await play.stage.offer("a")
    family = await play.family()
    await play.decide(family.reserve(slot, 2))
    await play.stage.withdraw("a", 2, "闭馆检修")
    await play.tell()

    first, last = (invited(mail) for mail in play.mailbox.mails)

    assert (last["METHOD"], last["UID"]) == ("CANCEL", first["UID"])
    assert last["SEQUENCE"] > first["SEQUENCE"]
    assert "闭馆检修" in last["DESCRIPTION"]


async def test_who_waits_is_invited_when_it_takes_a_seat_and_not_before(play):
    slot = await play.stage.offer("a", capacity=1)
    first, second = await play.family(), await play.family()
    holding, waiting = first.reserve(slot), second.reserve(slot)
    await play.decide(holding, waiting)
    await play.decide(first.cancel(holding.id))
    await play.decide(second.accept(waiting.id))

    told = [mail for mail in play.mailbox.mails if mail["To"] == second.email]

    waitlisted, offered, promoted = told
    assert calendars_in(waitlisted) == calendars_in(offered) == []
    assert invited(promoted)["METHOD"] == "REQUEST"


async def test_who_has_to_wait_again_has_it_taken_out_and_put_back_with_a_seat(play):
    slot = await play.stage.offer("a", capacity=2)
    first, last = await play.family(), await play.family()
    staying, displaced = first.reserve(slot), last.reserve(slot)
    await play.decide(staying, displaced)
    await play.stage.offer("a", 2, capacity=1, overbooked="latest_wait")
    await play.tell()
    await play.decide(first.cancel(staying.id))
    await play.decide(last.accept(displaced.id))

    told = [mail for mail in play.mailbox.mails if mail["To"] == last.email]

    events = [invited(mail) for mail in told if calendars_in(mail)]
    assert [str(event["METHOD"]) for event in events] == ["REQUEST", "CANCEL", "REQUEST"]
    sequences = [event["SEQUENCE"] for event in events]
    assert sequences == sorted(set(sequences))
    assert len({str(event["UID"]) for event in events}) == 1


async def test_who_gave_up_waiting_has_nothing_to_take_out_of_a_calendar(play):
    slot = await play.stage.offer("a", capacity=1)
    first, second = await play.family(), await play.family()
    waiting = second.reserve(slot)
    await play.decide(first.reserve(slot), waiting)
    await play.decide(second.cancel(waiting.id))

    told = [mail for mail in play.mailbox.mails if mail["To"] == second.email]

    assert [calendars_in(mail) for mail in told] == [[], []]


async def test_a_message_that_leaves_late_invites_nobody_to_what_is_cancelled(play):
    slot = await play.stage.offer("a")
    family = await play.family()
    made = family.reserve(slot)
    await play.stage.decide(made)
    await play.write()
    await play.stage.decide(family.cancel(made.id))

    confirmed, cancelled = await play.tell()

    assert confirmed["Subject"].startswith("【联育】预约成功")
    assert "这个预约后来取消了" in confirmed.get_body(("plain",)).get_content()
    # Nobody was invited, so there is nothing to take back.
    assert calendars_in(confirmed) == calendars_in(cancelled) == []


async def test_a_message_that_leaves_late_says_what_is_true_by_then(play):
    slot = await play.stage.offer("a")
    family = await play.family()
    made = family.reserve(slot, 2)
    await play.stage.decide(made)
    await play.write()
    await play.stage.decide(change(made, family, seats=1))

    late, amended = (invited(mail) for mail in await play.tell())

    assert late["SEQUENCE"] == amended["SEQUENCE"] == (await in_feed(family))["SEQUENCE"]
    assert late["DESCRIPTION"] == amended["DESCRIPTION"]


async def test_a_mail_made_again_carries_the_same_invitation(play):
    slot = await play.stage.offer("a")
    family = await play.family()
    await play.decide(family.reserve(slot, 2))
    # As if its sender had died between the sending and the marking.
    await engine.fetch("UPDATE notification SET state = 'pending', next_try_at = now()")
    await play.tell()

    first, second = play.mailbox.mails

    assert first["Message-ID"] == second["Message-ID"]
    assert invited(first).to_ical() == invited(second).to_ical()


async def test_what_may_have_arrived_is_taken_back(play):
    slot = await play.stage.offer("a")
    family = await play.family()
    made = family.reserve(slot)
    play.mailbox.answer = "550 5.1.1 no such user"
    await play.decide(made)
    assert await states() == {"failed": 1}
    play.mailbox.answer = ""

    await play.decide(family.cancel(made.id))

    (mail,) = play.mailbox.mails
    assert invited(mail)["METHOD"] == "CANCEL"


async def test_after_going_back_to_the_feed_only_what_was_sent_is_kept_right(play):
    later = clock.now().replace(microsecond=0) + hours(200)
    first = await play.stage.offer("a")
    second = await play.stage.offer("b", starts_at=later, ends_at=later + hours(1))
    family = await play.family()
    kept = family.reserve(first, 2)
    await play.decide(kept)
    await choose(family, CalendarDelivery.FEED)
    await play.decide(change(kept, family, seats=1))
    await play.decide(family.reserve(second))
    await play.decide(family.cancel(kept.id))

    first_one, amended, new, cancelled = play.mailbox.mails
    assert invited(first_one)["METHOD"] == invited(amended)["METHOD"] == "REQUEST"
    assert calendars_in(new) == []
    assert invited(cancelled)["METHOD"] == "CANCEL"


async def test_after_going_over_to_invitations_the_next_change_brings_one(play):
    slot = await play.stage.offer("a")
    family = await play.family(CalendarDelivery.FEED)
    made = family.reserve(slot, 2)
    await play.decide(made)
    await choose(family, CalendarDelivery.INVITATIONS)
    await play.decide(change(made, family, seats=1))

    first, second = play.mailbox.mails

    assert calendars_in(first) == []
    assert invited(second)["METHOD"] == "REQUEST"


async def test_a_message_of_an_unknown_kind_carries_none(play):
    slot = await play.stage.offer("a")
    family = await play.family()
    await play.stage.decide(family.reserve(slot))
    await play.write()
    await engine.fetch("UPDATE notification SET kind = 'reminder'")

    (mail,) = await play.tell()

    assert calendars_in(mail) == []


async def overtaken(play) -> list[str]:
    """Cancel while the invitation is on its way through a slow server; what arrived, in order."""
    slot = await play.stage.offer("a")
    family = await play.family()
    made = family.reserve(slot)
    await play.stage.decide(made)
    play.mailbox.delays = [1.0]
    async with at_work(play.settings, play.pokes), at_work(play.settings, play.pokes):
        await play.write()
        await until(lambda: not play.mailbox.delays)
        await play.stage.decide(family.cancel(made.id))
        await play.write()
        await until(lambda: len(play.mailbox.mails) == 2)
    return [str(invited(mail)["METHOD"]) for mail in play.mailbox.mails]


async def test_a_cancellation_never_overtakes_its_invitation(play):
    assert await overtaken(play) == ["REQUEST", "CANCEL"]


async def test_without_its_turn_a_cancellation_overtakes_its_invitation(play, monkeypatch):
    """The negative control: mails leave in order because they wait for each other."""
    for name in ("_CLAIM", "_DUE"):
        unguarded = getattr(records, name).replace(records._IN_TURN, "true")  # noqa: SLF001
        monkeypatch.setattr(records, name, unguarded)

    assert await overtaken(play) == ["CANCEL", "REQUEST"]


async def test_messages_that_wait_for_their_turn_hold_up_nobody_else(play):
    slot = await play.stage.offer("a")
    first, second = await play.family(), await play.family()
    made, others = first.reserve(slot, 2), second.reserve(slot)
    await play.stage.decide(made)
    await play.stage.decide(change(made, first, seats=1))
    await play.stage.decide(others)
    await play.write()
    await engine.fetch(
        "UPDATE notification SET next_try_at = now() + interval '1 hour' WHERE kind = 'confirmed'"
        " AND reservation_id = $1",
        made.id,
    )

    due = await notifications.due(clock.now(), 1)

    row = await engine.fetch_one("SELECT reservation_id FROM notification WHERE id = $1", due[0][0])
    assert row["reservation_id"] == others.id
