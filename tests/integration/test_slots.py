"""Slots as everybody reads them: searched, one by one, and live."""

import asyncio
from contextlib import asynccontextmanager
from uuid import UUID

import httpx
import msgspec
import pytest

from openyard_events import bus
from openyard_platform import ids
from openyard_platform.domain.errors import Invalid
from openyard_platform.store import engine, seats, slots
from openyard_platform.store.slots import Search
from openyard_platform.web import live
from tests.integration import slots_stage as stage
from tests.integration.conftest import browser

pytestmark = pytest.mark.usefixtures("app")


async def found(**wanted) -> list[UUID]:
    page = await slots.search(Search(**{"since": stage.at(0, 0)} | wanted), limit=100)
    return [slot.id for slot in page.slots]


async def test_slots_come_in_order_of_their_start():
    venue = await stage.venue()
    late, early = await stage.slot(venue, starts_at=stage.at(7)), await stage.slot(venue)
    assert await found(venue=venue.key) == [early, late]


async def test_withdrawn_slots_and_tombstones_are_not_found():
    venue = await stage.venue()
    await stage.slot(venue, status="withdrawn")
    tombstone = await stage.slot(venue, status="withdrawn", capacity=0)
    await engine.fetch(
        "UPDATE slot SET starts_at = NULL, ends_at = NULL, space_id = NULL WHERE id = $1",
        tombstone,
    )
    assert await found(venue=venue.key) == []
    assert await slots.find(tombstone) is None


async def test_busy_time_is_not_found_by_anybody(app):
    """Neither searched, nor by its id, nor live, nor in the place of another slot."""
    venue = await stage.venue()
    busy = await stage.slot(venue, kind="busy", title="内部会议")
    shown = await stage.slot(venue, starts_at=stage.at(5, 14))

    assert await found(venue=venue.key) == [shown]
    assert await found(venue=venue.key, kind="busy") == []
    assert await slots.find(busy) is None
    assert await slots.find_many([busy]) == {}
    assert await seats.of_slots([busy]) == []
    assert await slots.similar(busy, 1, ["family"], stage.at(0), 5) == []
    others = await slots.similar(shown, 1, ["family"], stage.at(0), 5)
    assert busy not in [other.id for other in others]
    async with browser(app) as client:
        for path in (f"/api/v1/slots/{busy}", f"/api/v1/slots/{busy}/live", f"/slots/{busy}"):
            assert (await client.get(path)).status_code == 404
        for path in ("/", "/slots", f"/slots?venue={venue.key}", "/slots?kind=busy"):
            page = (await client.get(path)).text
            assert "内部会议" not in page
            assert "场馆自用" not in page


async def test_the_time_is_a_half_open_stretch():
    venue = await stage.venue()
    first = await stage.slot(venue, starts_at=stage.at(5, 9))
    await stage.slot(venue, starts_at=stage.at(5, 10))
    assert await found(venue=venue.key, since=stage.at(5, 9), until=stage.at(5, 10)) == [first]


async def test_district_category_kind_and_venue_narrow_the_search():
    library = await stage.venue(district="sanjiang", category="library")
    hall = await stage.venue(district="sanjiang", category="science_hall")
    one = await stage.slot(library, kind="visit")
    other = await stage.slot(hall, kind="activity")
    assert set(await found(district="sanjiang")) == {one, other}
    assert await found(district="sanjiang", category="science_hall") == [other]
    assert await found(district="sanjiang", kind="visit") == [one]
    assert await found(venue=hall.key) == [other]


async def test_a_slot_that_names_no_audience_is_for_all():
    venue = await stage.venue()
    for_all = await stage.slot(venue)
    await stage.slot(venue, audiences=["school"])
    families = await stage.slot(venue, audiences=["family", "resident"])
    assert set(await found(venue=venue.key, audience="family")) == {for_all, families}


