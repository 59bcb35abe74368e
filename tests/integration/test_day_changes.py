"""When a day turns out to be of another kind, who has a reservation then is told, once."""

import asyncio
import datetime as dt
import uuid
from collections.abc import AsyncIterator

import httpx
import pytest

from openyard_calendars import day_kinds
from openyard_platform import clock
from openyard_platform.actions import calendar_days, notifications
from openyard_platform.clock import SHANGHAI
from openyard_platform.domain.people import Role
from openyard_platform.store import calendar_days as records
from openyard_platform.store import engine
from tests.integration import people

DAYS = "/api/v1/calendar-days"
# A year without a notice; Sunday, and the Monday after it.
SUNDAY, MONDAY = dt.date(2033, 10, 16), dt.date(2033, 10, 17)


@pytest.fixture(autouse=True)
async def nothing_said(app) -> AsyncIterator[None]:
    assert app
    yield
    await engine.fetch("DELETE FROM calendar_day WHERE date >= '2033-01-01'")
    await engine.fetch("DELETE FROM notification")
    await engine.fetch("DELETE FROM reservation")


@pytest.fixture(scope="module")
async def city(app) -> AsyncIterator[httpx.AsyncClient]:
    async with (await people.person(Role.SUPERVISOR)).client(app) as client:
        yield client


@pytest.fixture(scope="module")
async def venue(app) -> uuid.UUID:
    """In the district liubei."""
    assert app
    venue = await people.organisation("venue")
    await engine.fetch(
        "INSERT INTO space (id, organisation_id, key, name) VALUES ($1, $2, 'hall', '大厅')",
        *(uuid.uuid4(), venue),
    )
    return venue


@pytest.fixture
async def family(app) -> AsyncIterator[httpx.AsyncClient]:
    person = await people.person(Role.FAMILY)
    async with person.client(app) as client:
        client.account = person.account.id  # type: ignore[attr-defined]
        yield client


async def reserved(  # noqa: PLR0913 - each is a column
    venue, family, date: dt.date, hour: int = 10, *, status="confirmed", slot="open"
) -> uuid.UUID:
    """A reservation on a slot of its own, at this hour of the city."""
    reservation, slot_id = uuid.uuid4(), uuid.uuid4()
    starts_at = dt.datetime.combine(date, dt.time(hour), SHANGHAI)
    await engine.fetch(
        """INSERT INTO slot (id, venue_id, external_id, version, status, space_id, title,
               starts_at, ends_at, capacity, created_at, updated_at)
           SELECT $1, $2, $3, 1, $6, id, '周日阅读', $4, $5, 9, $7, $7
           FROM space WHERE organisation_id = $2""",
        *(slot_id, venue, slot_id.hex, starts_at, starts_at + dt.timedelta(hours=1)),
        *(slot, people.NOW),
    )
    await engine.fetch(
        """INSERT INTO reservation (id, slot_id, account_id, holder_id, party_nos, seats, held,
               status, position, audiences, created_at, updated_at)
           VALUES ($1, $2, $3, $3, '{1}', 1, 1, $4, 1, '{family}', $5, $5)""",
        *(reservation, slot_id, family.account, status, people.NOW),
    )
    return reservation


async def told(family: httpx.AsyncClient) -> list[dict]:
    return (await family.get("/api/v1/notifications/")).json()["items"]


async def test_who_has_a_reservation_on_a_changed_day_is_told_once_for_the_day(city, venue, family):
    first = await reserved(venue, family, SUNDAY)
    await reserved(venue, family, SUNDAY, 14)
    await reserved(venue, family, MONDAY)

    said = {"kind": "adjusted_workday", "notice": "国庆调休"}
    for _ in range(2):
        assert (await city.put(f"{DAYS}/{SUNDAY}", json=said)).status_code == 200

    (message,) = await told(family)
    assert (message["kind"], message["reservation_id"]) == ("day_changed", f"{first}")
    assert message["title"] == "放假调休有变：周日阅读"
    assert message["text"].startswith("放假安排公布了，10月16日（周日）是调休上班日。")


async def test_a_second_change_is_told_again_and_in_its_own_words(city, venue, family):
    await reserved(venue, family, SUNDAY)

    await city.put(f"{DAYS}/{SUNDAY}", json={"kind": "adjusted_workday"})
    await city.put(f"{DAYS}/{SUNDAY}", json={"kind": "weekend"})

    latest, earlier = [message["text"] for message in await told(family)]
    assert latest.startswith("10月16日（周日）由调休上班日改为周末。")
    assert "是调休上班日" in earlier


