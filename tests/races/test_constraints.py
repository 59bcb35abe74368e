"""What the tables themselves refuse when two deciders meet, the rules left aside."""

import pytest

from openyard_platform.store import deciding
from openyard_platform.store.decisions import Collision
from tests.integration.test_deciding import Desk, desk, opened, reserve

__all__ = ["desk"]


async def test_the_tables_alone_keep_a_party_from_being_counted_twice(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
):
    slot = await opened(desk)
    party = reserve(slot).account_id
    await desk.decide(reserve(slot, party=party))

    async def see_nothing(connection, state, refs, nos) -> None:
        rows = await connection.fetch("SELECT no, ref FROM party WHERE ref = ANY($1)", list(refs))
        del nos
        state.party_nos = {row["ref"]: row["no"] for row in rows}

    monkeypatch.setattr(deciding, "_lock_parties", see_nothing)
    with pytest.raises(Collision):
        await desk.decide(reserve(slot, party=party))
