"""Invitations by mail: chosen by an account, and written for its messages."""

import datetime as dt
from email.utils import parseaddr
from uuid import UUID

from openyard_calendars import invitation
from openyard_calendars.invitation import Invitation, Mailbox
from openyard_platform.domain import feeds, invitations
from openyard_platform.domain.errors import Conflict
from openyard_platform.domain.invitations import CalendarDelivery
from openyard_platform.store import audit, engine
from openyard_platform.store import feeds as feed_records
from openyard_platform.store import invitations as records
from openyard_platform.store.notifications import Claimed


async def choose(
    account_id: UUID, delivery: CalendarDelivery, now: dt.datetime, *, by_mail: bool
) -> None:
    """From now on the account's reservations come into its calendar like this.

    Raises:
        Conflict: invitations, and this installation sends no mail (``mail_missing``).
    """
    if delivery is CalendarDelivery.INVITATIONS and not by_mail:
        message = "This installation sends no mail, and so no invitations."
        raise Conflict(message, code="mail_missing")
    async with engine.transaction():
        if await records.choose(account_id, delivery):
            action = "account.calendar_delivery_chosen"
            await audit.record(now, account_id, action, account_id, delivery=delivery.value)


async def of(claimed: Claimed, *, sender: str, base_url: str) -> Invitation | None:
    """The invitation that goes with a claimed message as things stand now; None: none does.

    It is the entry of its holder's feed, with the same uid and sequence. It is noted before it
    leaves: a mail that may have arrived counts as arrived.
    """
    if not invitations.may_go_with(claimed.kind):
        return None
    standing = await records.standing(claimed.id)
    reservation = await feed_records.reservation(claimed.reservation_id)
    if standing is None or reservation is None:
        return None
    if not invitations.goes_with(claimed.kind, reservation.status, standing):
        return None
    await records.note(claimed.id, reservation.sequence)
    name, address = parseaddr(sender)
    return invitation.write(
        feeds.reservation_entry(reservation, base_url),
        organiser=Mailbox(address=address, name=name),
        attendee=Mailbox(address=claimed.email),
    )
