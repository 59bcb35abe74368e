"""How often something may be tried, on a real Valkey, and what happens without one."""

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from openyard_platform.domain.errors import TooMany
from openyard_platform.web import limits
from openyard_platform.web.limits import Limit

THREE = Limit("test", 3, 60)
ONE = Limit("test-one", 1, 60)


@pytest.fixture
async def server(valkey) -> AsyncIterator[Redis]:
    client = Redis.from_url(valkey.url)
    await client.flushdb()
    yield client
    await client.aclose()


async def _spends(client: Redis, *tries: tuple[Limit, str]) -> bool:
    try:
        await limits.spend(client, *tries)
    except TooMany:
        return False
    return True


async def test_tries_are_counted_up_to_the_limit(server):
    assert [await _spends(server, (THREE, "a")) for _ in range(5)] == [True] * 3 + [False] * 2


async def test_parallel_tries_do_not_share_one(server):
    """ASVS 15.4.2: counting and looking are one step."""
    passed = await asyncio.gather(*(_spends(server, (THREE, "a")) for _ in range(50)))
    assert passed.count(True) == 3


async def test_each_key_and_each_limit_counts_for_itself(server):
    for key in ("a", "b"):
        for limit in (THREE, Limit("other", 3, 60)):
            assert [await _spends(server, (limit, key)) for _ in range(4)] == [True] * 3 + [False]


async def test_the_fullest_of_several_decides(server):
    assert await _spends(server, (THREE, "a"), (ONE, "a"))
    assert not await _spends(server, (THREE, "a"), (ONE, "a"))
    assert await _spends(server, (THREE, "a"))


async def test_a_limit_ends_with_its_window(server):
    short = Limit("short", 1, 1)
    assert await _spends(server, (short, "a"))
    with pytest.raises(TooMany) as caught:
        await limits.spend(server, (short, "a"))
    assert caught.value.parameters["retry_after"] == 1
    await asyncio.sleep(1.05)
    assert await _spends(server, (short, "a"))


async def test_a_good_try_starts_the_count_anew(server):
    assert [await _spends(server, (ONE, "a")) for _ in range(2)] == [True, False]
    await limits.forgive(server, (ONE, "a"))
    assert await _spends(server, (ONE, "a"))


async def test_what_is_limited_does_not_stand_in_valkey_in_clear(server):
    await limits.spend(server, (THREE, "wang@example.org"))
    (key,) = await server.keys("*")
    assert b"wang" not in key
    assert 0 < await server.pttl(key) <= 60_000


async def test_a_server_that_forgets_its_scripts_is_taught_again(server):
    await limits.spend(server, (ONE, "a"))
    await server.script_flush()
    assert not await _spends(server, (ONE, "a"))


async def test_without_valkey_everybody_passes_and_the_log_says_so(caplog):
    nowhere = Redis.from_url("redis://127.0.0.1:1", socket_connect_timeout=0.2)
    with caplog.at_level(logging.WARNING):
        assert all([await _spends(nowhere, (ONE, "a")) for _ in range(3)])
        await limits.forgive(nowhere, (ONE, "a"))
    assert "limits are off" in caplog.text
    await nowhere.aclose()


@pytest.mark.parametrize(
    ("client", "address"),
    [
        (("203.0.113.7", 1), "203.0.113.7"),
        (("2001:db8:1:2:aaaa::1", 1), "2001:db8:1:2::/64"),
        (("2001:db8:1:2:bbbb::2", 1), "2001:db8:1:2::/64"),
        (("testclient", 1), "testclient"),
        (None, ""),
    ],
)
def test_an_ipv6_customer_counts_as_one(client, address):
    class Connection:
        scope = {"client": client}  # noqa: RUF012

    assert limits.address_of(Connection()) == address
