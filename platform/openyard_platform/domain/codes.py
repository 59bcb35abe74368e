"""One-time codes: how long they hold and how they are kept."""

import datetime as dt
import hmac
from uuid import UUID

DIGITS = 6
LIFETIME = dt.timedelta(minutes=10)
MAX_TRIES = 5
# Codes sent to one address in one hour, known or not.
MAX_PER_HOUR = 5


def written(number: int) -> str:
    """Six digits of a random number."""
    return f"{number % 10**DIGITS:0{DIGITS}d}"


def digest(secret_key: str, code_id: UUID, code: str) -> bytes:
    """What is stored: without our key, a million guesses would find the code of a plain hash."""
    return hmac.digest(secret_key.encode(), b"code:" + code_id.bytes + code.encode(), "sha256")


def matches(stored: bytes, secret_key: str, code_id: UUID, code: str) -> bool:
    return hmac.compare_digest(stored, digest(secret_key, code_id, code))
