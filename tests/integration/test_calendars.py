"""Calendars over HTTP: what programs that subscribe to them see, and never see."""

import asyncio
import datetime as dt
import gzip

import icalendar
import pytest

from openyard_platform import ids
from openyard_platform.actions import feed_links
from openyard_platform.actions import feeds as feed_actions
from openyard_platform.domain.people import Role
from openyard_platform.store import engine
from openyard_platform.store import feed_states as states
from openyard_platform.store import feeds as records
from openyard_platform.store.feeds import Fragment
from openyard_platform.web.feed_bodies import Bodies
from tests.integration import people
from tests.integration.conftest import browser

NOW = dt.datetime.now(dt.UTC)  # noqa: TID251 - feeds show what is near today


@pytest.fixture
async def client(app):
    async with browser(app) as made:
        # httpx would ask for gzip by itself.
        made.headers["Accept-Encoding"] = "identity"
        yield made


@pytest.fixture
async def venue(app) -> tuple[str, object]:  # noqa: ARG001 - it opens the database
    key = f"venue-{ids.new().hex[-8:]}"
    return key, await people.organisation("venue", key)


@pytest.fixture
async def family(app):  # noqa: ARG001 - it opens the database
    return await people.person(Role.FAMILY)


def vevent(uid: str, start: dt.datetime, title: str = "周末开放") -> bytes:
    return (
        f"BEGIN:VEVENT\r\nUID:{uid}\r\nDTSTAMP:20261101T000000Z\r\n"
        f"DTSTART:{start:%Y%m%dT%H%M%SZ}\r\nSUMMARY:{title}\r\nEND:VEVENT\r\n"
    ).encode()


def fragment(owner_id, uid: str, **changes) -> Fragment:
    start = changes.pop("starts_at", NOW + dt.timedelta(days=2))
    return Fragment(
        **{
            "owner_id": owner_id,
            "uid": uid,
            "starts_at": start,
            "ends_at": start + dt.timedelta(hours=2),
            "cancelled_at": None,
            "slot_revision": 1,
            "changed_at": NOW,
            "body": vevent(uid, start),
        }
        | changes
    )


async def put(*fragments: Fragment) -> None:
    async with engine.transaction():
        await records.put(fragments, dt.datetime.now(dt.UTC))  # noqa: TID251


def uids(body: bytes) -> list[str]:
    calendar = icalendar.Calendar.from_ical(body)
    return [str(event["UID"]) for event in calendar.walk("VEVENT")]


async def link_of(app, person) -> dict[str, str]:
    async with person.client(app) as own:
        answer = await own.post("/api/v1/feeds")
    assert answer.status_code == 201
    return answer.json()


def path_of(url: str) -> str:
    return "/feeds/" + url.rpartition("/")[2]


async def test_a_venues_feed_is_a_calendar_named_after_it(client, venue):
    key, owner = venue
    await put(fragment(owner, "slot-1@openyard"))
    answer = await client.get(f"/venues/{key}/calendar.ics")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    assert answer.headers["vary"] == "Accept-Encoding"
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert uids(answer.content) == ["slot-1@openyard"]
    assert b"X-WR-CALNAME:" in answer.content
    assert b"METHOD" not in answer.content


async def test_an_empty_feed_is_still_a_calendar(client, venue):
    answer = await client.get(f"/venues/{venue[0]}/calendar.ics")
    assert answer.status_code == 200
    assert b"BEGIN:VTIMEZONE" in answer.content
    assert uids(answer.content) == []


async def test_an_unchanged_feed_is_not_sent_again(client, venue):
    key, owner = venue
    await put(fragment(owner, "slot-1@openyard"))
    first = await client.get(f"/venues/{key}/calendar.ics")
    again = await client.get(
        f"/venues/{key}/calendar.ics", headers={"If-None-Match": first.headers["etag"]}
    )
    assert again.status_code == 304
    assert again.content == b""
    assert again.headers["etag"] == first.headers["etag"]
    since = await client.get(
        f"/venues/{key}/calendar.ics",
        headers={"If-Modified-Since": (NOW + dt.timedelta(days=1)).strftime(_HTTP)},
    )
    assert since.status_code == 304


async def test_a_304_reads_no_event(client, venue, monkeypatch):
    key, owner = venue
    await put(fragment(owner, "slot-1@openyard"))
    first = await client.get(f"/venues/{key}/calendar.ics")

    async def forbidden(*_, **__):
        raise AssertionError("an event was read")

    monkeypatch.setattr(records, "shown", forbidden)
    for _ in range(2):
        answer = await client.get(
            f"/venues/{key}/calendar.ics", headers={"If-None-Match": first.headers["etag"]}
        )
        assert answer.status_code == 304
    # Nor does a whole body that this process has already made.
    assert (await client.get(f"/venues/{key}/calendar.ics")).content == first.content


