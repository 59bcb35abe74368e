"""Feeds that share their events: spaces, districts, open weekends, staff, study groups."""

import datetime as dt
from uuid import UUID

import icalendar
import pytest
import recurring_ical_events

from openyard_platform import ids
from openyard_platform.actions import feeds
from openyard_platform.domain.people import Role
from openyard_platform.store import engine, parties
from tests.integration import people
from tests.integration.conftest import browser
from tests.integration.libical import LIBRARY, check

NOW = dt.datetime.now(dt.UTC)  # noqa: TID251 - feeds show what is near today
BASE_URL = "https://openyard.example"


def next_day(weekday: int) -> dt.datetime:
    """Ten in the morning of the city on that day of next week."""
    ten = NOW.replace(hour=2, minute=0, second=0, microsecond=0)
    return ten + dt.timedelta(days=7 + weekday - ten.weekday())


class Venue:
    """A hall with a court in it and a room beside it, and slots straight in the database."""

    def __init__(self, venue_id: UUID) -> None:
        self.id = venue_id
        self.hall, self.court, self.room = ids.new(), ids.new(), ids.new()

    async def build(self) -> None:
        for space_id, name, parent in [
            (self.hall, "体育馆", None),
            (self.court, "一号场", self.hall),
            (self.room, "阅览室", None),
        ]:
            await engine.fetch(
                "INSERT INTO space (id, organisation_id, key, name, parent_id)"
                " VALUES ($1, $2, $3, $4, $5)",
                space_id,
                self.id,
                space_id.hex,
                name,
                parent,
            )

    async def offer(self, space_id: UUID, title: str, **changes) -> UUID:
        slot_id = ids.new()
        starts_at = changes.get("starts_at", next_day(5))
        await engine.fetch(
            """INSERT INTO slot (id, venue_id, external_id, version, status, space_id, kind, title,
                   programme, starts_at, ends_at, capacity, taken, created_at, updated_at)
               VALUES ($1, $2, $3, 1, 'open', $4, $5, $6, $10, $7, $8, 10, 3, $9, $9)""",
            slot_id,
            self.id,
            str(slot_id),
            space_id,
            changes.get("kind", "access"),
            title,
            starts_at,
            starts_at + dt.timedelta(hours=2),
            NOW,
            changes.get("programme"),
        )
        await feeds.refresh(BASE_URL, NOW)
        return slot_id


@pytest.fixture
async def client(app):
    async with browser(app) as made:
        made.headers["Accept-Encoding"] = "identity"
        yield made


@pytest.fixture
async def venue(app):  # noqa: ARG001 - it opens the database
    made = Venue(await people.organisation("venue"))
    await made.build()
    return made


async def read(client, address: str) -> dict[str, icalendar.Event]:
    """The events by their titles."""
    answer = await client.get(address)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    calendar = icalendar.Calendar.from_ical(answer.content)
    return {str(event["SUMMARY"]): event for event in calendar.walk("VEVENT")}


def of_space(space_id: UUID) -> str:
    return f"/spaces/{space_id}/calendar.ics"


async def test_a_space_shows_its_own_slots_and_those_inside_it(client, venue):
    await venue.offer(venue.hall, "全馆开放")
    await venue.offer(venue.court, "羽毛球")
    await venue.offer(venue.room, "自由阅读")
    assert set(await read(client, of_space(venue.hall))) == {"全馆开放", "羽毛球"}
    assert set(await read(client, of_space(venue.court))) == {"羽毛球"}
    assert set(await read(client, of_space(venue.room))) == {"自由阅读"}


async def test_a_programme_of_a_venue_has_a_calendar_of_its_own(client, venue):
    await venue.offer(venue.room, "自由阅读", programme="阅读/亲子")
    await venue.offer(venue.hall, "全馆开放")
    (row,) = await engine.fetch("SELECT key FROM organisation WHERE id = $1", venue.id)
    address = f"/venues/{row['key']}/calendar.ics"
    answer = await client.get(address, params={"programme": "阅读/亲子"})
    calendar = icalendar.Calendar.from_ical(answer.content)
    assert [str(event["SUMMARY"]) for event in calendar.walk("VEVENT")] == ["自由阅读"]
    shown = (await client.get(f"/calendars/venues/{row['key']}")).text
    assert f"{address}?programme=%E9%98%85%E8%AF%BB%2F%E4%BA%B2%E5%AD%90" in shown
    unknown = await client.get(address, params={"programme": "游泳"})
    assert unknown.status_code == 404


async def test_an_event_is_stored_once_for_all_public_feeds(client, venue):
    slot_id = await venue.offer(venue.court, "羽毛球")
    rows = await engine.fetch(
        "SELECT uid FROM feed_fragment WHERE uid LIKE '%' || $1 || '%'", str(slot_id)
    )
    assert sorted(row["uid"].partition("-")[0] for row in rows) == ["slot", "staff"]
    for address in (of_space(venue.hall), "/districts/liubei/calendar.ics"):
        assert "羽毛球" in await read(client, address)


