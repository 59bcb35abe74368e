"""Deciding a batch of commands: load, decide, write and move on, in one transaction."""

import logging
from collections.abc import Sequence

import asyncpg

from openyard_events.commands import Outcome
from openyard_platform.domain.deciding import decide
from openyard_platform.domain.state import Asked, Decisions
from openyard_platform.store import chances, deciding, decisions, engine, partitions
from openyard_platform.store.partitions import Lease, Position
from openyard_platform.store.usual_decisions import Collision

# A collision needs two partitions to meet on one party between our read and our write, while
# the party is locked: once is rare, and the reload sees the other's effect.
_TRIES = 5
_NO_DATABASE = (
    OSError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)

_log = logging.getLogger(__name__)


async def decide_batch(
    asked: Sequence[Asked], lease: Lease, before: Position, after: Position
) -> list[Outcome]:
    """Decide commands in order, exactly once; the outcomes in the same order.

    Raises:
        LeaseLost: another decider has the partition; nothing was written.
    """
    decided = await _decide(asked, lease, before, after)
    if decided.chances:
        await _give_elsewhere(decided)
    return decided.outcomes


async def _decide(
    asked: Sequence[Asked], lease: Lease, before: Position, after: Position
) -> Decisions:
    for _ in range(_TRIES - 1):
        try:
            return await _decide_once(asked, lease, before, after)
        except Collision:
            continue
    return await _decide_once(asked, lease, before, after)


async def _decide_once(
    asked: Sequence[Asked], lease: Lease, before: Position, after: Position
) -> Decisions:
    async with engine.transaction() as connection:
        state = await deciding.load(connection, asked)
        decided = decide(state, asked)
        await decisions.write(connection, decided)
        await partitions.advance(connection, lease, before, after)
    return decided


async def _give_elsewhere(decided: Decisions) -> None:
    """Other venues' slots may be another partition's, so they are not locked while deciding."""
    try:
        await chances.give_elsewhere(decided)
    except _NO_DATABASE as error:
        # What is decided stands: nothing of it may be tried again.
        _log.warning("Who waits elsewhere has to wait for its next turn: %r", error)


async def skip(lease: Lease, before: Position, after: Position) -> None:
    """Move on past what cannot be decided; it stands in the dead-letter stream.

    Raises:
        LeaseLost: another decider has the partition.
    """
    async with engine.transaction() as connection:
        await partitions.advance(connection, lease, before, after)