async def test_a_changed_feed_has_another_etag_at_once(client, venue):
    key, owner = venue
    await put(fragment(owner, "slot-1@openyard"))
    first = await client.get(f"/venues/{key}/calendar.ics")
    start = NOW + dt.timedelta(days=2)
    await put(
        fragment(
            owner, "slot-1@openyard", slot_revision=2, body=vevent("slot-1@openyard", start, "改名")
        )
    )
    second = await client.get(
        f"/venues/{key}/calendar.ics",
        headers={
            "If-None-Match": first.headers["etag"],
            "If-Modified-Since": first.headers["last-modified"],
        },
    )
    assert second.status_code == 200
    assert second.headers["etag"] != first.headers["etag"]
    assert "改名".encode() in second.content
    by_date = await client.get(
        f"/venues/{key}/calendar.ics",
        headers={"If-Modified-Since": first.headers["last-modified"]},
    )
    assert by_date.status_code == 200


async def test_a_lower_revision_never_overwrites(client, venue):
    key, owner = venue
    start = NOW + dt.timedelta(days=2)
    await put(fragment(owner, "s@openyard", slot_revision=5))
    await put(
        fragment(owner, "s@openyard", slot_revision=4, body=vevent("s@openyard", start, "旧的"))
    )
    answer = await client.get(f"/venues/{key}/calendar.ics")
    assert "旧的".encode() not in answer.content


async def test_gzip_is_sent_only_when_asked_and_has_an_etag_of_its_own(client, venue):
    key, owner = venue
    await put(fragment(owner, "slot-1@openyard"))
    plain = await client.get(f"/venues/{key}/calendar.ics")
    assert "content-encoding" not in plain.headers
    async with client.stream(
        "GET", f"/venues/{key}/calendar.ics", headers={"Accept-Encoding": "gzip, br"}
    ) as zipped:
        raw = b"".join([chunk async for chunk in zipped.aiter_raw()])
    assert zipped.headers["content-encoding"] == "gzip"
    assert int(zipped.headers["content-length"]) == len(raw)
    assert gzip.decompress(raw) == plain.content
    assert zipped.headers["etag"] != plain.headers["etag"]
    refused = await client.get(
        f"/venues/{key}/calendar.ics", headers={"Accept-Encoding": "gzip;q=0"}
    )
    assert "content-encoding" not in refused.headers


async def test_head_tells_the_same_headers_without_the_body(client, venue):
    key, _ = venue
    whole = await client.get(f"/venues/{key}/calendar.ics")
    answer = await client.head(f"/venues/{key}/calendar.ics")
    assert answer.status_code == 200
    assert answer.content == b""
    for name in ("etag", "content-length", "content-type", "last-modified"):
        assert answer.headers[name] == whole.headers[name]


async def test_cancelled_and_far_away_events_are_dropped(client, venue):
    key, owner = venue
    day = dt.timedelta(days=1)
    await put(
        fragment(owner, "near@openyard"),
        fragment(owner, "long-ago@openyard", starts_at=NOW - 32 * day),
        fragment(owner, "recent@openyard", starts_at=NOW - 28 * day),
        fragment(owner, "too-far@openyard", starts_at=NOW + 402 * day),
        fragment(owner, "cancelled@openyard", cancelled_at=NOW - 13 * day),
        fragment(owner, "cancelled-long-ago@openyard", cancelled_at=NOW - 16 * day),
    )
    answer = await client.get(f"/venues/{key}/calendar.ics")
    assert sorted(uids(answer.content)) == [
        "cancelled@openyard",
        "near@openyard",
        "recent@openyard",
    ]


async def test_a_feed_that_is_too_long_keeps_the_soonest(client, venue):
    key, owner = venue
    await put(
        *(
            fragment(owner, f"past-{i}@openyard", starts_at=NOW - dt.timedelta(days=3, hours=i))
            for i in range(300)
        ),
        *(
            fragment(owner, f"next-{i}@openyard", starts_at=NOW + dt.timedelta(days=2, hours=i))
            for i in range(900)
        ),
    )
    answer = await client.get(f"/venues/{key}/calendar.ics")
    found = uids(answer.content)
    assert len(found) == 1000
    assert len([uid for uid in found if uid.startswith("next-")]) == 900
    assert "past-0@openyard" in found
    assert "past-299@openyard" not in found


