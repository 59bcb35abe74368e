"""Opening schedules over HTTP, and the slots that follow through the bus."""

import asyncio
import datetime as dt
import uuid
from collections.abc import AsyncIterator, Iterator

import httpx
import msgspec
import pytest

from openyard_calendars import day_kinds
from openyard_events import bus
from openyard_events.slot_publisher import SlotPublisher
from openyard_infra.embedded.nats import Nats
from openyard_platform import clock
from openyard_platform.actions import calendar_days, schedule_slots
from openyard_platform.domain.people import Role
from openyard_platform.domain.schedule_slots import PROVISIONAL, REASON
from openyard_platform.store import engine, partitions
from openyard_workers.deciders import Decider
from openyard_workers.intake import Intake
from openyard_workers.jobs import schedules as job
from tests.integration import people

SECRET = uuid.uuid4().hex * 2
URL = "/api/v1/venues/gallery/schedules"
# A Saturday; what is published is what a horizon of eight weeks from here holds.
NOW = dt.datetime(2026, 3, 7, 0, 0, tzinfo=dt.UTC)
ROOMS = iter(range(100))


@pytest.fixture(scope="module")
def nats(servers_directory) -> Iterator[Nats]:
    """A server of this module's own: its streams hold nothing of others."""
    server = Nats(
        servers_directory / "nats-schedules",
        secret=SECRET,
        log=servers_directory / "log" / "nats-schedules.log",
        venues=("gallery",),
    )
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
async def venue(app, settings) -> AsyncIterator[uuid.UUID]:
    """The venue, with the platform's workers behind it."""
    nc = app.state.nats
    await bus.ensure_streams(nc.jetstream(), settings.partitions)
    await partitions.ensure(settings.partitions)
    venue_id = await people.organisation("venue", "gallery")
    stop = asyncio.Event()
    works = [Intake(settings, nc)] + [
        Decider(settings, nc, number, at_home=True) for number in range(settings.partitions)
    ]
    tasks = [asyncio.create_task(work.serve(stop)) for work in works]
    yield venue_id
    stop.set()
    await asyncio.gather(*tasks)


@pytest.fixture(scope="module")
async def staff(app, venue) -> AsyncIterator[httpx.AsyncClient]:
    person = await people.person(Role.VENUE, venue)
    async with person.client(app) as client:
        yield client


@pytest.fixture(scope="module")
def publisher(app) -> SlotPublisher:
    return SlotPublisher(app.state.nats, patience=10, now=clock.now)


@pytest.fixture
async def room(venue) -> str:
    """A space of the test's own; what earlier tests stated is forgotten."""
    await engine.fetch("DELETE FROM opening_schedule")
    key = f"room-{next(ROOMS)}"
    await engine.fetch(
        "INSERT INTO space (id, organisation_id, key, name) VALUES ($1, $2, $3, $3)",
        *(uuid.uuid4(), venue, key),
    )
    return key


def body(room: str, **changes) -> dict:
    return {
        "title": "周末开放",
        "spaces": [room],
        "rrule": "FREQ=WEEKLY;BYDAY=SA,SU",
        "starts_on": "2026-03-01",
        "ends_on": "2026-03-31",
        "from": "09:00",
        "to": "11:00",
        "slot_minutes": 60,
        "capacity": 20,
        "audiences": ["family"],
        "day_policy": {"adjusted_workday": "closed", "holiday": "as_rule", "exam_day": "closed"},
    } | changes


async def stated(staff: httpx.AsyncClient, room: str, **changes) -> str:
    answer = await staff.post(URL, json=body(room, **changes))
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


async def worked(publisher: SlotPublisher, now: dt.datetime = NOW) -> None:
    """Everything that is due is in being, as seen at ``now``."""
    await engine.fetch("UPDATE opening_schedule SET due_at = $1 WHERE due_at > $1", now)
    while await schedule_slots.work(publisher, lambda: now):
        pass