async def test_a_slot_that_moves_changes_the_feed_it_leaves(client, venue):
    slot_id = await venue.offer(venue.court, "羽毛球")
    left = await client.get(of_space(venue.court))
    await engine.fetch(
        "UPDATE slot SET space_id = $2, revision = revision + 1 WHERE id = $1", slot_id, venue.room
    )
    await feeds.refresh(BASE_URL, NOW)
    answer = await client.get(
        of_space(venue.court), headers={"If-None-Match": left.headers["etag"]}
    )
    assert answer.status_code == 200
    assert "羽毛球".encode() not in answer.content
    assert set(await read(client, of_space(venue.room))) == {"羽毛球"}


async def test_what_happens_in_one_space_leaves_the_others_unchanged(client, venue):
    await venue.offer(venue.room, "自由阅读")
    known = await client.get(of_space(venue.room))
    await venue.offer(venue.court, "羽毛球")
    answer = await client.get(
        of_space(venue.room), headers={"If-None-Match": known.headers["etag"]}
    )
    assert answer.status_code == 304
    assert answer.content == b""


async def test_what_no_fact_will_bring_is_rendered_when_the_projector_starts(client, venue):
    """Facts were lost, or an older version stored its events otherwise."""
    slot_id = await venue.offer(venue.court, "羽毛球")
    await venue.offer(venue.court, "乒乓球")
    await engine.fetch("DELETE FROM feed_fragment WHERE uid LIKE $1", f"%{slot_id}%")
    await engine.fetch(
        "UPDATE feed_fragment SET slot_revision = 0, also_in = '{}', body = '' WHERE owner_id = $1",
        venue.id,
    )
    assert await feeds.refresh(BASE_URL, NOW) == 2
    assert set(await read(client, of_space(venue.hall))) == {"羽毛球", "乒乓球"}
    assert await feeds.refresh(BASE_URL, NOW) == 0


async def test_open_weekends_are_open_spaces_on_saturdays_and_sundays(client, venue):
    await venue.offer(venue.hall, f"周六 {venue.id}")
    await venue.offer(venue.hall, f"周日 {venue.id}", starts_at=next_day(6))
    await venue.offer(venue.hall, f"周五 {venue.id}", starts_at=next_day(4))
    await venue.offer(venue.hall, f"参观 {venue.id}", kind="visit")
    titles = set(await read(client, "/districts/liubei/open-weekends.ics"))
    assert {title for title in titles if str(venue.id) in title} == {
        f"周六 {venue.id}",
        f"周日 {venue.id}",
    }


@pytest.mark.parametrize(
    "address",
    [
        "/spaces/nothing/calendar.ics",
        f"/spaces/{ids.new()}/calendar.ics",
        "/districts/atlantis/calendar.ics",
        "/districts/atlantis/open-weekends.ics",
    ],
)
async def test_what_does_not_exist_is_404_and_never_a_page(client, address):
    answer = await client.get(address, headers={"Accept": "text/html"})
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/plain")


async def test_staff_see_how_many_come_and_nobody_else_does(app, client, venue):
    staff = await people.person(Role.VENUE, venue.id)
    family = await people.person(Role.FAMILY)
    await venue.offer(venue.hall, "全馆开放")
    async with staff.client(app) as own, family.client(app) as other:
        assert [feed["key"] for feed in (await own.get("/api/v1/feeds")).json()] == [
            "venue",
            "own",
        ]
        link = (await own.post("/api/v1/feeds?feed=venue")).json()
        assert (await other.post("/api/v1/feeds?feed=venue")).status_code == 404
    address = "/feeds/" + link["url"].rpartition("/")[2]
    assert set(await read(client, address)) == {"全馆开放（已约 3/10）"}

    elsewhere = await people.organisation("venue")
    await engine.fetch(
        "UPDATE account SET organisation_id = $2 WHERE id = $1", staff.account.id, elsewhere
    )
    assert (await client.get(address)).status_code == 410


