"""Messages to people: written from facts, claimed, sent, put off, read."""

import datetime as dt
from collections.abc import Sequence
from email.utils import parseaddr
from uuid import UUID

from openyard_calendars.invitation import Invitation
from openyard_events.contracts import AnyFact
from openyard_platform import ids
from openyard_platform.domain import notifications as domain
from openyard_platform.domain.errors import NotFound
from openyard_platform.domain.notifications import Subject
from openyard_platform.mail import Mail
from openyard_platform.store import notifications as records
from openyard_platform.store.notifications import Claimed, Item

# Longer than a mail may take; if its sender dies, the next one tries after this.
CLAIM = dt.timedelta(seconds=25)
# About nine hours: an outage of a mail server over night loses nothing.
MAX_TRIES = 115
_FIRST_PAUSE = 2.0
_LONGEST_PAUSE = 300.0
_DOUBLINGS = 10
_ERROR = 500


async def record(facts: Sequence[AnyFact], now: dt.datetime, *, by_mail: bool) -> list[UUID]:
    """Write the messages these facts call for; part of a transaction.

    Returns the ids of those that were not there before. Without mail they are done with being
    in the inbox.
    """
    occasions = [one for fact in facts if (one := domain.occasion(fact)) is not None]
    if not occasions:
        return []
    state = "pending" if by_mail else "sent"
    return await records.add([(ids.new(), one) for one in occasions], now, state=state)


async def inbox(account_id: UUID, before: UUID | None, limit: int) -> list[Item]:
    """The account's own messages, newest first."""
    return await records.inbox(account_id, before, limit)


async def unread(account_id: UUID) -> int:
    return await records.unread(account_id)


async def mark_read(notification_id: UUID, account_id: UUID, now: dt.datetime) -> None:
    """Raises NotFound where there is none, or it is somebody else's."""
    if not await records.mark_read(notification_id, account_id, now):
        raise NotFound("没有这条通知。", code="notification_unknown")


async def due(now: dt.datetime, limit: int) -> list[tuple[UUID, int]]:
    return await records.due(now, limit)


async def claim(notification_id: UUID, now: dt.datetime) -> Claimed | None:
    return await records.claim(notification_id, now, now + CLAIM)


async def mark_sent(notification_id: UUID, now: dt.datetime) -> None:
    await records.mark_sent(notification_id, now)


async def fail(claimed: Claimed, error: str, now: dt.datetime, *, for_good: bool) -> None:
    """Record why it could not be sent, and when to try again if it makes sense."""
    text = error[:_ERROR]
    if for_good or claimed.tries >= MAX_TRIES:
        await records.give_up(claimed.id, text)
    else:
        await records.put_off(claimed.id, now + pause_after(claimed.tries), text)


def pause_after(tries: int) -> dt.timedelta:
    """2 s, 4 s, 8 s … and then every five minutes."""
    doubled = _FIRST_PAUSE * 2 ** min(tries - 1, _DOUBLINGS)
    return dt.timedelta(seconds=min(doubled, _LONGEST_PAUSE))


def letter(
    claimed: Claimed,
    *,
    sender: str,
    base_url: str,
    secret_key: str,
    invitation: Invitation | None = None,
) -> Mail:
    """The mail; made again it has the same Message-ID, so that a repeat is known as one."""
    subject = subject_of(claimed)
    enclosed = invitation.method if invitation is not None else None
    answered_at = domain.answers(subject, secret_key, base_url)
    letter = domain.letter(subject, base_url, enclosed, answered_at)
    return Mail(
        sender=sender,
        to=claimed.email,
        subject=letter.subject,
        text=letter.text,
        html=letter.html,
        invitation=invitation,
        message_id=f"<notification-{claimed.id}@{_host(sender)}>",
        at=claimed.created_at,
    )


def _host(sender: str) -> str:
    # Not the platform's own address, which may change between a mail and its repeat.
    _, at, host = parseaddr(sender)[1].rpartition("@")
    return host if at else "openyard"


def subject_of(found: Claimed | Item) -> Subject:
    return Subject(
        kind=found.kind,
        title=found.title,
        venue=found.venue,
        space=found.space,
        address=found.address,
        starts_at=found.starts_at,
        ends_at=found.ends_at,
        seats=found.seats,
        adults=found.adults,
        status=found.status,
        reason=found.reason,
        slot_id=found.slot_id,
        reservation_id=found.reservation_id,
        offer_expires_at=found.offer_expires_at,
        day_change=found.day_change,
    )
