"""Any history of requests, changes and deaths on a real database: the invariants hold throughout.

Each guard is taken out once, and the machine must notice.
"""

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from openyard_platform.domain import allotments, occupancy, waitlist
from openyard_platform.store import partitions
from tests.races.machine import Machine


def _run_machine(url: str, *phases: Phase) -> None:
    Machine.url = url
    with asyncio.Runner() as runner:
        Machine.runner = runner
        run_state_machine_as_test(
            Machine,
            settings=settings(
                max_examples=40,
                stateful_step_count=30,
                deadline=None,
                suppress_health_check=list(HealthCheck),
                derandomize=True,
                database=None,
                phases=phases or tuple(Phase),
            ),
        )


def test_the_invariants_hold_after_every_step(postgres) -> None:
    _run_machine(postgres.fresh("machine"))


def test_without_handing_on_the_machine_notices(postgres, monkeypatch) -> None:
    monkeypatch.setattr(waitlist, "hand_on", lambda *_: None)
    with pytest.raises(AssertionError, match="6 nobody is first in line for seats"):
        _run_machine(postgres.fresh("machine_unguarded"), Phase.generate)


def test_without_looking_at_spaces_the_machine_notices(postgres, monkeypatch) -> None:
    """The constraints are taken away too: they would refuse what the rule let pass."""
    url = postgres.fresh("machine_unguarded")
    monkeypatch.setattr(occupancy, "space_obstacle", lambda *_, **__: None)
    postgres.server.run_sql(
        """ALTER TABLE slot_occupancy DROP CONSTRAINT slot_occupancy_free;
           DROP TRIGGER space_has_room ON space_share;""",
        database=url.rpartition("/")[2].partition("?")[0],
    )
    with pytest.raises(AssertionError, match=r"2 no(body is over the room| two slots share)"):
        _run_machine(url, Phase.generate)


def test_where_nothing_is_kept_the_machine_notices(postgres, monkeypatch) -> None:
    def all_open(_kept: Any, free: int, *_: Any) -> allotments.Share:
        return allotments.Share(None, 0, max(0, free))

    monkeypatch.setattr(allotments, "share", all_open)
    with pytest.raises(AssertionError, match="1 what is kept is given to nobody else"):
        _run_machine(postgres.fresh("machine_unguarded"), Phase.generate)


def test_without_a_fence_the_machine_notices(postgres, monkeypatch) -> None:
    async def anybody(connection: Any, lease: Any, _before: Any, after: Any) -> None:
        sql = "UPDATE partition SET sequence = $2 WHERE no = $1"
        await connection.execute(sql, lease.partition, after.sequence)

    monkeypatch.setattr(partitions, "advance", anybody)
    with pytest.raises(AssertionError, match="3 the old decider was not fenced off"):
        _run_machine(postgres.fresh("machine_unguarded"), Phase.generate)
