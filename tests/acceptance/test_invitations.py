"""A mother chooses invitations with her thumb, and her mailbox keeps her calendar right."""

from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import httpx
import icalendar
import pytest

from tests.acceptance.house import person
from tests.browser import Browser
from tests.races.rush import fresh_slot
from tests.stack import Stack

_LOOKS = (Path(__file__).parents[1] / "looks.js").read_text("utf-8")
_MOTHER = 340


@pytest.fixture
def web(stack: Stack) -> Iterator[httpx.Client]:
    """Her browser's session; afterwards she is back with the feed."""
    account = stack.accounts("family")[_MOTHER]
    with httpx.Client(base_url=stack.url, timeout=15) as client:
        sent = {"login": account["login"], "password": account["password"]}
        assert client.post("/login", data=sent).status_code == 303
        yield client
        client.post("/my/calendar/delivery", data={"delivery": "feed"})


def invitation_in(letter: EmailMessage) -> tuple[str, icalendar.Event]:
    """What the mail's content type says, and the event that says the same."""
    (part,) = [one for one in letter.walk() if one.get_content_type() == "text/calendar"]
    calendar = icalendar.Calendar.from_ical(part.get_payload(decode=True))
    assert part["Content-Type"].params["method"] == calendar["METHOD"]
    (event,) = calendar.events
    return str(calendar["METHOD"]), event


@pytest.mark.usefixtures("web")
async def test_a_reservation_comes_changes_and_goes_by_mail(stack: Stack):
    slot = await fresh_slot(stack, capacity=5)
    mother = person(stack, "family", _MOTHER)
    await mother.ask("PATCH", "/api/v1/me", {"calendar_delivery": "invitations"})

    kept = await mother.reserve(slot, 2)
    await mother.letters(kept["id"], 1)
    await mother.ask("PATCH", f"/api/v1/reservations/{kept['id']}", {"seats": 3})
    await mother.letters(kept["id"], 2)
    await mother.cancel(kept["id"])

    told = [invitation_in(letter) for letter in await mother.letters(kept["id"], 3)]
    assert [method for method, _ in told] == ["REQUEST", "REQUEST", "CANCEL"]
    in_feed = await mother.event(kept["id"], lambda event: event["STATUS"] == "CANCELLED")
    assert {str(event["UID"]) for _, event in told} == {str(in_feed["UID"])}
    sequences = [event["SEQUENCE"] for _, event in told]
    assert sequences == sorted(set(sequences))
    assert in_feed["SEQUENCE"] == sequences[-1]


def test_the_choice_is_made_with_a_thumb_and_looks_good(
    stack: Stack, web: httpx.Client, chromium: Browser
):
    tab = chromium.tab()
    tab.log_in(stack.url, web.cookies["openyard_session"])
    for width in (360, 390, 1280):
        tab.resize(width, 800)
        tab.go(f"{stack.url}/my/calendar")
        assert tab.run(_LOOKS) == [], width
        tab.run(
            "document.querySelector('[value=invitations]').form.querySelector('button').click()"
        )
        tab.wait("document.querySelector('[value=feed]') !== null")
        assert tab.run(_LOOKS) == [], width
        tab.go(f"{stack.url}/my/calendar?feed=own")
        assert tab.run(_LOOKS) == [], width
        tab.go(f"{stack.url}/my/calendar")
        tab.run("document.querySelector('[value=feed]').form.querySelector('button').click()")
        tab.wait("document.querySelector('[value=invitations]') !== null")
    assert tab.complaints == []
    tab.close()
