"""A venue's slots over HTTP: through the bus, the intake and the deciders, and back."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator

import httpx
import msgspec
import pytest

from openyard_events import bus
from openyard_events.contracts import SlotOffered
from openyard_events.publisher import SlotPublisher, VenuePublisher
from openyard_infra.embedded.nats import Nats
from openyard_platform.domain.people import Role
from openyard_platform.store import engine, partitions
from openyard_workers.deciders import Decider
from openyard_workers.intake import Intake
from tests.integration import people

SECRET = uuid.uuid4().hex * 2
SLOTS = "/api/v1/venues/gallery/slots"
RECEIPTS = "/api/v1/venues/gallery/receipts"
HOURS = iter(range(1000))


@pytest.fixture(scope="module")
def nats(servers_directory) -> Iterator[Nats]:
    """A server of this module's own: its streams hold nothing of others."""
    server = Nats(
        servers_directory / "nats-venues",
        secret=SECRET,
        log=servers_directory / "log" / "nats-venues.log",
        venues=("gallery",),
    )
    server.start()
    yield server
    server.stop()


class Workers:
    def __init__(self, settings, nc) -> None:
        self._settings = settings
        self._nc = nc
        self._stop = asyncio.Event()
        self._tasks: list[asyncio.Task] = []

    def start(self) -> None:
        self._stop.clear()
        numbers = range(self._settings.partitions)
        works = [Intake(self._settings, self._nc)] + [
            Decider(self._settings, self._nc, number, at_home=True) for number in numbers
        ]
        self._tasks = [asyncio.create_task(work.serve(self._stop)) for work in works]

    async def stop(self) -> None:
        self._stop.set()
        await asyncio.gather(*self._tasks)


@pytest.fixture(scope="module")
async def workers(app, settings) -> AsyncIterator[Workers]:
    nc = app.state.nats
    await bus.ensure_streams(nc.jetstream(), settings.partitions)
    await partitions.ensure(settings.partitions)
    workers = Workers(settings, nc)
    workers.start()
    yield workers
    await workers.stop()


@pytest.fixture(scope="module")
async def gallery(app) -> uuid.UUID:
    """The venue, once the database is open."""
    assert app.state.nats.is_connected
    venue_id = await people.organisation("venue", "gallery")
    await engine.fetch(
        "INSERT INTO space (id, organisation_id, key, name) VALUES ($1, $2, 'hall', '大厅')",
        uuid.uuid4(),
        venue_id,
    )
    return venue_id


@pytest.fixture(scope="module")
async def staff(app, workers, gallery) -> AsyncIterator[httpx.AsyncClient]:
    assert workers is not None
    person = await people.person(Role.VENUE, gallery)
    async with person.client(app) as client:
        yield client


def body(**changes) -> dict:
    day, hour = divmod(next(HOURS), 12)
    return {
        "external_id": uuid.uuid4().hex,
        "version": 1,
        "space": "hall",
        "starts_at": f"2027-03-{day + 1:02}T{hour + 8:02}:00:00+08:00",
        "ends_at": f"2027-03-{day + 1:02}T{hour + 9:02}:00:00+08:00",
        "capacity": 40,
        "title": "周末开放",
        "audiences": ["family"],
        "party": {"max": 5},
    } | changes


async def row(external_id: str):
    return await engine.fetch_one("SELECT * FROM slot WHERE external_id = $1", external_id)


async def test_an_offered_slot_exists_when_the_answer_comes(staff):
    offered = body()

    answer = await staff.post(SLOTS, json=offered)

    stored = await row(offered["external_id"])
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"{SLOTS}/{offered['external_id']}"
    assert answer.headers["ETag"] == '"1"'
    told = answer.json()
    assert (told["status"], told["version"], told["slot_id"]) == ("accepted", 1, str(stored["id"]))


async def test_it_is_the_same_message_as_on_the_bus(staff, nats, app):
    offered = body()
    await staff.post(SLOTS, json=offered, headers={"Idempotency-Key": "over-http"})

    info = await app.state.nats.jetstream().stream_info("VENUE")
    message = await app.state.nats.jetstream().get_msg("VENUE", info.state.last_seq)
    assert message.subject == "venue.gallery.slot.offered"
    assert message.headers["ce-id"] == "over-http"
    user, password = nats.credentials("gallery")
    async with VenuePublisher(nats.address, "gallery", user=user, password=password) as venue:
        again = await venue.offer(msgspec.convert(offered, SlotOffered))
    assert (again.status, again.version) == ("duplicate", 1)


async def test_the_same_version_again_changes_nothing(staff):
    offered = body()
    await staff.post(SLOTS, json=offered)

    answer = await staff.post(SLOTS, json=offered | {"capacity": 5})

    assert (answer.status_code, answer.json()["status"]) == (200, "duplicate")
    assert (await row(offered["external_id"]))["capacity"] == 40