async def slots(room: str, status: str = "open") -> dict[str, list[str]]:
    """Days of the room's slots, each with its hours."""
    rows = await engine.fetch(
        """SELECT s.starts_at FROM slot s JOIN space sp ON sp.id = s.space_id
           WHERE sp.key = $1 AND s.status = $2 ORDER BY s.starts_at""",
        *(room, status),
    )
    found: dict[str, list[str]] = {}
    for row in rows:
        local = row["starts_at"].astimezone(clock.SHANGHAI)
        found.setdefault(f"{local:%m-%d}", []).append(f"{local:%H:%M}")
    return found


async def provisional(room: str) -> int:
    """How many open slots of the room say that the year's days are not known yet."""
    rows = await engine.fetch(
        """SELECT s.id FROM slot s JOIN space sp ON sp.id = s.space_id
           WHERE sp.key = $1 AND s.status = 'open' AND s.description = $2""",
        *(room, PROVISIONAL),
    )
    return len(rows)


async def reserve(room: str, day: str) -> None:
    """As if somebody had a seat on the day's first slot."""
    await engine.fetch(
        """UPDATE slot SET taken = 2 WHERE id = (
               SELECT s.id FROM slot s JOIN space sp ON sp.id = s.space_id
               WHERE sp.key = $1 AND s.starts_at::date = $2 ORDER BY s.starts_at LIMIT 1)""",
        *(room, dt.date.fromisoformat(day)),
    )


async def test_a_preview_shows_a_past_year_whole_with_a_reason_for_each_skipped_day(staff, room):
    plan = body(room, starts_on="2025-01-01", ends_on="2026-12-31", to="10:00")
    answer = await staff.post(f"{URL}/preview", json=plan)

    assert answer.status_code == 200
    told = answer.json()
    days = [slot["starts_at"][:10] for slot in told["slots"] if slot["starts_at"][:4] == "2026"]
    assert len(days) == 98
    skipped = [(day["date"], day["reason"]) for day in told["skipped"] if day["date"][:4] == "2026"]
    assert skipped == [
        (f"2026-{day}", "adjusted_workday")
        for day in ("01-04", "02-14", "02-28", "05-09", "09-20", "10-10")
    ]
    assert told["slots"][0]["starts_at"] == "2025-01-04T09:00:00+08:00"
    assert (await staff.get(URL)).json()["items"] == []


async def test_a_year_without_notice_is_shown_as_provisional(staff, room):
    plan = body(room, starts_on="2031-10-01", ends_on="2031-10-31")
    told = (await staff.post(f"{URL}/preview", json=plan)).json()

    assert {slot["provisional"] for slot in told["slots"]} == {True}


async def test_a_schedule_becomes_slots_within_its_horizon(staff, room, publisher):
    made = await stated(staff, room, ends_on="2026-12-31", horizon_weeks=2)

    await worked(publisher)

    assert await slots(room) == {
        "03-07": ["09:00", "10:00"],
        "03-08": ["09:00", "10:00"],
        "03-14": ["09:00", "10:00"],
        "03-15": ["09:00", "10:00"],
    }
    row = await engine.fetch_one(
        "SELECT * FROM slot WHERE external_id = $1", f"schedule:{made}:2026-03-14:{room}:1"
    )
    assert (row["version"], row["capacity"], row["audiences"]) == (1, 20, ["family"])


async def test_the_horizon_moves_on_and_nothing_else_is_published_again(staff, room, publisher):
    await stated(staff, room, horizon_weeks=1)
    await worked(publisher)
    before = await engine.fetch("SELECT id FROM receipt")

    await worked(publisher)
    same = await engine.fetch("SELECT id FROM receipt")
    await worked(publisher, NOW + dt.timedelta(days=7))

    assert len(same) == len(before)
    assert list(await slots(room)) == ["03-07", "03-08", "03-14", "03-15"]


async def test_a_change_moves_free_slots_and_keeps_reserved_ones(staff, room, publisher):
    made = await stated(staff, room)
    await worked(publisher)
    await reserve(room, "2026-03-14")

    answer = await staff.patch(
        f"{URL}/{made}", json={"from": "10:00", "to": "12:00"}, headers={"If-Match": '"1"'}
    )
    await worked(publisher)

    assert (answer.status_code, answer.headers["ETag"]) == (200, '"2"')
    found = await slots(room)
    assert found["03-15"] == ["10:00", "11:00"]
    assert found["03-14"] == ["09:00", "11:00"]


