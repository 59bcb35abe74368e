"""Hashing passwords (argon2id) in a small pool of threads, so that nobody else waits for it."""

import asyncio
import functools
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from openyard_platform.domain.errors import Unavailable

# 19 MiB, two passes: some 20 ms each. The library's own defaults cost seven times that.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


@functools.cache
def _nobody() -> str:
    """For an unknown account: it costs the same time as a known one (ASVS 6.3.8)."""
    return _HASHER.hash("openyard: nobody has this one")


def hash_now(password: str) -> str:
    """At once, on this thread: for loaders and tests."""
    return _HASHER.hash(password)


def matches_now(stored: str | None, password: str) -> bool:
    try:
        return _HASHER.verify(stored or _nobody(), password) and stored is not None
    except (VerificationError, InvalidHashError):
        return False


class Hasher:
    """At most ``threads`` at work and ``waiting`` in line; who comes then is asked to come back."""

    def __init__(self, *, threads: int = 2, waiting: int = 64) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="argon2")
        self._places = threads + waiting
        self._taken = 0

    async def hash(self, password: str) -> str:
        """Raises Unavailable where the line is too long."""
        self._enter()
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._pool, hash_now, password)
        finally:
            self._taken -= 1

    async def matches(self, stored: str | None, password: str) -> bool:
        """Whether it is the password; as slow for an account that does not exist.

        Raises:
            Unavailable: the line is too long.
        """
        self._enter()
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._pool, matches_now, stored, password)
        finally:
            self._taken -= 1

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _enter(self) -> None:
        if self._taken >= self._places:
            raise Unavailable("Very many people are logging in. Please try again.", retry_after=3)
        self._taken += 1