async def test_a_304_costs_one_statement_that_goes_by_indexes(app, client, venue, monkeypatch):
    staff = await people.person(Role.VENUE, venue.id)
    await venue.offer(venue.court, "羽毛球")
    async with staff.client(app) as own:
        link = (await own.post("/api/v1/feeds")).json()["url"]
    addresses = [
        of_space(venue.hall),
        "/districts/liubei/calendar.ics",
        "/districts/liubei/open-weekends.ics",
        "/holidays.ics",
        "/feeds/" + link.rpartition("/")[2],
    ]
    tags = [(await client.get(address)).headers["etag"] for address in addresses]
    statements = []
    fetch = engine.fetch

    async def noted(sql, *arguments):
        statements.append((sql, arguments))
        return await fetch(sql, *arguments)

    monkeypatch.setattr(engine, "fetch", noted)
    for address, tag in zip(addresses, tags, strict=True):
        answer = await client.get(address, headers={"If-None-Match": tag})
        assert answer.status_code == 304
    monkeypatch.undo()
    assert len(statements) == len(addresses)
    for sql, arguments in statements:
        async with engine.transaction() as connection:
            # Tables of a few rows are read whole unless that is made dear.
            await connection.execute("SET LOCAL enable_seqscan = off")
            plan = await connection.fetch(f"EXPLAIN {sql}", *arguments)
        assert not any("Seq Scan" in row[0] for row in plan), sql


async def test_a_study_group_has_a_feed_of_its_own_beside_the_schools(app, client, venue):
    teacher = await people.person(Role.SCHOOL)
    async with teacher.client(app) as own:
        groups = [
            (
                await own.post(
                    "/api/v1/study-groups", json={"name": name, "grade": 3, "size": 40, "adults": 2}
                )
            ).json()["id"]
            for name in ("一班", "二班")
        ]
        slot_id = await venue.offer(venue.hall, "参观", kind="visit")
        await _reserve(teacher.account, slot_id, UUID(groups[0]))
        await feeds.refresh(BASE_URL, NOW)
        links = [
            (await own.post(f"/api/v1/feeds?feed={feed}")).json()["url"]
            for feed in ("own", *(f"group-{group}" for group in groups))
        ]
        addresses = ["/feeds/" + link.rpartition("/")[2] for link in links]
        assert [set(await read(client, address)) for address in addresses] == [
            {"参观"},
            {"参观"},
            set(),
        ]
        assert (await own.delete(f"/api/v1/study-groups/{groups[0]}")).status_code == 204
    assert (await client.get(addresses[1])).status_code == 410


async def test_every_kind_of_public_feed_is_read_whole_by_other_peoples_programs(
    app, client, venue
):
    await venue.offer(venue.court, "羽毛球, 双打; 请自带球拍")
    await venue.offer(venue.hall, "全馆开放", starts_at=next_day(6))
    supervisor = await people.person(Role.SUPERVISOR)
    async with supervisor.client(app) as own:
        for day in ("10-01", "10-02"):  # no notice may have come for this year yet
            said = {"kind": "holiday", "notice": "国庆节"}
            await own.put(f"/api/v1/calendar-days/{NOW.year}-{day}", json=said)
    for address in (
        of_space(venue.hall),
        "/districts/liubei/calendar.ics",
        "/districts/liubei/open-weekends.ics",
        "/holidays.ics",
    ):
        data = (await client.get(address)).content
        calendar = icalendar.Calendar.from_ical(data)
        events = calendar.walk("VEVENT")
        assert not any(event.errors for event in events)
        year = NOW.year
        occurrences = recurring_ical_events.of(calendar).between((year - 2,), (year + 3,))
        assert len(occurrences) == len(events) > 1
        assert LIBRARY is None or check(data) == (True, 0)


async def test_what_a_school_has_reserved_is_not_in_the_public_feed_of_its_own_slots(app, client):
    teacher = await people.person(Role.SCHOOL)
    school = Venue(teacher.account.organisation_id)
    await school.build()
    await school.offer(school.hall, "校园开放")
    elsewhere = Venue(await people.organisation("venue"))
    await elsewhere.build()
    slot_id = await elsewhere.offer(elsewhere.hall, "参观", kind="visit")
    await _reserve(teacher.account, slot_id, ids.new())
    await feeds.refresh(BASE_URL, NOW)
    async with teacher.client(app) as own:
        link = (await own.post("/api/v1/feeds")).json()["url"]
    (row,) = await engine.fetch("SELECT key FROM organisation WHERE id = $1", school.id)
    assert set(await read(client, f"/venues/{row['key']}/calendar.ics")) == {"校园开放"}
    assert set(await read(client, "/feeds/" + link.rpartition("/")[2])) == {"参观"}


async def _reserve(account, slot_id: UUID, group_id: UUID) -> None:
    async with engine.transaction():
        await parties.insert([group_id])
    await engine.fetch(
        """INSERT INTO reservation (id, slot_id, account_id, holder_id, party_nos, seats, held,
               status, position, created_at, updated_at)
           SELECT $1, $2, $3, $4, ARRAY[p.no], 40, 40, 'confirmed', 1, $6, $6
           FROM party p WHERE p.ref = $5""",
        ids.new(),
        slot_id,
        account.id,
        account.organisation_id,
        group_id,
        NOW,
    )
