"""Delegated guardians: who else may bring a child, for how long, and what remains of it."""

import asyncio
import datetime as dt
from uuid import uuid4

import pytest

from openyard_platform import clock
from openyard_platform.domain.delegations import MAX_DELEGATIONS
from openyard_platform.domain.people import Role
from openyard_platform.store import engine
from tests.integration import people
from tests.integration import slots_stage as stage
from tests.integration.booking_stage import child, codes, deciding, family, nats, reserve

__all__ = ["deciding", "family", "nats"]

pytestmark = pytest.mark.usefixtures("deciding")
DELEGATED = "/api/v1/children/delegated"


@pytest.fixture
async def worker(app):
    """A school's worker, who looks after a child whose parents are away."""
    person = await people.person(Role.SCHOOL)
    async with person.client(app) as client:
        client.person = person
        yield client


def of(child_id: str) -> str:
    return f"/api/v1/children/{child_id}/delegations"


def today() -> dt.date:
    return clock.now().astimezone(clock.SHANGHAI).date()


async def delegate(family, child_id, to, **changes):
    email = to if isinstance(to, str) else to.person.account.email
    sent = {"email": email, "relation": "school_worker"} | changes
    return await family.post(of(child_id), json=sent)


async def entrusted(client) -> list[dict]:
    return (await client.get(DELEGATED)).json()["items"]


async def audited(action: str, subject: str) -> list[str]:
    rows = await engine.fetch(
        "SELECT detail->>'delegation' AS d FROM audit WHERE action = $1 AND subject_id = $2",
        *(action, subject),
    )
    return [row["d"] for row in rows]


async def test_a_guardian_lets_somebody_bring_a_child_and_sees_whom(family, worker):
    mine, other = await child(family), await child(family)
    made = await delegate(family, mine, worker, ends_on=f"{today()}")
    assert made.status_code == 201, made.text
    assert made.json()["ends_on"] == f"{today()}"
    assert (await family.get(of(mine))).json()["items"] == [made.json()]
    assert (await family.get(of(other))).json()["items"] == []
    assert await audited("delegation.granted", mine) == [made.json()["id"]]


async def test_the_delegate_sees_name_and_year_and_nothing_else_and_that_is_recorded(
    family, worker
):
    mine = await child(family, 8)
    made = (await delegate(family, mine, worker)).json()
    assert await entrusted(worker) == [
        {
            "id": mine,
            "display_name": "小明",
            "birth_year": clock.now().year - 8,
            "relation": "school_worker",
            "ends_on": None,
            "delegated": True,
        }
    ]
    assert await audited("child.read", mine) == [made["id"]]


async def test_the_answer_is_the_same_whether_an_address_has_an_account(family, worker):
    """ASVS 6.3.8: nobody learns here who has an account."""
    known = await delegate(family, await child(family), worker)
    unknown = await delegate(family, await child(family), "nobody@example.org")
    assert known.status_code == unknown.status_code == 201
    assert known.json().keys() == unknown.json().keys()
    assert known.headers.keys() == unknown.headers.keys()


async def test_who_signs_up_later_has_what_was_given_to_the_address(app, family):
    later = await people.person(Role.VOLUNTEER)
    address = later.account.email
    await engine.fetch("UPDATE account SET email = 'other-' || email WHERE email = $1", address)
    mine = await child(family)
    assert (await delegate(family, mine, address.upper())).json()["email"] == address
    async with later.client(app) as client:
        assert await entrusted(client) == []
        await engine.fetch("UPDATE account SET email = $1 WHERE id = $2", address, later.account.id)
        assert [one["id"] for one in await entrusted(client)] == [mine]


async def test_a_delegate_books_as_a_family_and_holds_what_it_booked(family, worker):
    slot = await stage.slot(await stage.venue(), audiences=["family"], age_min=6, age_max=12)
    mine = await child(family, 8)
    alone = await reserve(worker, slot)
    made = (await delegate(family, mine, worker)).json()
    answer = await reserve(worker, slot, children=[mine])
    assert "audience_not_allowed" in codes(alone)
    assert (answer.status_code, answer.json()["status"]) == (201, "confirmed")
    address = f"/api/v1/reservations/{answer.json()['id']}"
    assert (await worker.get(address)).status_code == 200
    assert (await family.get(address)).status_code == 404
    assert await audited("child.named", mine) == [made["id"]]


async def test_a_child_is_in_one_place_whoever_brings_it(family, worker):
    place, elsewhere = await stage.venue(), await stage.venue()
    first, same_hour = await stage.slot(place), await stage.slot(elsewhere)
    mine = await child(family)
    await delegate(family, mine, worker)
    assert (await reserve(family, first, children=[mine])).status_code == 201
    again = await reserve(worker, first, children=[mine])
    beside = await reserve(worker, same_hour, children=[mine])
    assert (codes(again), codes(beside)) == (["already_reserved"], ["overlaps_own_reservation"])


