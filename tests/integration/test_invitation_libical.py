"""Our invitations under libical's strict check, which knows what iTIP asks of each method."""

import pytest
from msgspec.structs import replace

from openyard_calendars import invitation
from openyard_calendars.invitation import Mailbox
from tests.integration.libical import LIBRARY, check
from tests.integration.test_feed_libical import STATES, WORKSHOP

PLATFORM = Mailbox(address="noreply@openyard.example", name='联育 "柳州"; a, b: c')
MOTHER = Mailbox(address="mother+1@example.org")

pytestmark = pytest.mark.skipif(LIBRARY is None, reason="libical is not installed")


@pytest.mark.parametrize("shown", STATES, ids=lambda shown: shown.uid[:8])
def test_an_invitation_passes_the_strict_check(shown):
    assert check(invitation.write(shown, PLATFORM, MOTHER).body) == (True, 0)


@pytest.mark.parametrize(
    ("method", "names"),
    [
        ("REQUEST", ["ORGANIZER", "ATTENDEE", "UID", "DTSTAMP", "SUMMARY", "DTSTART"]),
        ("CANCEL", ["ORGANIZER", "UID", "DTSTAMP", "SEQUENCE"]),
    ],
)
def test_the_check_notices_what_a_method_may_not_do_without(method, names):
    body = invitation.write(replace(WORKSHOP, cancelled=method == "CANCEL"), PLATFORM, MOTHER).body
    assert f"METHOD:{method}".encode() in body

    noticed = [name for name in names if not check(without(name, body))[0]]

    assert noticed == names


def without(name: str, body: bytes) -> bytes:
    """The event has no such property any more."""
    head, begin, event = body.partition(b"BEGIN:VEVENT")
    return head + begin + event.replace(f"\r\n{name}".encode(), b"\r\nX-GONE")


def test_the_check_notices_an_invitation_to_what_is_cancelled():
    body = invitation.write(replace(WORKSHOP, cancelled=True), PLATFORM, MOTHER).body

    valid, _ = check(body.replace(b"METHOD:CANCEL", b"METHOD:REQUEST"))

    assert not valid
