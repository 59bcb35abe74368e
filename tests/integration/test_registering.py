"""Accounts and organisations made in bulk, and the last use of tokens."""

import datetime as dt
import hashlib

import pytest

from openyard_platform import ids
from openyard_platform.actions import accounts, organisations
from openyard_platform.domain.accounts import NewAccount
from openyard_platform.domain.errors import Conflict, Invalid
from openyard_platform.domain.organisations import NewOrganisation, NewSpace
from openyard_platform.domain.people import Role
from openyard_platform.store import accounts as records
from openyard_platform.store import engine
from openyard_platform.web.usage import Usage
from tests.integration import people
from tests.integration.people import NOW


@pytest.fixture(autouse=True)
async def _pool(database_url):
    await engine.connect(database_url)
    yield
    await engine.disconnect()


def _family(number: int, **changes) -> NewAccount:
    values = {
        "id": ids.new(),
        "email": f"bulk-{number}@example.org",
        "display_name": f"家庭{number}",
        "role": Role.FAMILY,
        "family_id": ids.new(),
        "token_hash": hashlib.sha256(f"oy_{number}".encode()).digest(),
    }
    return NewAccount(**values | changes)


async def _count(table: str) -> int:
    return (await engine.fetch_one(f"SELECT count(*) AS n FROM {table}"))["n"]  # noqa: S608


async def test_thousands_of_families_are_made_in_one_go():
    made = [_family(number) for number in range(7_000)]
    await accounts.register_many(made, NOW)
    for table in ("account", "family", "party", "api_token"):
        assert await _count(table) == 7_000
    found = await records.actors([made[-1].token_hash], NOW)
    assert found[made[-1].token_hash].family_id == made[-1].family_id


async def test_if_one_address_is_taken_none_is_made():
    before = await _count("account"), await _count("family")
    with pytest.raises(Conflict) as caught:
        await accounts.register_many([_family(90_000), _family(90_001), _family(90_000)], NOW)
    assert caught.value.code == "email_taken"
    assert (await _count("account"), await _count("family")) == before


@pytest.mark.parametrize(
    "changes",
    [
        {"family_id": None},
        {"role": Role.VOLUNTEER},
        {"role": Role.VENUE, "family_id": None},
        {"role": Role.SCHOOL, "family_id": None, "organisation_id": ids.new()},
        {"email": "Upper@example.org"},
    ],
)
async def test_a_role_without_what_belongs_to_it_is_refused(changes):
    with pytest.raises(Invalid):
        await accounts.register_many([_family(91_000, **changes)], NOW)


async def test_spaces_come_with_their_organisation_in_any_order():
    hall_id, court_id = ids.new(), ids.new()
    await people.organisation()  # and with it a district
    made = NewOrganisation(
        id=ids.new(), key="sports-hall", name="体育馆", kind="venue", district_key="liubei"
    )
    court = NewSpace(
        id=court_id, organisation_id=made.id, key="court-1", name="一号场", parent_id=hall_id
    )
    hall = NewSpace(id=hall_id, organisation_id=made.id, key="hall", name="大厅")
    await organisations.create([made], [court, hall], NOW)
    rows = await engine.fetch("SELECT key FROM space WHERE parent_id = $1", hall_id)
    assert [row["key"] for row in rows] == ["court-1"]
    with pytest.raises(Conflict):
        await organisations.create([], [hall], NOW)


@pytest.mark.parametrize("changes", [{"key": "a b"}, {"key": "a.*"}, {"district_key": "nowhere"}])
async def test_an_organisation_needs_a_token_for_a_key_and_a_district(changes):
    await people.organisation()
    values = {
        "id": ids.new(),
        "key": "fine",
        "name": "某馆",
        "kind": "venue",
        "district_key": "liubei",
    }
    with pytest.raises(Invalid):
        await organisations.create([NewOrganisation(**values | changes)], [], NOW)


async def test_the_last_use_of_a_token_is_written_once_a_day():
    account = _family(92_000)
    await accounts.register_many([account], NOW)

    async def last_use() -> dt.datetime:
        row = await engine.fetch_one(
            "SELECT last_used_at FROM api_token WHERE account_id = $1", account.id
        )
        return row["last_used_at"]

    usage = Usage()
    for hours, expected in ((0, 0), (5, 0), (25, 25)):
        await usage.find([account.token_hash, b"unknown"])
        await usage.write(NOW + dt.timedelta(hours=hours))
        assert await last_use() == NOW + dt.timedelta(hours=expected)