async def test_a_preview_of_a_change_says_what_it_would_move_close_and_keep(staff, room, publisher):
    tomorrow = clock.now().astimezone(clock.SHANGHAI).date() + dt.timedelta(days=1)
    last = tomorrow + dt.timedelta(days=1)
    every_day = "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR,SA,SU"
    policies = dict.fromkeys(("adjusted_workday", "holiday", "exam_day"), "open")
    plan = body(
        room,
        rrule=every_day,
        starts_on=f"{tomorrow}",
        ends_on=f"{last}",
        day_policy=policies,
    )
    made = (await staff.post(URL, json=plan)).json()["id"]
    await worked(publisher, clock.now())
    await reserve(room, f"{tomorrow}")
    later = plan | {"from": "09:30", "to": "10:30"}

    kept = await staff.post(f"{URL}/preview", params={"replaces": made}, json=later)
    changed = await staff.post(
        f"{URL}/preview", params={"replaces": made}, json=later | {"touched": "change"}
    )
    as_new = await staff.post(f"{URL}/preview", json=later)

    diff = kept.json()["diff"]
    counts = {name: len(value) for name, value in diff.items() if isinstance(value, list)}
    assert counts == {"added": 0, "moved": 1, "changed": 0, "closed": 2, "kept": 1}
    assert diff["seats_touched"] == 0
    assert diff["kept"][0]["taken"] == 2
    diff = changed.json()["diff"]
    assert (len(diff["moved"]), len(diff["closed"]), diff["seats_touched"]) == (2, 2, 2)
    conflicts = as_new.json()["conflicts"]
    assert len(conflicts) == 2
    assert conflicts[0]["other"]["external_id"].startswith(f"schedule:{made}:")
    assert as_new.json()["diff"]["added"] == []


async def test_a_schedule_taken_away_closes_its_free_slots_only(staff, room, publisher):
    made = await stated(staff, room)
    await worked(publisher)
    await reserve(room, "2026-03-14")

    answer = await staff.delete(f"{URL}/{made}")
    await worked(publisher)

    assert answer.status_code == 204
    assert await slots(room) == {"03-14": ["09:00"]}
    assert (await staff.get(f"{URL}/{made}")).status_code == 404


async def test_a_venue_may_choose_to_close_reserved_slots_too(staff, room, publisher):
    made = await stated(staff, room)
    await worked(publisher)
    await reserve(room, "2026-03-14")

    await staff.delete(f"{URL}/{made}", params={"touched": "change"})
    await worked(publisher)

    assert await slots(room) == {}


async def test_what_people_closed_stays_closed_and_what_the_schedule_closed_comes_back(
    staff, room, publisher
):
    made = await stated(staff, room)
    await worked(publisher)
    closed = f"schedule:{made}:2026-03-14:{room}:1"
    await staff.delete(
        f"/api/v1/venues/gallery/slots/{closed}",
        params={"reason": "雨"},
        headers={"If-Match": '"1"'},
    )
    await staff.patch(
        f"{URL}/{made}", json={"exceptions": [{"date": "2026-03-15", "kind": "closed"}]}
    )
    await worked(publisher)
    without = await slots(room)
    row = await engine.fetch_one(
        "SELECT reason FROM slot WHERE external_id = $1", f"schedule:{made}:2026-03-15:{room}:1"
    )
    await staff.patch(f"{URL}/{made}", json={"exceptions": None})
    await worked(publisher)

    assert (without["03-14"], "03-15" in without, row["reason"]) == (["10:00"], False, REASON)
    found = await slots(room)
    assert (found["03-14"], found["03-15"]) == (["10:00"], ["09:00", "10:00"])


async def test_a_new_title_reaches_every_slot_and_other_schedules_are_left_alone(
    staff, room, publisher
):
    made = await stated(staff, room)
    await worked(publisher)
    before = await engine.fetch("SELECT id, revision FROM slot WHERE title = '周末开放'")

    await staff.patch(f"{URL}/{made}", json={"title": "周末阅读"})
    await worked(publisher)

    after = await engine.fetch("SELECT id, revision FROM slot WHERE title = '周末开放'")
    renamed = await engine.fetch("SELECT external_id FROM slot WHERE title = '周末阅读'")
    assert len(renamed) == len(before) - len(after)
    assert all(row["external_id"].startswith(f"schedule:{made}:") for row in renamed)
    assert set(after) <= set(before)


