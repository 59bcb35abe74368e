"""Partitions: who decides, and how far the line is decided. Lease and position are one row."""

import datetime as dt
from typing import Any

from msgspec import Struct

from openyard_platform.settings import BadSetting
from openyard_platform.store import engine


class LeaseLost(Exception):
    """Another decider has the partition, or moved on: nothing of this batch may be kept."""


class Position(Struct, frozen=True, kw_only=True):
    """Decided: every message up to ``sequence``, and ``index`` commands of the next one."""

    stream_created: dt.datetime | None
    sequence: int
    index: int


class Lease(Struct, frozen=True, kw_only=True):
    partition: int
    holder: str
    epoch: int
    seconds: float


async def ensure(partitions: int) -> None:
    """There are so many. New ones are free as from now, so that deciders find time to come home.

    Raises:
        BadSetting: there have been more; what waits in their lines would never be decided.
    """
    await engine.fetch(
        """INSERT INTO partition (no, expires_at) SELECT generate_series(0, $1 - 1), now()
           ON CONFLICT DO NOTHING""",
        partitions,
    )
    row = await engine.fetch_one("SELECT count(*)::int AS number FROM partition")
    known = 0 if row is None else row["number"]
    if known > partitions:
        raise BadSetting(f"OPENYARD_PARTITIONS is {partitions}, but there are {known} already.")


async def take(
    partition: int, holder: str, *, seconds: float, grace: float
) -> tuple[Lease, Position] | None:
    """The lease, where nobody else has held it for ``grace`` seconds; None: somebody does.

    ``holder``: no other has the same name. Who lost the database, and with it the place where it
    was, takes its own lease up again at once. Each taking has a new epoch, so that whoever held it
    before is fenced off.
    """
    row = await engine.fetch_one(
        """UPDATE partition
           SET holder = $2, epoch = epoch + 1, expires_at = clock_timestamp() + $3::interval
           WHERE no = $1 AND (holder = $2 OR expires_at + $4::interval < clock_timestamp())
           RETURNING epoch, stream_created, sequence, index""",
        partition,
        holder,
        dt.timedelta(seconds=seconds),
        dt.timedelta(seconds=grace),
    )
    if row is None:
        return None
    lease = Lease(partition=partition, holder=holder, epoch=row["epoch"], seconds=seconds)
    return lease, Position(
        stream_created=row["stream_created"], sequence=row["sequence"], index=row["index"]
    )


async def renew(lease: Lease) -> None:
    """Say that we are still here, while there is nothing to decide.

    Raises:
        LeaseLost: we are too late.
    """
    row = await engine.fetch_one(
        """UPDATE partition SET expires_at = clock_timestamp() + $3::interval
           WHERE no = $1 AND epoch = $2 RETURNING 1""",
        lease.partition,
        lease.epoch,
        dt.timedelta(seconds=lease.seconds),
    )
    if row is None:
        raise LeaseLost(f"Partition {lease.partition} is decided by somebody else now.")


async def release(lease: Lease) -> None:
    """Let the next one begin: who is at home there at once, others after their grace."""
    await engine.fetch(
        "UPDATE partition SET expires_at = clock_timestamp() WHERE no = $1 AND epoch = $2",
        lease.partition,
        lease.epoch,
    )


async def advance(connection: Any, lease: Lease, before: Position, after: Position) -> None:
    """Move the position on, inside the transaction that holds the effects.

    Raises:
        LeaseLost: the epoch or the position is another; the transaction must be rolled back.
    """
    row = await connection.fetchrow(
        """UPDATE partition
           SET sequence = $5, index = $6, stream_created = $7,
               expires_at = clock_timestamp() + $8::interval
           WHERE no = $1 AND epoch = $2 AND sequence = $3 AND index = $4 RETURNING 1""",
        lease.partition,
        lease.epoch,
        before.sequence,
        before.index,
        after.sequence,
        after.index,
        after.stream_created,
        dt.timedelta(seconds=lease.seconds),
    )
    if row is None:
        raise LeaseLost(f"Partition {lease.partition} is decided by somebody else now.")
