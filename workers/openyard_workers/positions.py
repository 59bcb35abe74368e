"""Where a reader goes on in a stream, as the stream is now."""

import nats.errors
from nats.js import JetStreamContext

from openyard_platform.store import readers
from openyard_platform.store.readers import Position


async def stand(js: JetStreamContext, stream: str, name: str) -> Position:
    """The stored position of this reader, mended where the stream is no longer the same.

    A stream made anew starts over, and one that lost its end is read on from what is left.

    Raises:
        readers.Overtaken: another process has moved the reader meanwhile; try again.
        nats.errors.Error: the server does not answer.
    """
    # Before the stream is asked: another process may move the reader in between, and then its
    # position would seem to lie behind the stream's end.
    known = await readers.load(name)
    info = await js.stream_info(stream)
    created, last = info.created, info.state.last_seq
    if created is None:
        raise nats.errors.Error("The server does not say when the stream was made.")
    if known is None or known.stream_created != created:
        sequence = 0
    elif known.sequence > last:
        sequence = last
    else:
        return known
    return await readers.place(
        known, Position(name=name, stream_created=created, sequence=sequence)
    )