async def test_a_notice_tells_of_the_days_it_makes_different_and_of_no_others(venue, family):
    await reserved(venue, family, SUNDAY)
    await reserved(venue, family, SUNDAY - dt.timedelta(days=7))
    await reserved(venue, family, MONDAY)

    kinds = day_kinds.of_year(2033, {MONDAY}, {SUNDAY})
    for _ in range(2):
        await calendar_days.load_year(kinds, {}, people.NOW)

    texts = sorted(message["text"][:20] for message in await told(family))
    assert texts == ["放假安排公布了，10月16日（周日）是调", "放假安排公布了，10月17日（周一）是法"]


async def test_a_district_speaks_to_the_guests_of_its_own_venues_only(city, venue, family):
    await reserved(venue, family, SUNDAY)

    await city.put(f"{DAYS}/{SUNDAY}", json={"kind": "holiday", "district": "yufeng"})
    nothing = await told(family)
    await city.put(f"{DAYS}/{SUNDAY}", json={"kind": "holiday", "district": "liubei"})
    own = await told(family)
    await city.put(f"{DAYS}/{SUNDAY}", json={"kind": "adjusted_workday"})
    still = await told(family)
    await city.delete(f"{DAYS}/{SUNDAY}", params={"district": "liubei"})

    assert (len(nothing), len(own), len(still)) == (0, 1, 1)
    assert (await told(family))[0]["text"].startswith(
        "10月16日（周日）由法定节假日改为调休上班日。"
    )


@pytest.mark.parametrize(
    ("stands", "count"),
    [
        ({"status": "confirmed"}, 1),
        ({"status": "waitlisted"}, 1),
        ({"status": "cancelled"}, 0),
        ({"status": "refused"}, 0),
        ({"slot": "withdrawn"}, 0),
    ],
)
async def test_only_what_lives_is_spoken_of(city, venue, family, stands, count):
    await reserved(venue, family, SUNDAY, **stands)

    await city.put(f"{DAYS}/{SUNDAY}", json={"kind": "holiday"})

    assert len(await told(family)) == count


async def test_of_a_day_that_has_begun_nobody_is_told(venue, family):
    await reserved(venue, family, SUNDAY)
    kinds = day_kinds.of_year(2033, {MONDAY}, {SUNDAY})

    await calendar_days.load_year(kinds, {}, dt.datetime(2033, 10, 16, 3, tzinfo=dt.UTC))

    assert await told(family) == []


async def test_an_exam_or_another_notice_is_no_change_of_the_day(city, venue, family):
    await reserved(venue, family, SUNDAY)

    await city.put(f"{DAYS}/{SUNDAY}", json={"exam": True, "notice": "中考"})

    assert await told(family) == []


@pytest.mark.parametrize("guarded", [True, False])
async def test_two_who_say_the_same_at_once_tell_it_once(city, venue, family, monkeypatch, guarded):
    await reserved(venue, family, SUNDAY)
    look = records.everywhere

    async def slowly(dates):
        found = await look(dates)
        await asyncio.sleep(0.2)
        return found

    async def let_all_in():
        pass

    monkeypatch.setattr(records, "everywhere", slowly)
    if not guarded:
        monkeypatch.setattr(records, "hold", let_all_in)
    await asyncio.gather(
        *(city.put(f"{DAYS}/{SUNDAY}", json={"kind": "holiday"}) for _ in range(2))
    )

    assert len(await told(family)) == (1 if guarded else 2)


async def test_the_message_leaves_by_mail(city, venue, family):
    await reserved(venue, family, SUNDAY)
    await city.put(f"{DAYS}/{SUNDAY}", json={"kind": "adjusted_workday"})

    ((due, _),) = await notifications.due(clock.now(), 10)
    claimed = await notifications.claim(due, clock.now())
    assert claimed is not None
    mail = notifications.letter(
        claimed, sender="a@example.org", base_url="https://a.example", secret_key="s" * 64
    )

    assert mail.subject == "【联育】放假调休有变：周日阅读"
    assert "10月16日（周日）是调休上班日" in mail.text
