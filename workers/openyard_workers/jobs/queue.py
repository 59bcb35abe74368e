"""The arq queue on Valkey: it only pokes, so all of it may be lost at any time."""

import asyncio
import logging
from collections.abc import Sequence
from functools import partial
from uuid import UUID

import msgpack
from arq import ArqRedis
from redis.asyncio import BlockingConnectionPool
from redis.exceptions import RedisError

_log = logging.getLogger(__name__)

NAME = "openyard:jobs"
SEND_NOTIFICATION = "send_notification"

# arq would pickle: whoever could write to Valkey could then run code here.
serialise = msgpack.packb
deserialise = partial(msgpack.unpackb, raw=False)

_CONNECTIONS = 8
_PATIENCE = 3.0
# What a lost Valkey looks like.
LOST = (RedisError, OSError)


def connect(redis_url: str) -> ArqRedis:
    """A queue that connects when it is used, and again after every loss."""
    pool = BlockingConnectionPool.from_url(
        redis_url,
        max_connections=_CONNECTIONS,
        timeout=_PATIENCE,
        socket_timeout=_PATIENCE,
        socket_connect_timeout=_PATIENCE,
    )
    return ArqRedis(
        pool_or_conn=pool,
        job_serializer=serialise,
        job_deserializer=deserialise,
        default_queue_name=NAME,
    )


async def close(valkey: ArqRedis) -> None:
    # Not by itself: it takes a pool that was handed to it for somebody else's.
    await valkey.aclose(close_connection_pool=True)


async def poke(valkey: ArqRedis, notifications: Sequence[tuple[UUID, int]]) -> int:
    """Ask for these notifications (id and tries so far) to be sent; returns how many are new.

    The tries are part of the job's name: a job whose worker was killed stays locked in the queue
    for a while, and must not keep the next try out. A lost Valkey is no error here: the sweeper
    pokes again.
    """
    room = asyncio.Semaphore(_CONNECTIONS)

    async def one(notification_id: UUID, tries: int) -> bool:
        async with room:
            job = await valkey.enqueue_job(
                SEND_NOTIFICATION, str(notification_id), _job_id=f"{notification_id}:{tries}"
            )
            return job is not None

    try:
        added = await asyncio.gather(*(one(*item) for item in notifications))
    except LOST as error:
        _log.warning("Valkey does not take jobs: %r", error)
        return 0
    return sum(added)
