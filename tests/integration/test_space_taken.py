"""Hall and courts side by side: what is shown of one whose space another has taken."""

import datetime as dt
import itertools

import pytest

from openyard_platform import clock
from openyard_platform.domain.people import Role
from tests.integration import people
from tests.integration import venue_stage as stage
from tests.integration.test_closures import at
from tests.integration.test_pages import is_sound
from tests.integration.venue_stage import gallery, nats, staff, workers

__all__ = ["gallery", "nats", "staff", "workers"]

_DAYS = itertools.count(40)


@pytest.fixture
def day() -> dt.date:
    return (clock.now().astimezone(clock.SHANGHAI) + dt.timedelta(days=next(_DAYS))).date()


async def test_a_hall_whose_court_is_booked_is_not_shown_as_free(app, staff, day):
    hall = await stage.opened(staff, **at(day, 9, claim="on_booking", title="整个大厅"))
    court = await stage.opened(
        staff, **at(day, 9, space="court-1", claim="on_booking", title="一号场")
    )
    family, other = [await people.person(Role.FAMILY) for _ in range(2)]
    async with family.client(app) as client:
        seen = (await client.get(f"/api/v1/slots/{hall}")).json()
        assert (seen["state"], seen["remaining"]) == ("open", seen["capacity"])
        await stage.reserved(client, court, 1)

    async with other.client(app) as client:
        seen = (await client.get(f"/api/v1/slots/{hall}")).json()
        assert (seen["state"], seen["remaining"]) == ("space_taken", 0)
        listed = (await client.get("/api/v1/slots", params={"from": f"{day}", "seats": 1})).json()
        found = {one["id"] for one in listed["items"]}
        assert court in found
        assert hall not in found

        page = is_sound((await client.get(f"/slots/{hall}")).text)
        assert "场地在这段时间已被别的安排占用" in page.text
        assert f"/slots/{hall}/reserve" not in {form.get("action") for form in page.all("form")}
        cards = is_sound((await client.get("/slots", params={"from": f"{day}"})).text)
        assert "场地已约出" in cards.text

        refused = await client.post("/api/v1/reservations", json={"slot_id": hall, "seats": 1})
        assert refused.json()["refusals"][0]["code"] == "venue_capacity_conflict"
        assert court in {one["id"] for one in refused.json()["alternatives"]}