async def test_a_change_to_one_schedule_touches_only_its_own_slots(staff, room, publisher):
    neighbour = f"{room}-too"
    await engine.fetch(
        """INSERT INTO space (id, organisation_id, key, name)
           SELECT $1, organisation_id, $2, $2 FROM space WHERE key = $3""",
        *(uuid.uuid4(), neighbour, room),
    )
    made = await stated(staff, room)
    await stated(staff, room, **{"from": "14:00", "to": "16:00"})
    await stated(staff, neighbour)
    await worked(publisher)
    before = await revisions()
    receipts = len(await engine.fetch("SELECT id FROM receipt"))

    await staff.patch(f"{URL}/{made}", json={"from": "09:30", "to": "11:30"})
    await worked(publisher)

    after = await revisions()
    touched = {name for name, row in after.items() if row != before.get(name)}
    assert touched == {name for name in after if name.startswith(f"schedule:{made}:")}
    assert len(touched) == 16
    assert len(await engine.fetch("SELECT id FROM receipt")) == receipts + len(touched)


async def revisions() -> dict[str, int]:
    rows = await engine.fetch("SELECT external_id, revision FROM slot")
    return {row["external_id"]: row["revision"] for row in rows}


async def test_the_slots_of_a_schedule_keep_seats_and_a_change_of_them_is_noticed(
    staff, room, publisher
):
    kept = {"audience": "school", "seats": 12, "release_hours": 72}
    made = await stated(staff, room, audiences=["school", "family"], allotments=[kept])
    await worked(publisher)
    assert await allotments(room) == {("school", 12, 72, None)}
    before = await engine.fetch("SELECT id FROM receipt")
    await worked(publisher)
    assert len(await engine.fetch("SELECT id FROM receipt")) == len(before)

    capped = [kept | {"per_school": 6}]
    assert (await staff.patch(f"{URL}/{made}", json={"allotments": capped})).status_code == 200
    await worked(publisher)
    assert await allotments(room) == {("school", 12, 72, 6)}
    assert (await staff.patch(f"{URL}/{made}", json={"allotments": []})).status_code == 200
    await worked(publisher)
    assert await allotments(room) == set()


async def allotments(room: str) -> set[tuple]:
    rows = await engine.fetch(
        """SELECT a.audience, a.seats, a.release_hours, a.per_school FROM slot s
           JOIN space sp ON sp.id = s.space_id JOIN slot_allotment a ON a.slot_id = s.id
           WHERE sp.key = $1""",
        room,
    )
    return {tuple(row) for row in rows}


async def test_a_preview_shows_until_when_seats_are_kept(staff, room):
    kept = {"audience": "school", "seats": 12, "release_hours": 72, "per_school": 6}
    plan = body(room, audiences=["school", "family"], allotments=[kept])
    told = (await staff.post(f"{URL}/preview", json=plan)).json()

    first = told["slots"][0]
    assert first["starts_at"] == "2026-03-01T09:00:00+08:00"
    assert first["allotments"] == [kept | {"releases_at": "2026-02-26T09:00:00+08:00"}]


async def test_another_slot_in_the_space_is_shown_as_a_conflict_and_not_fought(
    staff, room, publisher
):
    await staff.post(
        "/api/v1/venues/gallery/slots",
        json={
            "external_id": uuid.uuid4().hex,
            "version": 1,
            "space": room,
            "starts_at": "2026-03-14T10:30:00+08:00",
            "ends_at": "2026-03-14T12:00:00+08:00",
            "capacity": 5,
            "title": "讲座",
        },
    )
    await stated(staff, room)
    refused = await engine.fetch("SELECT id FROM receipt WHERE status = 'refused'")

    told = (await staff.post(f"{URL}/preview", json=body(room))).json()
    await worked(publisher)

    assert [one["slot"]["key"] for one in told["conflicts"]] == [f"2026-03-14:{room}:2"]
    assert (await slots(room))["03-14"] == ["09:00", "10:30"]
    assert await engine.fetch("SELECT id FROM receipt WHERE status = 'refused'") == refused