async def test_a_feed_stays_below_a_megabyte(client, venue):
    key, owner = venue
    start = NOW + dt.timedelta(days=2)
    long = "长" * 3000
    await put(
        *(
            fragment(
                owner,
                f"long-{i:03}@openyard",
                starts_at=start + dt.timedelta(hours=i),
                body=vevent(f"long-{i:03}@openyard", start, long),
            )
            for i in range(150)
        )
    )
    answer = await client.get(f"/venues/{key}/calendar.ics")
    assert 900_000 < len(answer.content) <= 1_001_000
    assert "long-000@openyard" in uids(answer.content)
    assert "long-149@openyard" not in uids(answer.content)


async def test_an_unknown_calendar_is_404_and_never_a_page(client):
    for path in ("/venues/nobody/calendar.ics", "/feeds/nothing.ics", "/feeds/nothing"):
        for accepted in ("*/*", "text/html"):
            answer = await client.get(path, headers={"Accept": accepted})
            assert answer.status_code == 404
            assert answer.headers["content-type"].startswith("text/plain")


async def test_a_private_feed_needs_nothing_but_its_address(app, client, family):
    link = await link_of(app, family)
    await put(fragment(family.account.family_id, "reservation-1@openyard"))
    answer = await client.get(path_of(link["url"]))
    assert answer.status_code == 200
    assert uids(answer.content) == ["reservation-1@openyard"]
    assert answer.headers["cache-control"] == "private, max-age=0, must-revalidate"
    assert answer.headers.get_list("referrer-policy") == ["no-referrer"]
    assert answer.headers["x-robots-tag"] == "noindex"
    assert "set-cookie" not in answer.headers
    assert link["webcal_url"] == "webcal://" + link["url"].split("://")[1]
    assert b"SOURCE" not in answer.content
    assert link["url"].encode() not in answer.content


async def test_a_link_is_given_again_and_its_last_use_is_shown(app, client, family):
    link = await link_of(app, family)
    assert link["last_used_at"] is None
    await client.get(path_of(link["url"]))
    again = await link_of(app, family)
    assert again["url"] == link["url"]
    assert again["last_used_at"] is not None


async def test_only_the_hash_of_a_link_is_stored(app, family):
    link = await link_of(app, family)
    token = path_of(link["url"]).removeprefix("/feeds/").removesuffix(".ics")
    rows = await engine.fetch("SELECT row_to_json(l)::text AS text FROM feed_link l")
    assert not any(token in row["text"] for row in rows)


async def test_a_rotated_link_is_gone_and_the_new_one_works(app, client, family):
    old = await link_of(app, family)
    async with family.client(app) as own:
        new = (await own.post("/api/v1/feeds/rotate")).json()
    assert new["url"] != old["url"]
    gone = await client.get(path_of(old["url"]))
    assert gone.status_code == 410
    assert gone.headers["content-type"].startswith("text/plain")
    assert (await client.get(path_of(new["url"]))).status_code == 200
    assert (await link_of(app, family))["url"] == new["url"]


async def test_a_revoked_link_never_comes_back(app, client, family):
    old = await link_of(app, family)
    async with family.client(app) as own:
        assert (await own.delete("/api/v1/feeds")).status_code == 204
        assert (await own.delete("/api/v1/feeds")).status_code == 404
    assert (await client.get(path_of(old["url"]))).status_code == 410
    assert (await link_of(app, family))["url"] != old["url"]
    assert (await client.get(path_of(old["url"]))).status_code == 410


async def test_links_asked_for_at_the_same_time_are_one(app, family):
    links = await asyncio.gather(*(link_of(app, family) for _ in range(6)))
    assert len({link["url"] for link in links}) == 1


async def test_two_guardians_of_a_family_have_a_link_each_to_the_same_events(app, client, family):
    partner = ids.new()
    await engine.fetch(
        "INSERT INTO account (id, email, display_name, role, family_id, created_at)"
        " VALUES ($1, $2, '另一位家长', 'family', $3, now())",
        partner,
        f"{partner}@example.org",
        family.account.family_id,
    )
    settings = app.state.settings
    second = await feed_links.address(
        partner,
        family.account.family_id,
        secret_key=settings.secret_key,
        base_url=settings.base_url,
        now=NOW,
    )
    first = await link_of(app, family)
    await put(fragment(family.account.family_id, "ours@openyard"))
    assert first["url"] != second.url
    for url in (first["url"], second.url):
        assert uids((await client.get(path_of(url))).content) == ["ours@openyard"]