async def test_revoking_ends_the_right_at_once_and_what_was_booked_stays(family, worker):
    place = await stage.venue()
    slot, other = await stage.slot(place), await stage.slot(place, starts_at=stage.at(6))
    mine = await child(family)
    made = (await delegate(family, mine, worker)).json()
    booked = (await reserve(worker, slot, 2, children=[mine])).json()["id"]
    assert (await family.delete(f"{of(mine)}/{made['id']}")).status_code == 204
    refused = await reserve(worker, other, children=[mine])
    assert (refused.status_code, refused.json()["code"]) == (422, "child_unknown")
    assert await entrusted(worker) == []
    assert await audited("delegation.revoked", mine) == [made["id"]]
    address = f"/api/v1/reservations/{booked}"
    assert (await worker.get(address)).json()["status"] == "confirmed"
    for change in ({"slot_id": str(other)}, {"seats": 3}):
        assert codes(await worker.patch(address, json=change)) == ["delegation_ended"]
    assert (await worker.patch(address, json={"seats": 1})).json()["seats"] == 1
    assert (await worker.delete(address)).json()["status"] == "cancelled"


async def test_while_it_holds_a_delegate_may_change_what_it_booked(family, worker):
    place = await stage.venue()
    ages = {"age_min": 6, "age_max": 12, "audiences": ["family"]}
    slot = await stage.slot(place, **ages)
    other = await stage.slot(place, starts_at=stage.at(6), **ages)
    mine = await child(family)
    await delegate(family, mine, worker)
    made = (await reserve(worker, slot, children=[mine])).json()["id"]
    moved = await worker.patch(f"/api/v1/reservations/{made}", json={"slot_id": str(other)})
    assert (moved.status_code, moved.json()["slot_id"]) == (200, str(other))


async def test_after_its_last_day_a_delegation_is_over(family, worker):
    mine = await child(family)
    made = (await delegate(family, mine, worker, ends_on=f"{today()}")).json()
    assert len(await entrusted(worker)) == 1
    await engine.fetch("UPDATE delegation SET ends_on = ends_on - 1 WHERE id = $1", made["id"])
    assert await entrusted(worker) == []
    assert (await family.get(of(mine))).json()["items"] == []
    answer = await reserve(worker, await stage.slot(await stage.venue()), children=[mine])
    assert (answer.status_code, answer.json()["code"]) == (422, "child_unknown")
    assert (await delegate(family, mine, worker)).status_code == 201


async def test_a_delegation_cannot_have_ended_before_it_begins(family, worker):
    yesterday = today() - dt.timedelta(days=1)
    answer = await delegate(family, await child(family), worker, ends_on=f"{yesterday}")
    assert (answer.status_code, answer.json()["code"]) == (422, "ends_in_the_past")


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"relation": "friend"}, "relation"),
        ({"ends_on": "tomorrow"}, "ends_on"),
        ({"email": "a" * 255}, "email"),
        ({"account": str(uuid4())}, "account"),
    ],
)
async def test_a_malformed_delegation_is_named(family, changes, path):
    answer = await delegate(family, await child(family), "a@example.org", **changes)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["path"] == path


async def test_what_is_no_address_is_refused(family):
    answer = await delegate(family, await child(family), "grandma")
    assert (answer.status_code, answer.json()["code"]) == (422, "email_malformed")


async def test_a_family_does_not_delegate_to_itself(family):
    answer = await delegate(family, await child(family), family)
    assert (answer.status_code, answer.json()["code"]) == (422, "already_guardian")


async def test_the_same_right_is_given_once_and_to_so_many_only(family):
    mine = await child(family)
    answers = await asyncio.gather(
        *(delegate(family, mine, f"a{n % 8}@example.org") for n in range(16))
    )
    made = [answer for answer in answers if answer.status_code == 201]
    assert len(made) == MAX_DELEGATIONS
    assert len({answer.json()["email"] for answer in made}) == MAX_DELEGATIONS
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} <= {
        "already_delegated",
        "too_many_delegations",
    }


async def test_a_strangers_child_is_delegated_by_nobody(app, family, worker):
    """ASVS 8.2.2: a foreign id is as if it did not exist."""
    mine = await child(family)
    made = (await delegate(family, mine, worker)).json()
    stranger = await people.person(Role.FAMILY)
    async with stranger.client(app) as client:
        assert (await delegate(client, mine, worker)).status_code == 404
        assert (await client.get(of(mine))).status_code == 404
        assert (await client.delete(f"{of(mine)}/{made['id']}")).status_code == 404
        own = await child(client)
        assert (await client.delete(f"{of(own)}/{made['id']}")).status_code == 404
    assert len(await entrusted(worker)) == 1


async def test_a_delegate_cannot_pass_a_child_on(app, family):
    aunt = await people.person(Role.FAMILY)
    mine = await child(family)
    async with aunt.client(app) as client:
        await delegate(family, mine, aunt.account.email, relation="relative")
        assert len(await entrusted(client)) == 1
        assert (await delegate(client, mine, "third@example.org")).status_code == 404
        assert (await client.get("/api/v1/children")).json()["items"] == []


async def test_a_child_that_is_forgotten_takes_its_delegations_along(family, worker):
    mine = await child(family)
    await delegate(family, mine, worker)
    assert (await family.delete(f"/api/v1/children/{mine}")).status_code == 204
    assert await entrusted(worker) == []
    assert await engine.fetch("SELECT FROM delegation WHERE child_id = $1", mine) == []


async def test_the_audit_log_holds_no_address(family, worker):
    mine = await child(family)
    await delegate(family, mine, worker)
    rows = await engine.fetch("SELECT detail::text AS t FROM audit WHERE subject_id = $1", mine)
    assert rows
    assert all(worker.person.account.email not in row["t"] for row in rows)
