"""One ephemeral pull consumer: what it was asked for, what it sent, and when to doubt it."""

import datetime as dt
from typing import Self

from msgspec import Struct
from nats.aio.subscription import Subscription

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_ACK_TOKENS = 9  # $JS.ACK.<stream>.<consumer>.<tries>.<stream seq>.<consumer seq>.<ns>.<pending>


class Word(Struct, frozen=True):
    """What the server says about a message, in the subject it may be answered to."""

    sequence: int
    consumer_sequence: int
    timestamp: dt.datetime

    @classmethod
    def of(cls, reply: str) -> Self:
        fields = reply.split(".")
        # With a domain there are two tokens more, and a last one without meaning.
        first = 5 if len(fields) == _ACK_TOKENS else 7
        sequence, consumer_sequence, nanoseconds = map(int, fields[first : first + 3])
        timestamp = _EPOCH + dt.timedelta(microseconds=nanoseconds // 1000)
        return cls(sequence, consumer_sequence, timestamp)


class PullConsumer:
    """One ephemeral consumer and what is asked of it; in doubt it is replaced as a whole."""

    def __init__(self, name: str, inbox: str, reconnects: int, now: float) -> None:
        self.name = name
        self.inbox = inbox
        self.reconnects = reconnects
        self.heard = now
        self.credit = 0  # messages asked for and not yet received
        self.sequence = 0  # the consumer's own count of what it sent
        self.subscription: Subscription | None = None
        self.doubt = ""

    def accept(self, word: Word) -> bool:
        """Take the next message; False when one before it is missing."""
        if self.doubt or word.consumer_sequence != self.sequence + 1:
            self.doubt = self.doubt or f"message {self.sequence + 1} of it is missing"
            return False
        self.sequence = word.consumer_sequence
        self.credit -= 1
        return True

    def status(self, headers: dict[str, str]) -> None:
        """A word of the server about the consumer or about one request."""
        code = headers.get("Status", "")
        if code == "100":
            sent = headers.get("Nats-Last-Consumer")
            if sent is not None and int(sent) > self.sequence:
                self.doubt = f"its messages after {self.sequence} were lost on the way"
        elif code == "408":
            self.credit -= int(headers.get("Nats-Pending-Messages", "0"))
        else:
            self.doubt = f"the server says {code} {headers.get('Description', '')}".rstrip()
