"""A decider that slept through its replacement: three guards stand in its way, one is enough."""

import contextlib
from collections.abc import Callable

import asyncpg
import pytest

from openyard_platform.store import deciding, engine, partitions
from openyard_platform.store.usual_decisions import Collision
from tests.integration.test_deciding import Desk, desk, opened, reserve

__all__ = ["desk"]

# What keeps a second effect out of the tables when neither position nor ids are looked at.
CONSTRAINTS = """
    ALTER TABLE reservation DROP CONSTRAINT IF EXISTS reservation_pkey;
    DROP INDEX IF EXISTS reservation_slot_position;
    ALTER TABLE party_occupancy DROP CONSTRAINT IF EXISTS party_once_on_a_slot;
    DROP TRIGGER IF EXISTS party_in_one_place ON party_occupancy;
"""


async def _no_fence(connection, lease, before, after) -> None:
    del before
    await connection.execute(
        "UPDATE partition SET sequence = $2 WHERE no = $1", lease.partition, after.sequence
    )


async def _no_look_up(*_: object) -> None:
    return None


async def _decided_twice(desk: Desk, without: Callable[[], None]) -> int:
    """How many reservations one request has after the old decider woke up; 1 is right."""
    slot = await opened(desk)
    old_lease, old_position = desk.lease, desk.position
    await partitions.release(desk.lease)
    taken = await partitions.take(0, "newer", seconds=60, grace=0)
    assert taken is not None
    desk.lease, desk.position = taken
    made = reserve(slot)
    await desk.decide(made)
    desk.lease, desk.position = old_lease, old_position
    without()
    with contextlib.suppress(partitions.LeaseLost, asyncpg.UniqueViolationError, Collision):
        await desk.decide(made)
    return len(await engine.fetch("SELECT 1 FROM reservation WHERE slot_id = $1", slot))


async def test_the_fence_alone_is_enough(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    await engine.run_script(CONSTRAINTS)

    def without() -> None:
        _look_nothing_up(monkeypatch)

    assert await _decided_twice(desk, without) == 1


async def test_the_look_up_of_known_commands_alone_is_enough(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
):
    await engine.run_script(CONSTRAINTS)

    def without() -> None:
        monkeypatch.setattr(partitions, "advance", _no_fence)

    assert await _decided_twice(desk, without) == 1


async def test_without_any_guard_the_effect_is_there_twice(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
):
    await engine.run_script(CONSTRAINTS)

    def without() -> None:
        monkeypatch.setattr(partitions, "advance", _no_fence)
        _look_nothing_up(monkeypatch)

    assert await _decided_twice(desk, without) == 2


async def test_who_lost_its_place_takes_its_own_lease_up_at_once(desk: Desk):
    """And nobody else does; what it left behind is fenced off like anybody's."""
    slot = await opened(desk)
    assert await partitions.take(0, "newer", seconds=60, grace=0) is None
    taken = await partitions.take(0, desk.lease.holder, seconds=60, grace=60)
    assert taken is not None
    assert taken[0].epoch == desk.lease.epoch + 1
    with pytest.raises(partitions.LeaseLost):
        await desk.decide(reserve(slot))
    desk.lease, desk.position = taken
    await desk.decide(reserve(slot))


def _look_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither known ids nor what the party has already."""
    monkeypatch.setattr(deciding, "_load_known", _no_look_up)

    monkeypatch.setattr(deciding, "_load_parties", _no_look_up)
