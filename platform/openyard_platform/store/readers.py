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


async def stand(name: str, stream_created: dt.datetime, last_sequence: int) -> Position:
    """Where to go on in the stream as it is now.

    A stream made anew starts over, and one that lost its end is read on from what is left.
    """
    row = await engine.fetch_one(
        """
        INSERT INTO reader AS r (name, stream_created, sequence) VALUES ($1, $2, 0)
        ON CONFLICT (name) DO UPDATE SET
            stream_created = excluded.stream_created,
            sequence = CASE WHEN r.stream_created = excluded.stream_created
                            THEN least(r.sequence, $3) ELSE 0 END
        RETURNING name, stream_created, sequence
        """,
        name,
        stream_created,
        last_sequence,
    )
    if row is None:
        raise RuntimeError(f"The reader {name} has no row.")
    return Position(**dict(row))


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
