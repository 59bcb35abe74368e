"""Links that answer an offer: only ours are read, and each speaks of one offer alone."""

import base64
import datetime as dt
import re
from uuid import UUID

import pytest

from openyard_platform.domain import offer_links
from openyard_platform.domain.offer_links import OfferLink, Standing

SECRET = "s" * 64
UNTIL = dt.datetime(2026, 11, 28, 1, 2, 3, 456_789, tzinfo=dt.UTC)
LINK = OfferLink(reservation_id=UUID(int=7), expires_at=UNTIL)


def test_a_link_is_read_as_it_was_made():
    token = offer_links.token(SECRET, LINK)
    assert offer_links.read(SECRET, token) == LINK
    # Mail programs end a link at what is neither letter nor digit.
    assert re.fullmatch(r"[A-Za-z0-9_-]{56}", token)


def test_every_changed_bit_spoils_it():
    raw = base64.urlsafe_b64decode(offer_links.token(SECRET, LINK))
    for at in range(len(raw)):
        broken = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
        assert offer_links.read(SECRET, base64.urlsafe_b64encode(broken).decode()) is None


@pytest.mark.parametrize("text", ["", "x", "天", "=" * 54, "a" * 1000, "a b", "%00"])
def test_what_is_no_token_is_none(text):
    assert offer_links.read(SECRET, text) is None


def test_another_secret_makes_other_links():
    assert offer_links.read("t" * 64, offer_links.token(SECRET, LINK)) is None


@pytest.mark.parametrize(
    ("status", "expires_at", "slot_status", "standing"),
    [
        ("offered", UNTIL, "open", Standing.OPEN),
        ("offered", UNTIL + dt.timedelta(hours=1), "open", Standing.NEWER),
        ("offered", UNTIL, "withdrawn", Standing.WITHDRAWN),
        ("confirmed", None, "open", Standing.TAKEN),
        ("declined", None, "open", Standing.DECLINED),
        ("offer_expired", None, "open", Standing.OVER),
        ("waitlisted", None, "open", Standing.WAITING),
        ("cancelled", None, "open", Standing.CANCELLED),
        ("cancelled", None, "withdrawn", Standing.WITHDRAWN),
    ],
)
def test_what_has_become_of_its_offer(status, expires_at, slot_status, standing):
    found = offer_links.standing(
        LINK,
        status=status,
        expires_at=expires_at,
        slot_status=slot_status,
        now=UNTIL - dt.timedelta(seconds=1),
    )
    assert found is standing


def test_at_its_end_an_offer_is_over_though_nothing_has_been_written():
    found = offer_links.standing(
        LINK, status="offered", expires_at=UNTIL, slot_status="open", now=UNTIL
    )
    assert found is Standing.OVER