@pytest.mark.parametrize(
    ("changes", "fits"),
    [
        ({}, True),
        ({"taken": 36}, True),
        ({"taken": 37}, False),
        ({"waiting": 1}, False),
        ({"exclusive": True}, True),
        ({"exclusive": True, "taken": 40}, False),
        ({"party_min": 5}, False),
        ({"party_max": 3}, False),
    ],
)
async def test_seats_are_those_that_a_party_would_get_at_once(changes, fits):
    venue = await stage.venue()
    slot = await stage.slot(venue, **changes)
    assert await found(venue=venue.key, seats=4) == ([slot] if fits else [])


async def test_all_words_must_occur_somewhere():
    venue = await stage.venue(name="市科技馆")
    slot = await stage.slot(venue, title="机器人工坊", programme="科学教育")
    for text in ("机器人", "科技馆 机器人", "大厅 科学", "中山路"):
        assert await found(venue=venue.key, words=tuple(text.split())) == [slot], text
    assert await found(venue=venue.key, words=("机器人", "篮球")) == []


@pytest.mark.parametrize("word", ["%", "_", "\\", "'", "机_人"])
async def test_the_wildcards_of_sql_are_letters_like_any_other(word):
    venue = await stage.venue()
    await stage.slot(venue, title="机器人")
    marked = await stage.slot(venue, title=f"题目{word}")
    assert await found(venue=venue.key, words=(word,)) == [marked]


async def test_pages_follow_on_one_another_without_gap_or_repeat():
    """Many begin at the same moment, as they do on a Saturday at nine."""
    venue = await stage.venue()
    made = {await stage.slot(venue, starts_at=stage.at(5 + n // 4)) for n in range(11)}
    seen, cursor = [], None
    while True:
        wanted = Search(since=stage.at(0), venue=venue.key)
        page = await slots.search(wanted, cursor=cursor, limit=3)
        seen += [slot.id for slot in page.slots]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert len(seen) == len(made)
    assert set(seen) == made


async def test_a_foreign_cursor_is_refused():
    with pytest.raises(Invalid):
        await slots.search(Search(since=stage.at(0)), cursor="AAAA")


async def test_the_api_tells_a_slot_in_full(app):
    venue = await stage.venue()
    slot = await stage.slot(venue, taken=38, party_max=6, cancel_until_hours=24)
    async with browser(app) as client:
        told = (await client.get(f"/api/v1/slots/{slot}")).json()
    assert told["venue"] == {
        "key": venue.key,
        "name": "市图书馆",
        "district": "liubei",
        "district_name": "柳北区",
        "category": "library",
        "address": "中山路 1 号",
    }
    assert (told["remaining"], told["capacity"], told["state"]) == (2, 40, "open")
    assert told["starts_at"] == stage.at(5).isoformat()
    assert told["starts_at"].endswith("+08:00")
    assert told["cancel_until"] == stage.at(4).isoformat()
    assert told["party"] == {"min": None, "max": 6, "chaperones_per": None, "adults_count": False}


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"status": "withdrawn"}, "withdrawn"),
        ({"starts_at": stage.at(-1)}, "started"),
        ({"closes_at": stage.at(-1)}, "closed"),
        ({"opens_at": stage.at(1)}, "not_yet_open"),
        ({"taken": 40}, "full"),
        ({"waiting": 2}, "full"),
        ({}, "open"),
    ],
)
async def test_the_state_is_what_a_newcomer_would_meet(app, changes, state):
    slot = await stage.slot(await stage.venue(), **changes)
    async with browser(app) as client:
        assert (await client.get(f"/api/v1/slots/{slot}")).json()["state"] == state