async def test_what_another_schedule_will_publish_one_day_is_a_conflict_already(staff, room):
    made = await stated(staff, room, starts_on="2031-03-01", ends_on="2031-03-31")
    later = body(room, starts_on="2031-03-15", ends_on="2031-04-30", to="10:00")

    as_new = (await staff.post(f"{URL}/preview", json=later)).json()
    instead = (await staff.post(f"{URL}/preview", params={"replaces": made}, json=later)).json()

    days = [one["slot"]["starts_at"][:10] for one in as_new["conflicts"]]
    assert days == [f"2031-03-{day}" for day in (15, 16, 22, 23, 29, 30)]
    assert as_new["conflicts"][0]["other"]["external_id"] == (
        f"schedule:{made}:2031-03-15:{room}:1"
    )
    assert instead["conflicts"] == []


async def test_when_a_year_is_loaded_its_provisional_slots_follow_the_notice(
    staff, room, publisher
):
    now = dt.datetime(2031, 10, 1, tzinfo=dt.UTC)
    await stated(staff, room, starts_on="2031-10-01", ends_on="2031-10-31", to="10:00")
    await worked(publisher, now)
    before = await slots(room)
    marked = await provisional(room)

    worked_sunday, holiday = dt.date(2031, 10, 12), dt.date(2031, 10, 1)
    kinds = day_kinds.of_year(2031, {holiday}, {worked_sunday})
    await calendar_days.load_year(kinds, {}, now)
    await worked(publisher, now)

    assert (marked, "10-12" in before) == (8, True)
    after = await slots(room)
    assert set(before) - set(after) == {"10-12"}
    assert await provisional(room) == 0


async def test_the_job_works_on_what_is_due_by_itself(staff, room, settings):
    tomorrow = clock.now().astimezone(clock.SHANGHAI).date() + dt.timedelta(days=1)
    days = {"date": f"{tomorrow}", "kind": "extra"}
    await stated(staff, room, starts_on=f"{tomorrow}", ends_on=f"{tomorrow}", exceptions=[days])
    stop = asyncio.Event()
    running = asyncio.create_task(job.serve(settings, stop))

    for _ in range(100):
        if await slots(room):
            break
        await asyncio.sleep(0.05)
    stop.set()
    await running

    assert list(await slots(room)) == [f"{tomorrow:%m-%d}"]


async def test_what_gets_no_answer_is_published_a_minute_later(staff, room, publisher, app):
    tomorrow = clock.now().astimezone(clock.SHANGHAI).date() + dt.timedelta(days=1)
    last = tomorrow + dt.timedelta(days=13)
    policy = {"adjusted_workday": "as_rule"}
    await stated(staff, room, starts_on=f"{tomorrow}", ends_on=f"{last}", day_policy=policy)
    # Its patience is over before anything is sent.
    hasty = SlotPublisher(app.state.nats, patience=0.0, now=clock.now)

    assert await schedule_slots.work(hasty, clock.now)
    claim = await engine.fetch_one("SELECT due_at, claimed_until FROM opening_schedule")
    assert await slots(room) == {}

    wait = claim["due_at"] - clock.now()
    assert dt.timedelta(seconds=50) < wait <= dt.timedelta(minutes=1)
    await worked(publisher, clock.now() + dt.timedelta(minutes=1))
    assert len(await slots(room)) == 4


async def test_the_job_waits_for_a_bus_that_is_not_there(settings, caplog):
    nowhere = msgspec.structs.replace(settings, nats_url="nats://127.0.0.1:1")
    stop = asyncio.Event()
    running = asyncio.create_task(job.serve(nowhere, stop))

    while "Schedules wait" not in caplog.text:  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    stop.set()
    await running