async def test_while_the_database_is_away_the_last_known_feed_is_served(client, venue, monkeypatch):
    key, owner = venue
    await put(fragment(owner, "slot-1@openyard"))
    known = await client.get(f"/venues/{key}/calendar.ics")

    async def away(*_):
        raise ConnectionRefusedError

    monkeypatch.setattr(states, "of_venue", away)
    answer = await client.get(f"/venues/{key}/calendar.ics")
    assert (answer.status_code, answer.content) == (200, known.content)
    unchanged = await client.get(
        f"/venues/{key}/calendar.ics", headers={"If-None-Match": known.headers["etag"]}
    )
    assert unchanged.status_code == 304
    never_seen = await client.get("/venues/other/calendar.ics")
    assert never_seen.status_code == 503
    assert never_seen.headers["retry-after"]


async def test_a_body_is_made_once_for_many_who_ask_at_once(client, venue, monkeypatch):
    key, owner = venue
    await put(fragment(owner, "slot-1@openyard"))
    read = records.shown
    times = []

    async def counted(*arguments, **named):
        times.append(1)
        await asyncio.sleep(0.05)
        return await read(*arguments, **named)

    monkeypatch.setattr(records, "shown", counted)
    answers = await asyncio.gather(*(client.get(f"/venues/{key}/calendar.ics") for _ in range(20)))
    assert {answer.content for answer in answers} == {answers[0].content}
    assert len(times) == 1


@pytest.mark.usefixtures("app")
async def test_bodies_make_room_for_newer_ones():
    bodies = Bodies(room=6000)
    for number in range(5):
        key = f"room-{number}-{ids.new().hex[-6:]}"
        owner = await people.organisation("venue", key)
        await put(fragment(owner, "s@openyard", body=vevent("s@openyard", NOW, "长" * 500)))
        edition = await feed_actions.venue_edition(key, "https://x", NOW)
        assert edition is not None
        await bodies.get(key, edition)
        assert bodies.used <= 6000
        assert bodies.last(key) is not None
    assert len(bodies) < 5


async def test_the_inbox_is_ones_own(app, family):
    stranger = await people.person(Role.FAMILY)
    message = await notify(family)
    async with family.client(app) as own, stranger.client(app) as other:
        page = (await own.get("/api/v1/notifications")).json()
        assert page["unread"] == 1
        (item,) = page["items"]
        assert item["title"] == "预约成功：周末开放"
        assert item["read_at"] is None
        assert (await other.get("/api/v1/notifications")).json()["items"] == []
        assert (await other.post(f"/api/v1/notifications/{message}/read")).status_code == 404
        assert (await own.post(f"/api/v1/notifications/{message}/read")).status_code == 204
        page = (await own.get("/api/v1/notifications")).json()
        assert page["unread"] == 0
        assert page["items"][0]["read_at"] is not None


async def test_the_inbox_comes_in_pages(app, family):
    made = [await notify(family) for _ in range(5)]
    seen = []
    async with family.client(app) as own:
        query = "limit=2"
        while True:
            page = (await own.get(f"/api/v1/notifications?{query}")).json()
            seen += [item["id"] for item in page["items"]]
            if page["next"] is None:
                break
            query = f"limit=2&before={page['next']}"
    assert seen == [str(one) for one in reversed(made)]


async def notify(person):
    """A message about a confirmed reservation, as the notifier would have left it."""
    message, slot, reservation, space = (ids.new() for _ in range(4))
    owner = await people.organisation("venue")
    await engine.fetch(
        "INSERT INTO space (id, organisation_id, key, name) VALUES ($1, $2, 'hall', '大厅')",
        space,
        owner,
    )
    await engine.fetch(
        "INSERT INTO slot (id, venue_id, external_id, version, status, space_id, title, starts_at,"
        " ends_at, capacity, created_at, updated_at)"
        " VALUES ($1, $2, 'x', 1, 'open', $3, '周末开放', now(), now() + interval '1 hour', 9,"
        " now(), now())",
        slot,
        owner,
        space,
    )
    await engine.fetch(
        "INSERT INTO reservation (id, slot_id, account_id, holder_id, party_nos, seats, held,"
        " status, position, created_at, updated_at)"
        " VALUES ($1, $2, $3, $4, '{}', 1, 1, 'confirmed', 1, now(), now())",
        reservation,
        slot,
        person.account.id,
        person.account.family_id,
    )
    await engine.fetch(
        "INSERT INTO notification (id, account_id, kind, reservation_id, slot_id, dedupe, state,"
        " next_try_at, created_at) VALUES ($1, $2, 'confirmed', $3, $4, $5, 'sent', now(), now())",
        message,
        person.account.id,
        reservation,
        slot,
        str(message),
    )
    return message


_HTTP = "%a, %d %b %Y %H:%M:%S GMT"
