"""What one statement writes is what several would have written."""

from uuid import UUID

import pytest

from openyard_platform import ids
from openyard_platform.store import engine, usual_decisions
from tests.integration.test_deciding import Desk, desk, opened, reserve

__all__ = ["desk"]

_ROWS = {
    "slot": "SELECT taken, waiting, decided, revision, updated_at, due_at FROM slot WHERE id = $1",
    "reservation": """
        SELECT to_jsonb(r) - '{id,slot_id,account_id,holder_id,party_nos}'::text[] AS row,
            account_id = holder_id AS own
        FROM reservation r WHERE slot_id = $1 ORDER BY position""",
    "party_occupancy": """
        SELECT upper(during) - lower(during) AS minutes, isempty(during) AS waits
        FROM party_occupancy p JOIN reservation r ON r.id = p.reservation_id
        WHERE p.slot_id = $1 ORDER BY r.position""",
    "outbox": """
        SELECT subject, type, at, (SELECT array_agg(key ORDER BY key) FROM jsonb_object_keys(
            body::jsonb) AS key) AS keys, body::jsonb -> 'position' AS position
        FROM outbox WHERE (body::jsonb ->> 'slot_id')::uuid = $1 AND type LIKE '%.reservation.%'
        ORDER BY id""",
    "audit": """
        SELECT at, action, detail - 'slot' AS detail FROM audit
        WHERE subject_id IN (SELECT id FROM reservation WHERE slot_id = $1) ORDER BY id""",
}


async def _written(slot_id: UUID) -> dict[str, list[dict[str, object]]]:
    return {
        table: [dict(row) for row in await engine.fetch(sql, slot_id)]
        for table, sql in _ROWS.items()
    }


@pytest.fixture
def statements(monkeypatch) -> list[bool]:
    """Of each batch, whether one statement wrote it."""
    taken: list[bool] = []
    fits = usual_decisions.fits

    def noted(decisions) -> bool:
        taken.append(fits(decisions))
        return taken[-1]

    monkeypatch.setattr(usual_decisions, "fits", noted)
    return taken


async def test_both_ways_write_the_same(desk: Desk, monkeypatch, statements):
    found = []
    for at_once in (True, False):
        slot = await opened(desk, capacity=3)
        statements.clear()
        if not at_once:
            monkeypatch.setattr(usual_decisions, "fits", lambda _: False)
        asked = [reserve(slot), reserve(slot, 2), reserve(slot), reserve(slot)]
        outcomes = await desk.decide(*asked)
        assert [one.status for one in outcomes] == ["confirmed"] * 2 + ["waitlisted"] * 2
        assert statements == ([True] if at_once else [])
        found.append(await _written(slot))
    assert found[0] == found[1]
    assert [len(found[0][table]) for table in _ROWS] == [1, 4, 4, 4, 4]


async def test_what_is_more_than_usual_goes_the_other_way(desk: Desk, statements):
    slot = await opened(desk, capacity=1)
    party = ids.new()
    for more in (
        reserve(slot, note="带轮椅"),
        reserve(slot, key="once", fingerprint=b"1"),
        reserve(slot, 5, waitlist=False),
        reserve(slot, party=party),
    ):
        await desk.decide(more)
    assert statements[-4:] == [False, False, False, True]
    rows = await engine.fetch("SELECT status FROM reservation WHERE slot_id = $1", slot)
    assert len(rows) == 4
