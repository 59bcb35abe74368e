import asyncio

import pytest

from openyard_platform import ids
from openyard_platform.domain.people import Actor, Role
from openyard_platform.web.lookup import Lookup


class Directory:
    """Accounts in memory; remembers what it was asked."""

    def __init__(self) -> None:
        self.known: dict[bytes, Actor] = {}
        self.asked: list[list[bytes]] = []
        self.delay = 0.0

    async def find(self, digests: list[bytes]) -> dict[bytes, Actor]:
        self.asked.append(digests)
        found = {digest: self.known[digest] for digest in digests if digest in self.known}
        await asyncio.sleep(self.delay)
        return found

    def add(self, digest: bytes) -> Actor:
        actor = Actor(account_id=ids.new(), role=Role.VOLUNTEER, display_name="")
        self.known[digest] = actor
        return actor


@pytest.fixture
def directory() -> Directory:
    return Directory()


async def test_all_that_arrive_together_are_found_by_one_query(directory):
    digests = [bytes([number]) for number in range(200)]
    actors = [directory.add(digest) for digest in digests]
    lookup = Lookup(directory.find)
    assert await asyncio.gather(*map(lookup.actor, digests)) == actors
    assert len(directory.asked) == 1


async def test_what_arrives_during_a_query_makes_the_next_one(directory):
    directory.add(b"a"), directory.add(b"b")
    directory.delay = 0.02
    lookup = Lookup(directory.find)
    first = asyncio.create_task(lookup.actor(b"a"))
    await asyncio.sleep(0.01)
    assert await lookup.actor(b"b") == directory.known[b"b"]
    assert await first == directory.known[b"a"]
    assert directory.asked == [[b"a"], [b"b"]]


async def test_what_was_found_is_kept_for_its_lifetime(directory):
    directory.add(b"a")
    lookup = Lookup(directory.find, lifetime=0.03)
    await lookup.actor(b"a")
    await lookup.actor(b"a")
    assert len(directory.asked) == 1
    await asyncio.sleep(0.04)
    await lookup.actor(b"a")
    assert len(directory.asked) == 2


async def test_what_was_not_found_is_asked_for_again(directory):
    lookup = Lookup(directory.find)
    assert await lookup.actor(b"a") is None
    actor = directory.add(b"a")
    assert await lookup.actor(b"a") == actor


async def test_what_was_revoked_is_forgotten_at_once(directory):
    """ASVS 7.4.1: a session that was ended is of no further use."""
    directory.add(b"a")
    lookup = Lookup(directory.find)
    await lookup.actor(b"a")
    del directory.known[b"a"]
    lookup.drop([b"a"])
    assert await lookup.actor(b"a") is None


async def test_what_is_revoked_during_its_query_is_not_kept(directory):
    directory.add(b"a")
    directory.delay = 0.02
    lookup = Lookup(directory.find)
    asking = asyncio.create_task(lookup.actor(b"a"))
    await asyncio.sleep(0.01)
    del directory.known[b"a"]
    lookup.drop([b"a"])
    await asking
    assert await lookup.actor(b"a") is None


async def test_a_failed_query_fails_those_who_waited_and_nobody_else():
    answers: list[Exception | None] = [ConnectionError("gone"), None]

    async def find(_: list[bytes]) -> dict[bytes, Actor]:
        error = answers.pop(0)
        if error is not None:
            raise error
        return {}

    lookup = Lookup(find)
    with pytest.raises(ConnectionError):
        await lookup.actor(b"a")
    assert await lookup.actor(b"a") is None


async def test_one_that_went_away_does_not_disturb_the_others(directory):
    actor = directory.add(b"a")
    directory.delay = 0.01
    lookup = Lookup(directory.find)
    leaving, staying = (asyncio.create_task(lookup.actor(b"a")) for _ in range(2))
    await asyncio.sleep(0.005)
    leaving.cancel()
    assert await staying == actor


async def test_no_more_are_kept_than_fit(directory):
    lookup = Lookup(directory.find, size=2)
    for digest in (b"a", b"b", b"c"):
        directory.add(digest)
        await lookup.actor(digest)
    await lookup.actor(b"c")
    await lookup.actor(b"a")
    assert len(directory.asked) == 4
