"""Invitations: one event, told to one person by mail (iTIP over iMIP, RFC 5546 and 6047)."""

from enum import StrEnum
from urllib.parse import quote

from msgspec import Struct

from openyard_calendars import entry, frame, text
from openyard_calendars.entry import Entry

FILE_NAME = "invite.ics"

# What RFC 6068 lets stand in an address as it is; the rest would be read as a query or a fragment.
_PLAIN = "@!$'*+"
_COMING = ";CUTYPE=INDIVIDUAL;ROLE=REQ-PARTICIPANT;PARTSTAT=ACCEPTED;RSVP=FALSE"


class Method(StrEnum):
    """What the mail's content type and the calendar inside it both say."""

    REQUEST = "REQUEST"
    CANCEL = "CANCEL"


class Mailbox(Struct, frozen=True, kw_only=True):
    """``address``: as in ``a@example.org``. ``name``: who that is, where it is to be said."""

    address: str
    name: str = ""


class Invitation(Struct, frozen=True, kw_only=True):
    """``body``: a whole calendar, whose METHOD is ``method``."""

    method: Method
    body: bytes


def write(shown: Entry, organiser: Mailbox, attendee: Mailbox) -> Invitation:
    """The invitation to an event, its update, or, where the event is cancelled, the end of it.

    A calendar tells them by ``uid``, and their order by ``sequence`` and ``changed_at``: the same
    event has to come with the same uid, and never with a lower sequence. Nobody reads replies, so
    none is asked for: who is told has a seat already.

    Raises:
        ValueError: a time carries no zone.
    """
    method = Method.CANCEL if shown.cancelled else Method.REQUEST
    people = (
        f"ORGANIZER{_name(organiser)}:{_mailto(organiser)}",
        f"ATTENDEE{_name(attendee)}{_COMING}:{_mailto(attendee)}",
    )
    parts = (
        *map(text.line, (*frame.OPENING, f"METHOD:{method}")),
        frame.ZONE,
        entry.fragment(shown, people),
        frame.CLOSING,
    )
    return Invitation(method=method, body=b"".join(parts))


def _name(mailbox: Mailbox) -> str:
    return f";CN={text.parameter(mailbox.name)}" if text.clean(mailbox.name) else ""


def _mailto(mailbox: Mailbox) -> str:
    return "mailto:" + quote(text.clean(mailbox.address), safe=_PLAIN)
