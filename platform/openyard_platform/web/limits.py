"""How often something may be tried, counted on Valkey by account, address and route."""

import hashlib
import ipaddress
import logging
from typing import Any

import redis.exceptions
from litestar.connection import ASGIConnection
from msgspec import Struct
from redis.asyncio import Redis

from openyard_platform.domain.errors import TooMany

_log = logging.getLogger(__name__)

# Counting and looking are one step on the server: parallel requests cannot share a try. The
# window starts with the first try. Answers 0, or milliseconds until the fullest is empty again.
_SPEND = """
local wait = 0
for i, key in ipairs(KEYS) do
    local count = redis.call('INCR', key)
    if count == 1 then redis.call('PEXPIRE', key, ARGV[2 * i]) end
    if count > tonumber(ARGV[2 * i - 1]) then
        wait = math.max(wait, redis.call('PTTL', key), 1)
    end
end
return wait
"""


class Limit(Struct, frozen=True):
    """``name`` says for what; ``times`` in ``seconds``."""

    name: str
    times: int
    seconds: int


async def spend(valkey: Redis, *tries: tuple[Limit, str]) -> None:
    """Count one try under each limit and the key beside it.

    Without Valkey everybody passes: a broken counter must not lock the door (the log says so).

    Raises:
        TooMany: at least one limit is reached; ``retry_after`` in seconds.
    """
    keys = [_key(limit, text) for limit, text in tries]
    arguments = [number for limit, _ in tries for number in (limit.times, limit.seconds * 1000)]
    try:
        wait = int(await valkey.register_script(_SPEND)(keys=keys, args=arguments))
    except (redis.exceptions.RedisError, OSError, TimeoutError) as error:
        _log.warning("limits are off, Valkey does not answer: %s", error)
        return
    if wait:
        seconds = -(-wait // 1000)
        raise TooMany("Too many tries. Please wait a little.", retry_after=seconds)


async def forgive(valkey: Redis, *tries: tuple[Limit, str]) -> None:
    """Start these counts anew: the try was a good one."""
    try:
        await valkey.delete(*(_key(limit, text) for limit, text in tries))
    except (redis.exceptions.RedisError, OSError, TimeoutError) as error:
        _log.warning("limits are off, Valkey does not answer: %s", error)


def address_of(connection: ASGIConnection[Any, Any, Any, Any]) -> str:
    """Where a request comes from; an IPv6 customer has a whole /64 and counts as one."""
    client = connection.scope.get("client")
    host = client[0] if client else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if address.version == 6:  # noqa: PLR2004 - of the Internet Protocol
        return str(ipaddress.ip_network((address, 64), strict=False))
    return host


def _key(limit: Limit, text: str) -> str:
    """E-mail addresses do not stand in Valkey in clear."""
    return f"limit:{limit.name}:{hashlib.sha256(text.encode()).hexdigest()[:32]}"
