"""Ids: UUIDv7 for everything, and reservation ids that can be recognised before they are stored."""

import functools
import hashlib
import os
from uuid import UUID

import uuid_utils.compat

_MAC_BITS = 40
_VERSION = 0x7 << 76
_VARIANT = 0b10 << 62


def new() -> UUID:
    return uuid_utils.compat.uuid7()


def mint_reservation(secret: str, account_id: UUID, partition: int, unix_ms: int) -> UUID:
    """A UUIDv7 whose last 40 bits prove to us that we minted it for this account.

    Between the acceptance of a command and its decision nothing about it is in the database;
    with this, any web process can still tell an undecided reservation from a foreign id.
    ``partition``: 0 to 63, kept in the id so that the length of its line can be told.
    """
    noise = int.from_bytes(os.urandom(4), "big")
    head = (
        (unix_ms & (2**48 - 1)) << 80
        | _VERSION
        | ((partition & 0x3F) << 6 | (noise >> 26)) << 64
        | _VARIANT
        | (noise & (2**22 - 1)) << _MAC_BITS
    )
    return UUID(int=head | _mac(secret, account_id, head))


def minted_partition(secret: str, account_id: UUID, reservation_id: UUID) -> int | None:
    """The partition in an id minted for this account; None: not ours, or another's."""
    whole = reservation_id.int
    head = whole >> _MAC_BITS << _MAC_BITS
    if whole - head != _mac(secret, account_id, head):
        return None
    return (whole >> 70) & 0x3F


def _mac(secret: str, account_id: UUID, head: int) -> int:
    text = account_id.bytes + head.to_bytes(16, "big")
    # BLAKE2 has a mode for this, and needs a fraction of the time of an HMAC.
    digest = hashlib.blake2b(text, digest_size=_MAC_BITS // 8, key=_key(secret)).digest()
    return int.from_bytes(digest, "big")


@functools.lru_cache(maxsize=8)
def _key(secret: str) -> bytes:
    return hashlib.sha256(f"reservation ids:{secret}".encode()).digest()