async def test_a_repeated_key_gives_the_first_answer(staff):
    offered, headers = body(), {"Idempotency-Key": "repeat-me"}
    first = await staff.post(SLOTS, json=offered, headers=headers)

    again = await staff.post(SLOTS, json=offered | {"version": 7}, headers=headers)

    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert (await row(offered["external_id"]))["version"] == 1


async def test_a_slot_can_be_looked_at_as_it_was_stated(staff):
    offered = body()
    await staff.post(SLOTS, json=offered)

    answer = await staff.get(f"{SLOTS}/{offered['external_id']}")

    assert answer.status_code == 200
    assert answer.headers["ETag"] == '"1"'
    stated = msgspec.convert(answer.json()["slot"], SlotOffered)
    assert stated == msgspec.convert(offered, SlotOffered)


async def test_a_patch_changes_what_it_names_and_nothing_else(staff):
    offered = body(description="old", party={"min": 2, "max": 5})
    await staff.post(SLOTS, json=offered)
    wanted = {"capacity": 50, "description": None, "party": {"max": 6}}

    answer = await staff.patch(
        f"{SLOTS}/{offered['external_id']}", json=wanted, headers={"If-Match": '"1"'}
    )

    assert (answer.status_code, answer.json()["version"]) == (200, 2)
    assert answer.headers["ETag"] == '"2"'
    stored = await row(offered["external_id"])
    assert (stored["capacity"], stored["description"]) == (50, None)
    assert (stored["party_min"], stored["party_max"]) == (2, 6)
    assert (stored["title"], stored["audiences"]) == ("周末开放", ["family"])


async def test_a_withdrawn_slot_is_closed_with_its_reason(staff):
    offered = body()
    await staff.post(SLOTS, json=offered)

    answer = await staff.delete(
        f"{SLOTS}/{offered['external_id']}", params={"reason": "雨"}, headers={"If-Match": "1"}
    )

    assert (answer.status_code, answer.json()["version"]) == (200, 2)
    stored = await row(offered["external_id"])
    assert (stored["status"], stored["reason"]) == ("withdrawn", "雨")


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
async def test_who_has_not_seen_the_last_version_is_told_so(staff, method):
    offered = body()
    await staff.post(SLOTS, json=offered | {"version": 3})
    address = f"{SLOTS}/{offered['external_id']}"
    json = {"capacity": 1} if method == "PATCH" else None

    stale = await staff.request(method, address, json=json, headers={"If-Match": '"1"'})
    blind = await staff.request(method, address, json=json)

    assert (stale.status_code, stale.json()["code"]) == (412, "stale")
    assert stale.json()["version"] == 3
    assert (blind.status_code, blind.json()["code"]) == (422, "if_match_missing")
    assert (await row(offered["external_id"]))["version"] == 3


async def test_of_two_who_change_the_same_version_one_is_told(staff):
    offered = body()
    await staff.post(SLOTS, json=offered)
    address = f"{SLOTS}/{offered['external_id']}"

    both = await asyncio.gather(
        *(
            staff.patch(address, json={"capacity": seats}, headers={"If-Match": '"1"'})
            for seats in (11, 12)
        )
    )

    assert sorted(answer.status_code for answer in both) == [200, 412]


async def test_a_repeated_change_gives_the_first_answer(staff):
    offered = body()
    await staff.post(SLOTS, json=offered)
    headers = {"If-Match": '"1"', "Idempotency-Key": uuid.uuid4().hex}
    address = f"{SLOTS}/{offered['external_id']}"

    first = await staff.patch(address, json={"capacity": 9}, headers=headers)
    again = await staff.patch(address, json={"capacity": 9}, headers=headers)

    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == again.json()


async def test_what_the_platform_refuses_is_a_conflict_with_its_reasons(staff):
    offered = body()
    await staff.post(SLOTS, json=offered)

    answer = await staff.post(SLOTS, json=offered | {"external_id": "other"})

    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (409, "slot_refused")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert [error["code"] for error in problem["errors"]] == ["space_occupied"]
    receipt = await staff.get(f"{RECEIPTS}/{problem['receipt']}")
    assert receipt.json()["status"] == "refused"


@pytest.mark.parametrize(
    ("changes", "path", "code"),
    [
        ({"seats": 1}, "seats", "unknown_field"),
        ({"capacity": "40"}, "capacity", "wrong_type"),
        ({"capacity": -1}, "capacity", "out_of_range"),
        ({"ends_at": "2027-03-01T07:00:00+08:00"}, "ends_at", "ends_before_start"),
        ({"starts_at": "2027-03-01T07:00:00"}, "starts_at", "zone_missing"),
    ],
)
async def test_what_has_no_right_form_is_not_even_published(staff, app, changes, path, code):
    js = app.state.nats.jetstream()
    before = (await js.stream_info("VENUE")).state.last_seq

    answer = await staff.post(SLOTS, json=body() | changes)

    assert answer.status_code == 422
    assert [(one["path"], one["code"]) for one in answer.json()["errors"]] == [(path, code)]
    assert (await js.stream_info("VENUE")).state.last_seq == before


