"""Names of streams and subjects, and the one validator every token passes."""

import re
import zlib

VENUE_STREAM = "VENUE"
FACT_STREAM = "FACT"
DLQ_STREAM = "DLQ"

VENUE_SUBJECTS = "venue.*.slot.*"
FACT_SUBJECTS = "fact.>"
DLQ_SUBJECTS = "dlq.>"

# Rung when facts have been recorded; nothing in it, and nothing lost when nobody hears it.
RELAY_BELL = "relay.bell"

# ASCII only: ``\w`` would let other scripts through, and ``$`` a trailing newline.
_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}")


class BadToken(ValueError):
    """A part of a subject holds something other than 1 to 64 of ``A-Za-z0-9_-``."""


def token(text: str) -> str:
    """The text itself where it may stand in a subject.

    Raises:
        BadToken: it may not; NATS itself would accept ``*`` and ``>`` on publish.
    """
    if not _TOKEN.fullmatch(text):
        raise BadToken(f"{text[:80]!r} is not 1 to 64 letters, digits, '_' or '-'.")
    return text


def is_token(text: str) -> bool:
    return _TOKEN.fullmatch(text) is not None


def slot_offered(venue_key: str) -> str:
    return f"venue.{token(venue_key)}.slot.offered"


def slot_changed(venue_key: str) -> str:
    return f"venue.{token(venue_key)}.slot.changed"


def slot_withdrawn(venue_key: str) -> str:
    return f"venue.{token(venue_key)}.slot.withdrawn"


def receipt(venue_key: str, receipt_id: str) -> str:
    return f"receipt.{token(venue_key)}.{token(receipt_id)}"


def command_stream(partition: int) -> str:
    return f"COMMAND_{partition}"


def command(partition: int) -> str:
    return f"command.{partition}"


def reply(instance: str) -> str:
    """Where the decider answers one web or intake process (core NATS, may be lost)."""
    return f"reply.{token(instance)}"


def fact(district: str, entity: str, verb: str) -> str:
    return f"fact.{token(district)}.{token(entity)}.{token(verb)}"


def dead_letter(source: str) -> str:
    return f"dlq.{token(source)}"


def partition_of(venue_key: str, partitions: int) -> int:
    """The partition whose decider alone writes this venue's slots; stable for ever."""
    return zlib.crc32(venue_key.encode()) % partitions