@pytest.mark.parametrize(
    ("changes", "path", "code"),
    [
        ({"colour": "green"}, "colour", "unknown_field"),
        ({"volunteers": [{"role": "引导"}]}, "volunteers[0].needed", "missing_field"),
        (
            {"allotments": [{"audience": "school", "seats": 5, "release_hours": 72}]},
            "allotments[0].audience",
            "allotment_for_nobody",
        ),
        (
            {"allotments": [{"audience": "family", "seats": 21, "release_hours": 72}]},
            "allotments",
            "allotments_above_capacity",
        ),
        (
            {"allotments": [{"audience": "family", "seats": 0, "release_hours": 72}]},
            "allotments[0].seats",
            "out_of_range",
        ),
        ({"from": "25:00"}, "from", "wrong_format"),
        ({"from": "12:00"}, "to", "no_room"),
        ({"rrule": "FREQ=DAILY"}, "rrule", "rule_not_weekly"),
        ({"spaces": ["nowhere"]}, "spaces[0]", "space_unknown"),
        ({"day_policy": {"holiday": "perhaps"}}, "day_policy.holiday", "unknown_value"),
        ({"ends_on": "2026-02-28"}, "ends_on", "ends_before_start"),
    ],
)
@pytest.mark.parametrize("where", ["", "/preview"])
async def test_a_plan_that_makes_no_sense_is_refused_with_its_field(  # noqa: PLR0913
    staff, room, where, changes, path, code
):
    answer = await staff.post(URL + where, json=body(room, **changes))

    assert answer.status_code == 422
    assert [(one["path"], one["code"]) for one in answer.json()["errors"]] == [(path, code)]


async def test_a_change_is_checked_like_a_new_plan_and_against_its_revision(staff, room):
    made = await stated(staff, room)
    address = f"{URL}/{made}"

    wrong = await staff.patch(address, json={"capacity": 0})
    foolish = await staff.patch(address, json={"to": "09:10"})
    stale = await staff.patch(address, json={"capacity": 5}, headers={"If-Match": '"7"'})
    odd = await staff.patch(address, json={"capacity": 5}, headers={"If-Match": "seven"})
    fine = await staff.patch(address, json={"capacity": 5}, headers={"If-Match": "*"})

    assert [one.status_code for one in (wrong, foolish, stale, odd)] == [422, 422, 412, 422]
    assert fine.json()["capacity"] == 5
    looked = await staff.get(address)
    wanted = body(room, capacity=5)
    assert {name: looked.json()[name] for name in wanted} == wanted
    assert (looked.json()["revision"], looked.headers["ETag"]) == (2, '"2"')


async def test_only_owners_and_schedulers_of_the_venue_see_and_change_schedules(app, venue, room):
    checker = await people.person(Role.VENUE, venue)
    await engine.fetch(
        "UPDATE account SET staff_role = 'checker' WHERE id = $1", checker.account.id
    )
    stranger = await people.person(Role.VENUE)
    answers = []
    for person in (checker, stranger):
        async with person.client(app) as client:
            answers += [
                (await client.get(URL)).status_code,
                (await client.post(URL, json=body(room))).status_code,
                (await client.post(f"{URL}/preview", json=body(room))).status_code,
            ]

    assert answers == [403, 403, 403, 404, 404, 404]


async def test_volunteers_sign_up_for_shifts_beside_the_slots(app, staff, room, publisher):
    volunteers = [{"role": "引导", "needed": 2}]
    await stated(staff, room, ends_on="2026-03-07", volunteers=volunteers)
    await worked(publisher)
    rows = await engine.fetch(
        """SELECT s.id, s.kind, s.title, s.capacity FROM slot s JOIN space sp ON sp.id = s.space_id
           WHERE sp.key = $1 ORDER BY s.starts_at, s.kind""",
        room,
    )
    assert [(row["kind"], row["title"], row["capacity"]) for row in rows[:2]] == [
        ("access", "周末开放", 20),
        ("shift", "周末开放 · 引导", 2),
    ]
    assert [row["kind"] for row in rows] == ["access", "shift"] * (len(rows) // 2)
    volunteer = await people.person(Role.VOLUNTEER)
    async with volunteer.client(app) as client:
        found = await client.get("/api/v1/slots", params={"from": "2026-03-01", "kind": "shift"})
        assert str(rows[1]["id"]) in {one["id"] for one in found.json()["items"]}