async def test_an_unknown_slot_is_not_found(app):
    async with browser(app) as client:
        answer = await client.get(f"/api/v1/slots/{ids.new()}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=101",
        "limit=many",
        "seats=0",
        "audience=everybody",
        "kind=party",
        "category=castle",
        "district=a%20b",
        "district=*",
        "from=tomorrow",
        "from=2026-11-28T09:00:00",
        "from=0001-01-01",
        "from=2026-11-28&to=2026-11-28",
        "cursor=nonsense",
        "cursor=" + "A" * 100,
        "q=" + "x" * 101,
        "q=%00",
        "page=2",
        "limit=5&limit=6",
    ],
)
async def test_a_wrong_parameter_is_told_and_never_guessed(app, query):
    async with browser(app) as client:
        answer = await client.get(f"/api/v1/slots?{query}")
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


async def test_the_api_pages_by_its_cursor(app):
    venue = await stage.venue()
    made = [await stage.slot(venue, starts_at=stage.at(5 + n)) for n in range(3)]
    async with browser(app) as client:
        query = f"/api/v1/slots?venue={venue.key}&limit=2"
        first = (await client.get(query)).json()
        second = (await client.get(f"{query}&cursor={first['next_cursor']}")).json()
    ids_seen = [item["id"] for item in first["items"] + second["items"]]
    assert ids_seen == [str(slot) for slot in made]
    assert second["next_cursor"] is None


async def test_a_day_is_one_of_the_citys_calendar(app):
    venue = await stage.venue()
    slot = await stage.slot(venue, starts_at=stage.at(6, 1))
    day, after = stage.at(6).date(), stage.at(7).date()
    async with browser(app) as client:
        told = await client.get(f"/api/v1/slots?venue={venue.key}&from={day}&to={after}")
    assert [item["id"] for item in told.json()["items"]] == [str(slot)]


class Reader:
    """One that speaks ASGI itself: what httpx would only show when all is over."""

    def __init__(self, app, slot_id: UUID, headers: dict[str, str] | None = None) -> None:
        self.sent: asyncio.Queue[dict] = asyncio.Queue()
        self.gone = asyncio.Event()
        given = {"host": "127.0.0.1:8000"} | (headers or {})
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": f"/api/v1/slots/{slot_id}/live",
            "raw_path": f"/api/v1/slots/{slot_id}/live".encode(),
            "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in given.items()],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 8000),
            "extensions": {},
        }
        self.task = asyncio.create_task(app(scope, self._receive, self.sent.put))

    async def _receive(self) -> dict:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def start(self) -> int:
        message = await asyncio.wait_for(self.sent.get(), 5)
        return message["status"]

    async def event(self) -> tuple[str, dict]:
        message = await asyncio.wait_for(self.sent.get(), 5)
        head, _, data = message["body"].decode().strip().split("\n")
        name = head.removeprefix("event: ")
        return name, msgspec.json.decode(data.removeprefix("data: "))


@asynccontextmanager
async def reading(app, slot_id: UUID, **headers: str):
    reader = Reader(app, slot_id, headers)
    try:
        yield reader
    finally:
        reader.gone.set()
        await asyncio.wait_for(reader.task, 5)


async def publish(settings, slot_id: UUID, revision: int, taken: int, kind: str) -> None:
    """A fact as the relay publishes it; live pages read any of them."""
    nc = await bus.connect(settings.nats_url, name="test")
    fact = {
        "type": f"openyard.{kind}.v1",
        "slot_id": slot_id,
        "slot_revision": revision,
        "capacity": 40,
        "taken": taken,
        "waiting": 0,
        "venue_key": "alpha",
    }
    await nc.publish(f"fact.liubei.{kind}", msgspec.json.encode(fact))
    await nc.flush()
    await nc.close()


async def test_live_begins_with_how_it_stands(app):
    slot = await stage.slot(await stage.venue(), taken=12)
    async with reading(app, slot) as reader:
        assert await reader.start() == 200
        name, told = await reader.event()
    assert name == "snapshot"
    assert (told["remaining"], told["capacity"], told["slot_id"]) == (28, 40, str(slot))


