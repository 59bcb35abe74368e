"""Where each reader of a stream stands; moving on is what makes a batch count once."""

import datetime as dt

from msgspec import Struct

from openyard_platform.store import engine


class Overtaken(Exception):
    """Another process has moved the reader: what this one was about to write is not written."""


class Position(Struct, frozen=True, kw_only=True):
    """The last message done of the stream that was made at ``stream_created``."""

    name: str
    stream_created: dt.datetime
    sequence: int


async def load(name: str) -> Position | None:
    row = await engine.fetch_one(
        "SELECT name, stream_created, sequence FROM reader WHERE name = $1", name
    )
    return None if row is None else Position(**dict(row))


async def place(known: Position | None, wanted: Position) -> Position:
    """Put a reader somewhere else than ``known``, where it was found; None: it had no place.

    Raises:
        Overtaken: it is no longer there.
    """
    if known is None:
        placed = await engine.fetch(
            "INSERT INTO reader (name, stream_created, sequence) VALUES ($1, $2, $3)"
            " ON CONFLICT (name) DO NOTHING RETURNING 1",
            wanted.name,
            wanted.stream_created,
            wanted.sequence,
        )
    else:
        placed = await engine.fetch(
            "UPDATE reader SET stream_created = $4, sequence = $5"
            " WHERE name = $1 AND stream_created = $2 AND sequence = $3 RETURNING 1",
            known.name,
            known.stream_created,
            known.sequence,
            wanted.stream_created,
            wanted.sequence,
        )
    if not placed:
        raise Overtaken(wanted.name)
    return wanted


async def advance(position: Position, sequence: int) -> Position:
    """Move on inside the running transaction, and keep others from doing so until its end.

    Raises:
        Overtaken: the reader is no longer where this process left it.
    """
    moved = await engine.fetch(
        "UPDATE reader SET sequence = $4"
        " WHERE name = $1 AND stream_created = $2 AND sequence = $3 RETURNING 1",
        position.name,
        position.stream_created,
        position.sequence,
        sequence,
    )
    if not moved:
        raise Overtaken(position.name)
    return Position(name=position.name, stream_created=position.stream_created, sequence=sequence)
