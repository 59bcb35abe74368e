"""Deciding a batch of commands: load, decide, write and move on, in one transaction."""

from collections.abc import Sequence

from openyard_events.commands import Outcome
from openyard_platform.domain.deciding import decide
from openyard_platform.domain.state import Asked
from openyard_platform.store import deciding, decisions, engine, partitions
from openyard_platform.store.partitions import Lease, Position

# A collision needs two partitions to meet on one party between our read and our write, while
# the party is locked: once is rare, and the reload sees the other's effect.
_TRIES = 5


async def decide_batch(
    asked: Sequence[Asked], lease: Lease, before: Position, after: Position
) -> list[Outcome]:
    """Decide commands in order, exactly once; the outcomes in the same order.

    Raises:
        LeaseLost: another decider has the partition; nothing was written.
    """
    for _ in range(_TRIES - 1):
        try:
            return await _decide_once(asked, lease, before, after)
        except decisions.Collision:
            continue
    return await _decide_once(asked, lease, before, after)


async def _decide_once(
    asked: Sequence[Asked], lease: Lease, before: Position, after: Position
) -> list[Outcome]:
    async with engine.transaction() as connection:
        state = await deciding.load(connection, asked)
        decided = decide(state, asked)
        await decisions.write(connection, decided)
        await partitions.advance(connection, lease, before, after)
    return decided.outcomes


async def skip(lease: Lease, before: Position, after: Position) -> None:
    """Move on past what cannot be decided; it stands in the dead-letter stream.

    Raises:
        LeaseLost: another decider has the partition.
    """
    async with engine.transaction() as connection:
        await partitions.advance(connection, lease, before, after)
