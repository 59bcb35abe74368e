"""Choices and ids that follow from a seed and a name, and from nothing else."""

import hashlib
from collections.abc import Sequence
from typing import TypeVar
from uuid import UUID

T = TypeVar("T")

# 2026-01-01T00:00:00Z: the time in every demo id, so that an id does not depend on the day.
_MILLISECONDS = 1_767_225_600_000


def stable_id(seed: int, *name: object) -> UUID:
    """A UUIDv7 in shape; the same seed and name always give the same one."""
    noise = int.from_bytes(_digest(seed, name)[:16], "big")
    whole = (_MILLISECONDS << 80) | (noise & (2**80 - 1))
    whole = whole & ~(0xF << 76) | (0x7 << 76)
    return UUID(int=whole & ~(0b11 << 62) | (0b10 << 62))


def number(seed: int, below: int, *name: object) -> int:
    """A number from 0 to ``below - 1``.

    A hash and not a generator with a state: one organisation more moves none of the others.
    """
    return int.from_bytes(_digest(seed, name)[:8], "big") % below


def choice(seed: int, among: Sequence[T], *name: object) -> T:
    return among[number(seed, len(among), *name)]


def _digest(seed: int, name: tuple[object, ...]) -> bytes:
    return hashlib.sha256(f"{seed}:{':'.join(map(str, name))}".encode()).digest()