@pytest.mark.parametrize(
    "patch", [{"version": 9}, {"external_id": "x"}, {"title": None}, {"party": 3}, {"zzz": 1}]
)
async def test_a_patch_that_makes_no_slot_is_refused(staff, patch):
    offered = body()
    await staff.post(SLOTS, json=offered)

    answer = await staff.patch(
        f"{SLOTS}/{offered['external_id']}", json=patch, headers={"If-Match": '"1"'}
    )

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["path"] == next(iter(patch))


async def test_an_illegal_key_is_refused(staff):
    answer = await staff.post(SLOTS, json=body(), headers={"Idempotency-Key": "a b"})
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_illegal")


@pytest.mark.parametrize("external_id", ["unknown", "%00", "x" * 300])
async def test_an_unknown_slot_is_not_found(staff, external_id):
    headers = {"If-Match": '"1"'}
    address = f"{SLOTS}/{external_id}"

    assert (await staff.get(address)).status_code == 404
    assert (await staff.patch(address, json={}, headers=headers)).status_code == 404
    assert (await staff.delete(address, headers=headers)).status_code == 404


async def test_another_venues_things_are_not_found(app, staff):
    offered = body()
    await staff.post(SLOTS, json=offered, headers={"Idempotency-Key": "foreign"})
    person = await people.person(Role.VENUE)
    address = f"{SLOTS}/{offered['external_id']}"
    headers = {"If-Match": '"1"'}

    async with person.client(app) as stranger:
        answers = [
            await stranger.post(SLOTS, json=body()),
            await stranger.get(address),
            await stranger.patch(address, json={"capacity": 1}, headers=headers),
            await stranger.delete(address, headers=headers),
            await stranger.get(RECEIPTS),
            await stranger.get(f"{RECEIPTS}/foreign"),
        ]

    assert [answer.status_code for answer in answers] == [404] * 6
    assert (await row(offered["external_id"]))["version"] == 1


async def test_who_only_checks_tickets_changes_no_slot(app, gallery):
    person = await people.person(Role.VENUE, gallery)
    await engine.fetch("UPDATE account SET staff_role = 'checker' WHERE id = $1", person.account.id)

    async with person.client(app) as checker:
        answer = await checker.post(SLOTS, json=body())
        receipts = await checker.get(RECEIPTS)

    assert (answer.status_code, receipts.status_code) == (403, 200)


async def test_receipts_come_in_pages_the_newest_first(staff):
    keys = [f"page-{number}" for number in range(5)]
    for key in keys:
        await staff.post(SLOTS, json=body(), headers={"Idempotency-Key": key})

    seen, cursor = [], None
    for _ in range(3):
        params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await staff.get(RECEIPTS, params=params)).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]

    assert seen[:5] == keys[::-1]
    one = (await staff.get(f"{RECEIPTS}/page-3")).json()
    assert (one["id"], one["status"]) == ("page-3", "accepted")


@pytest.mark.parametrize("cursor", ["x", "!!", "MjAyNg", "%00"])
async def test_a_cursor_that_is_none_of_ours_is_refused(staff, cursor):
    answer = await staff.get(f"{RECEIPTS}?cursor={cursor}")
    assert (answer.status_code, answer.json()["code"]) == (422, "parameter_invalid")


async def test_an_unknown_receipt_is_not_found(staff):
    assert (await staff.get(f"{RECEIPTS}/none")).status_code == 404
    assert (await staff.get(f"{RECEIPTS}/a%20b")).status_code == 404


async def test_while_nobody_decides_the_answer_is_where_to_look_for_it(app, staff, workers):
    await workers.stop()
    patient = app.state.slot_publisher
    app.state.slot_publisher = SlotPublisher(app.state.nats, patience=0.3)
    offered = body()

    answer = await staff.post(SLOTS, json=offered, headers={"Idempotency-Key": "later"})
    receipt = answer.headers["Location"]
    early = await staff.get(receipt)
    workers.start()
    async with asyncio.timeout(10):
        while (await staff.get(receipt)).status_code == 404:  # noqa: ASYNC110
            await asyncio.sleep(0.05)

    assert (answer.status_code, answer.json()["status"]) == (202, "published")
    assert early.status_code == 404
    assert (await staff.get(receipt)).json()["status"] == "accepted"
    app.state.slot_publisher = patient


async def test_while_the_bus_takes_nothing_the_answer_is_to_try_again(app, staff):
    patient = app.state.slot_publisher
    app.state.slot_publisher = SlotPublisher(app.state.nats, patience=0.5)
    js = app.state.nats.jetstream()
    await js.update_stream(name="VENUE", subjects=["elsewhere.>"], duplicate_window=0.1)

    answer = await staff.post(SLOTS, json=body())

    await bus.ensure_streams(js, 4)
    app.state.slot_publisher = patient
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert "Retry-After" in answer.headers