async def test_live_tells_what_a_fact_changes_and_drops_older_ones(app, settings):
    slot = await stage.slot(await stage.venue(), taken=12, revision=5)
    async with reading(app, slot) as reader:
        await reader.start()
        await reader.event()
        await publish(settings, slot, 4, 1, "reservation.confirmed")
        await publish(settings, slot, 7, 14, "reservation.confirmed")
        assert (await reader.event())[1]["taken"] == 14
        await publish(settings, slot, 8, 0, "slot.closed")
        assert (await reader.event())[1]["status"] == "withdrawn"


async def test_live_gives_many_facts_in_one_update(app):
    """At most four a second, and always the newest."""
    slot = await stage.slot(await stage.venue())
    hub: live.Hub = app.state.live
    async with reading(app, slot) as reader:
        await reader.start()
        await reader.event()
        for revision in range(2, 42):
            hub.tell(
                seats.Seats(
                    slot_id=slot,
                    revision=revision,
                    status="open",
                    capacity=40,
                    taken=revision - 1,
                    waiting=0,
                )
            )
        assert (await reader.event())[1]["taken"] == 40
        await asyncio.sleep(2 * live.GAP)
        assert reader.sent.empty()


async def test_a_fact_that_was_lost_is_made_good_by_the_sweep(app):
    slot = await stage.slot(await stage.venue())
    async with reading(app, slot) as reader:
        await reader.start()
        await reader.event()
        await engine.fetch("UPDATE slot SET taken = 9, revision = 2 WHERE id = $1", slot)
        await app.state.live.sweep()
        assert (await reader.event())[1]["taken"] == 9


async def test_a_live_reader_that_leaves_is_forgotten(app):
    slot = await stage.slot(await stage.venue())
    async with reading(app, slot) as reader:
        await reader.start()
        assert app.state.live.readers == 1
    assert app.state.live.readers == 0


async def test_a_reader_that_does_not_read_is_dropped(app, monkeypatch):
    monkeypatch.setattr(live, "PATIENCE", 0.05)
    slot = await stage.slot(await stage.venue())
    stuck = asyncio.Event()

    async def send(message) -> None:
        del message
        await stuck.wait()

    stream = live.Stream(app.state.live, slot, "10.0.0.1")
    await asyncio.wait_for(stream({"type": "http"}, stuck.wait, send), 5)
    assert app.state.live.readers == 0


async def test_live_sends_a_heartbeat_while_nothing_happens(app, monkeypatch):
    monkeypatch.setattr(live, "HEARTBEAT", 0.05)
    slot = await stage.slot(await stage.venue())
    async with reading(app, slot) as reader:
        await reader.start()
        await reader.event()
        beat = await asyncio.wait_for(reader.sent.get(), 5)
    assert beat["body"] == b":\n\n"


@pytest.mark.parametrize(
    "headers", [{"origin": "https://example.org"}, {"sec-fetch-site": "cross-site"}]
)
async def test_another_site_may_not_open_live_seats(app, headers):
    """ASVS 4.4.2: the origin of a long-lived connection is checked."""
    slot = await stage.slot(await stage.venue())
    async with reading(app, slot, **headers) as reader:
        assert await reader.start() == 403


async def test_beyond_the_cap_a_reader_is_told_when_to_come_back(app, monkeypatch):
    monkeypatch.setattr(live, "PER_ADDRESS", 0)
    slot = await stage.slot(await stage.venue())
    async with browser(app) as client:
        answer = await client.get(f"/api/v1/slots/{slot}/live")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "30")
    monkeypatch.setattr(live, "PER_PROCESS", 0)
    async with browser(app) as client:
        answer = await client.get(f"/api/v1/slots/{slot}/live")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")


async def test_live_seats_of_no_slot_are_not_found(app):
    async with browser(app) as client:
        answer: httpx.Response = await client.get(f"/api/v1/slots/{ids.new()}/live")
    assert answer.status_code == 404
