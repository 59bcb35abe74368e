"""What could not be processed, kept with the reason."""

from nats.js import JetStreamContext

from openyard_events import subjects

_REASON = 500  # characters; a header line has to stay short


async def bury(js: JetStreamContext, source: str, data: bytes, reason: str) -> None:
    """Put a message into the dead-letter stream. ``source``: a token, e.g. ``command-0``.

    Raises:
        nats.errors.Error: it is not there; the message must not be passed over.
    """
    printable = "".join(character if character.isprintable() else " " for character in reason)
    headers = {"Openyard-Reason": printable.encode("ascii", "replace").decode()[:_REASON]}
    await js.publish(subjects.dead_letter(source), data, headers=headers)
