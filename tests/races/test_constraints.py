"""What the tables themselves refuse when two deciders meet, the rules left aside."""

import asyncio
from importlib import resources

import asyncpg
import pytest

from openyard_platform import ids
from openyard_platform.store import deciding, engine
from openyard_platform.store.usual_decisions import Collision
from tests.integration.test_deciding import HOUR, SATURDAY, Desk, desk, opened, reserve

__all__ = ["desk"]


async def _see_nothing(*_: object) -> None:
    """A look-up of the parties that finds nothing they have."""


async def test_the_tables_alone_keep_a_party_from_being_counted_twice(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
):
    slot = await opened(desk)
    party = reserve(slot).account_id
    await desk.decide(reserve(slot, party=party))
    monkeypatch.setattr(deciding, "_load_parties", _see_nothing)
    with pytest.raises(Collision):
        await desk.decide(reserve(slot, party=party))


async def test_the_tables_alone_keep_a_party_out_of_two_places(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
):
    times = {"starts_at": SATURDAY, "ends_at": SATURDAY + HOUR}
    one = await opened(desk, space="court-1", **times)
    other = await opened(desk, space="court-2", **times)
    party = ids.new()
    await desk.decide(reserve(one, party=party))
    monkeypatch.setattr(deciding, "_load_parties", _see_nothing)
    with pytest.raises(Collision):
        await desk.decide(reserve(other, party=party))


async def _claim(connection, party: int, minutes: str) -> None:
    await connection.execute(
        """INSERT INTO party_occupancy (party_no, slot_id, reservation_id, during)
           VALUES ($1, $2, $3, $4::text::int4range)""",
        party,
        ids.new(),
        ids.new(),
        minutes,
    )


async def _two_at_once(database_url: str) -> list[BaseException | None]:
    """Two transactions claim one party's hour, the first still open when the second writes."""
    first = await asyncpg.connect(database_url)
    second = await asyncpg.connect(database_url)
    try:
        party = await first.fetchval("INSERT INTO party (ref) VALUES ($1) RETURNING no", ids.new())
        ours, theirs = first.transaction(), second.transaction()
        await ours.start()
        await theirs.start()
        await _claim(first, party, "[60,120)")
        waiting = asyncio.create_task(_claim(second, party, "[90,150)"))
        await asyncio.sleep(0.2)
        await ours.commit()
        outcome = await asyncio.gather(waiting, return_exceptions=True)
        await (theirs.rollback() if outcome[0] is not None else theirs.commit())
        return outcome
    finally:
        await first.close()
        await second.close()


async def test_of_two_transactions_that_want_one_party_the_second_is_refused(database_url: str):
    (refused,) = await _two_at_once(database_url)
    assert isinstance(refused, asyncpg.ExclusionViolationError)
    assert refused.constraint_name == "party_in_one_place"


async def test_without_the_trigger_both_would_have_it(database_url: str):
    await engine.connect(database_url, size=1)
    await engine.run_script("DROP TRIGGER party_in_one_place ON party_occupancy")
    await engine.disconnect()
    assert await _two_at_once(database_url) == [None]


_ARRIVED = """(SELECT party_no, gen_random_uuid() AS slot_id, '[1,2)'::int4range AS during
              FROM unnest(ARRAY[1, 2, 3]) AS u (party_no))"""


async def _plan(function: str) -> str:
    """How the guard of parties looks at a table that was swept while it was empty."""
    question = function.partition("IF EXISTS (")[2].partition(") THEN")[0]
    await engine.run_script("DELETE FROM party_occupancy")
    await engine.run_script("VACUUM party_occupancy")
    async with engine.transaction() as connection:
        for name in ("seqscan", "hashjoin", "mergejoin"):
            await connection.execute(f"SET LOCAL enable_{name} = off")
        rows = await connection.fetch(f"EXPLAIN {question.replace('arrived a', f'{_ARRIVED} a')}")
    return "\n".join(row[0] for row in rows)


@pytest.mark.usefixtures("desk")
async def test_the_guard_of_parties_begins_with_who_arrives_also_in_an_empty_table():
    """A plan that begins with the table stays in use while it fills: each batch reads all of it."""
    row = await engine.fetch_one("SELECT pg_get_functiondef('party_in_one_place'::regproc) AS text")
    assert row is not None
    migrations = resources.files("openyard_platform.store.migrations")
    first = (migrations / "0001_initial.sql").read_text("utf-8")
    before = first.partition("CREATE FUNCTION party_in_one_place()")[2]
    assert "Index Cond: (party_no = " in await _plan(row["text"])
    assert "Index Cond" not in await _plan(before)
