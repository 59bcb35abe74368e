"""Calendars made to harm, against the process that reads them and the venues beside."""

import asyncio
import datetime as dt
import time

import icalendar
import pytest

from openyard_calendars.unreadable import Unreadable
from openyard_platform.domain.people import Role
from openyard_platform.web.calendar_files import LIMITS, MAX_BYTES, Readers
from tests.integration import imports_stage as stage
from tests.integration import people
from tests.integration.imports_stage import DAY, calendar, event
from tests.unit.test_reading_corpus import ATTACKS, EVENT, FILES, UNTIL, by_name

GOOD = (EVENT % (9_999_999, b"SUMMARY:x")).replace(b"1990", b"2026")
CALENDAR = b"BEGIN:VCALENDAR\n%sEND:VCALENDAR\n"


async def read(data: bytes) -> tuple[list, float]:
    """What the web's reader says, and in how many seconds."""
    started = time.monotonic()
    found = await Readers().read(data, zone="Asia/Shanghai", until=UNTIL)
    return found, time.monotonic() - started


def codes(found) -> set[str]:
    return {one.code for one in found if isinstance(one, Unreadable)}


@pytest.mark.parametrize("attack", ATTACKS)
async def test_an_attack_ends_within_its_limits_with_a_reason(attack):
    data = CALENDAR % (GOOD + b"".join(ATTACKS[attack]))
    assert len(data) <= MAX_BYTES

    found, seconds = await read(data)

    assert seconds < LIMITS.wall_seconds + 5
    reasons = [one.code for one in found if isinstance(one, Unreadable)]
    assert "9999999" in {one.uid for one in found} or reasons == ["too_many_events"]


async def test_broken_events_of_every_kind_spoil_none_of_the_good_ones():
    broken = [
        b"BEGIN:VEVENT\nEND:VEVENT\n",
        b"BEGIN:VEVENT\nUID:%d\nDTSTART:oops\nEND:VEVENT\n",
        b"BEGIN:VEVENT\nUID:%d\nDTSTART:20261128T010000Z\nDTEND:20251128T010000Z\nEND:VEVENT\n",
        b"BEGIN:VEVENT\nUID:%d\nDTSTART:20261128T010000Z\nDURATION:PT1H\nRRULE:FREQ=SECONDLY\nEND:VEVENT\n",
        b"BEGIN:VEVENT\nUID:%d\nDTSTART;TZID=Mars:20261128T010000\nEND:VEVENT\n",
        b"BEGIN:VEVENT\nUID:%d\nSUMMARY:\xff\xfe\nDURATION:PT1H\nDTSTART:20261128T010000Z\nEND:VEVENT\n",
        b"BEGIN:VEVENT\nUID:%d\nBEGIN:VALARM\nEND:VEVENT\n",
        b"BEGIN:VEVENT\nUID:%d\nDTSTART:20261128T010000Z\n",
        b"END:VEVENT\nEND:VEVENT\n",
        b"\x00\x01\x02\n",
    ]
    parts = []
    for number in range(2_000):
        one = broken[number % len(broken)]
        parts.append(one % number if b"%d" in one else one)
        parts.append((EVENT % (100_000 + number, b"SUMMARY:x")).replace(b":1990", b":2026"))

    found, _ = await read(CALENDAR % b"".join(parts))

    good = {int(one.uid) for one in found if not isinstance(one, Unreadable)}
    assert good == set(range(100_000, 102_000))
    assert len(codes(found)) >= 7


ZONE = b"""BEGIN:VTIMEZONE
TZID:Venue/Time
BEGIN:STANDARD
DTSTART:19700101T000000
TZOFFSETFROM:+0000
TZOFFSETTO:-1100
END:STANDARD
END:VTIMEZONE
"""
SHOWN = event("a").replace("Asia/Shanghai", "Venue/Time")
POISON = calendar(ZONE.decode() + SHOWN)
VICTIM = calendar(SHOWN)


async def test_the_zones_of_one_venue_never_meet_the_file_of_another(app):
    """Also where both are read by one process of ours, the first a moment before the second."""
    answers = []
    for data in (POISON, VICTIM):
        person = await people.person(Role.VENUE)
        room = await stage.space(person.account.organisation_id)
        row = await stage.key_of(person)
        async with person.client(app) as client:
            answer = await client.post(
                f"/api/v1/venues/{row}/imports",
                params={"as": "busy", "space": room},
                content=data,
                headers={"Content-Type": "text/calendar"},
            )
            answers.append(answer)

    poison, victim = answers
    assert poison.status_code == 201
    # Nine in the morning, eleven hours behind Greenwich.
    assert poison.json()["items"][0]["starts_at"] == f"{DAY + dt.timedelta(days=1)}T04:00:00+08:00"
    assert victim.status_code == 422
    assert [error["code"] for error in victim.json()["errors"]] == ["zone_unknown"]


def test_in_one_process_a_library_would_let_them_meet():
    """The guard of the test above, taken away."""

    def zone() -> object:
        (found,) = icalendar.Calendar.from_ical(VICTIM).walk("VEVENT")
        return found["DTSTART"].dt.tzinfo

    assert zone() is None
    icalendar.Calendar.from_ical(POISON)
    assert zone() is not None


@pytest.mark.parametrize("path", FILES[::12], ids=by_name)
async def test_a_real_file_is_imported_or_explained_to_who_uploads_it(app, path):
    """Of each twelfth; tests of the domain look at every one."""
    person = await people.person(Role.VENUE)
    room = await stage.space(person.account.organisation_id)
    async with person.client(app) as client:
        answer = await client.post(
            f"/api/v1/venues/{await stage.key_of(person)}/imports",
            params={"as": "busy", "space": room},
            content=path.read_bytes(),
            headers={"Content-Type": "text/calendar"},
        )

    told = answer.json()
    if answer.status_code == 201:
        assert told["items"] or told["problems"]
    else:
        assert (answer.status_code, told["code"]) == (422, "calendar_unreadable")
        assert told["errors"]


async def test_many_hostile_files_at_once_keep_nobody_from_being_served(app, monkeypatch):
    monkeypatch.setattr(app.state, "calendar_readers", Readers(at_once=2, waiting=2))
    hard = CALENDAR % b"".join(ATTACKS["rules that match nothing"][:100])
    person = await people.person(Role.VENUE)
    room = await stage.space(person.account.organisation_id)
    url = f"/api/v1/venues/{await stage.key_of(person)}/imports"
    told = {"as": "busy", "space": room}
    headers = {"Content-Type": "text/calendar"}
    async with person.client(app) as client:
        uploads = [client.post(url, params=told, content=hard, headers=headers) for _ in range(9)]
        sending = asyncio.gather(*uploads)
        served = 0
        while not sending.done():
            assert (await client.get("/api/v1/slots")).status_code == 200
            served += 1
            await asyncio.sleep(0.01)
        statuses = sorted(answer.status_code for answer in await sending)

    assert statuses == [201] * 4 + [503] * 5
    assert served > 5
