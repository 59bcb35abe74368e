"""The demo city as its people find it."""

import asyncio
import datetime as dt
from zoneinfo import ZoneInfo

import httpx
import icalendar
import pytest

from openyard_events.contracts import SlotOffered
from openyard_events.publisher import VenuePublisher
from tests.stack import Stack, wait_until

SHANGHAI = ZoneInfo("Asia/Shanghai")
ROLES = ("family", "school", "venue", "volunteer", "supervisor")


def slots(stack: Stack, **wanted: str) -> list[dict]:
    answer = httpx.get(f"{stack.url}/api/v1/slots", params={"limit": "100", **wanted})
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


@pytest.mark.parametrize("role", ROLES)
def test_one_of_each_role_logs_in_with_the_password_of_ready_json(stack: Stack, role: str):
    account = stack.accounts(role)[0]
    with httpx.Client(base_url=stack.url) as client:
        answer = client.post(
            "/api/v1/sessions",
            json={"login": account["login"], "password": account["password"]},
            headers={"Origin": stack.url},
        )
        assert answer.status_code == 201, answer.text
        assert client.get("/api/v1/me").json()["role"] == role


@pytest.mark.parametrize("role", ROLES)
def test_the_token_of_ready_json_is_the_accounts(stack: Stack, role: str):
    account = stack.accounts(role)[-1]
    answer = httpx.get(
        f"{stack.url}/api/v1/me", headers={"Authorization": f"Bearer {account['token']}"}
    )

    assert answer.status_code == 200
    assert answer.json()["email"] == account["login"]


@pytest.mark.parametrize("role", ROLES)
def test_the_private_feed_of_ready_json_is_a_calendar(stack: Stack, role: str):
    answer = httpx.get(stack.accounts(role)[0]["feed_url"])

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"


def test_every_venue_has_a_feed_of_its_slots_and_none_begins_before_seven(stack: Stack):
    # Other tests publish slots of their own, later than the demo city does.
    later = dt.datetime.now(SHANGHAI) + dt.timedelta(weeks=9)  # noqa: TID251
    for key in stack.venues:
        answer = httpx.get(f"{stack.url}/venues/{key}/calendar.ics")
        events = icalendar.Calendar.from_ical(answer.content).events
        assert 0 < len(events) <= 800
        demo = [event for event in events if event.start < later]
        for event in demo:
            assert event.start.astimezone(SHANGHAI).time() >= dt.time(7)


@pytest.mark.parametrize("kind", ["access", "visit", "activity", "shift", "outreach"])
def test_slots_of_every_kind_can_be_found_and_booked_now(stack: Stack, kind: str):
    assert any(slot["state"] == "open" for slot in slots(stack, kind=kind))


def test_some_slots_wait_for_a_friday_at_eight(stack: Stack):
    later = (dt.datetime.now(SHANGHAI) + dt.timedelta(weeks=4)).isoformat()  # noqa: TID251
    found = slots(stack, kind="access", **{"from": later})
    waiting = [slot for slot in found if slot["state"] == "not_yet_open"]

    opens = {dt.datetime.fromisoformat(slot["opens_at"]).astimezone(SHANGHAI) for slot in waiting}
    assert opens
    assert {(each.weekday(), each.time()) for each in opens} == {(4, dt.time(8))}


def test_a_court_cannot_be_offered_while_its_hall_is_taken(stack: Stack):
    later = dt.datetime.now(SHANGHAI) + dt.timedelta(weeks=27)  # noqa: TID251 - the city lives today
    starts_at = later.replace(hour=19, minute=0, second=0, microsecond=0)
    venue = stack.venues["sports-centre"]

    async def offer() -> list[str]:
        async with VenuePublisher(
            stack.nats_address,
            venue["key"],
            user=venue["nats_user"],
            password=venue["nats_password"],
        ) as publisher:
            answers = []
            for number, space in enumerate(("main-hall", "court-1", "table-tennis")):
                slot = SlotOffered(
                    external_id=f"hall-and-court-{number}",
                    version=1,
                    space=space,
                    starts_at=starts_at + dt.timedelta(minutes=number),
                    ends_at=starts_at + dt.timedelta(hours=2),
                    capacity=10,
                    title="夜场",
                )
                answers.append((await publisher.offer(slot)).status)
            return answers

    assert asyncio.run(offer()) == ["accepted", "refused", "accepted"]


def test_a_class_with_enough_adults_visits_and_one_without_is_told_how_many(stack: Stack):
    teacher = stack.accounts("school")[-1]
    authority = {"Authorization": f"Bearer {teacher['token']}"}
    slot = next(s for s in slots(stack, kind="visit") if s["state"] == "open")
    groups = httpx.get(f"{stack.url}/api/v1/study-groups", headers=authority).json()
    group = groups["items"][0]

    def ask(adults: int) -> httpx.Response:
        body = {
            "slot_id": slot["id"],
            "seats": group["size"],
            "adults": adults,
            "study_group": group["id"],
        }
        return httpx.post(f"{stack.url}/api/v1/reservations", json=body, headers=authority)

    refused, confirmed = ask(0), ask(group["adults"])

    assert refused.status_code == 409
    assert {"code": "chaperones_missing", "required": group["adults"]} in refused.json()["refusals"]
    assert (confirmed.status_code, confirmed.json()["status"]) == (201, "confirmed")
    wait_until(
        lambda: slot["title"] in httpx.get(teacher["feed_url"]).text, 20, "the visit in the feed"
    )


def ask(stack: Stack, account: dict, slot: dict, **wish) -> httpx.Response:
    return httpx.post(
        f"{stack.url}/api/v1/reservations",
        json={"slot_id": slot["id"], **wish},
        headers={"Authorization": f"Bearer {account['token']}"},
    )


def refused(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 409, answer.text
    return [refusal["code"] for refusal in answer.json()["refusals"]]


def test_the_first_booking_of_an_evening_takes_the_hall_or_its_courts(stack: Stack):
    (hall, *_), courts = slots(stack, q="整馆包场"), slots(stack, q="单片场地")
    first, second, third = stack.accounts("family")[-3:]
    (court, *others) = [one for one in courts if one["starts_at"] == hall["starts_at"]]

    assert ask(stack, first, court, seats=2).status_code == 201
    assert refused(ask(stack, second, hall, seats=30)) == ["venue_capacity_conflict"]
    assert ask(stack, third, others[0], seats=4).status_code == 201


def test_in_the_workshop_a_child_of_the_right_age_is_named(stack: Stack):
    workshop = slots(stack, q="小小科学家")[0]
    year = int(workshop["starts_at"][:4])
    for family in reversed(stack.accounts("family")[-60:-3]):
        authority = {"Authorization": f"Bearer {family['token']}"}
        children = httpx.get(f"{stack.url}/api/v1/children", headers=authority).json()["items"]
        fitting = [one["id"] for one in children if 6 <= year - one["birth_year"] <= 12]
        if fitting:
            break

    assert "children_unnamed" in refused(ask(stack, family, workshop, seats=1))
    assert ask(stack, family, workshop, seats=1, children=fitting[:1]).status_code == 201
