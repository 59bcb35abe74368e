"""A venue opens its weekends: from one request to slots that families find."""

import datetime as dt

import httpx

from openyard_platform import clock
from tests.stack import Stack, wait_until

EVERY_DAY = "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR,SA,SU"


def test_a_schedule_becomes_slots_that_everybody_finds(stack: Stack):
    account = stack.accounts("venue")[0]
    key = account["venue"]
    spaces = stack.venues[key]["spaces"]
    first = clock.now().astimezone(clock.SHANGHAI).date() + dt.timedelta(days=2)
    plan = {
        "title": "清晨开放",
        "spaces": spaces[:1],
        "rrule": EVERY_DAY,
        "starts_on": f"{first}",
        "ends_on": f"{first + dt.timedelta(days=2)}",
        "from": "04:00",
        "to": "06:00",
        "slot_minutes": 60,
        "capacity": 12,
        "audiences": ["family"],
        "day_policy": {"adjusted_workday": "as_rule", "holiday": "as_rule"},
    }
    with httpx.Client(
        base_url=stack.url, headers={"Authorization": f"Bearer {account['token']}"}
    ) as staff:
        address = f"/api/v1/venues/{key}/schedules"
        preview = staff.post(f"{address}/preview", json=plan).json()
        made = staff.post(address, json=plan)

        query = {"from": f"{first}", "to": f"{first + dt.timedelta(days=3)}", "q": "清晨开放"}

        def found() -> list[str]:
            answer = httpx.get(f"{stack.url}/api/v1/slots", params=query)
            return [slot["starts_at"] for slot in answer.json()["items"]]

        wait_until(lambda: len(found()) == 6, 20, "the schedule's slots")
        assert found() == [slot["starts_at"] for slot in preview["slots"]]
        staff.delete(made.headers["Location"])
        wait_until(lambda: found() == [], 20, "the slots to be closed")
