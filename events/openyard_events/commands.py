"""What the platform asks of a partition's decider, and what it answers. Internal, not CloudEvents.

A message on ``command.<p>`` is one CommandBatch; the stream's sequence and the index in the batch
are a command's place in line. Answers go to ``reply.<instance>`` as one Replies a batch.
"""

import datetime as dt
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct, field

from openyard_events.contracts import FieldError, SlotOffered, SlotWithdrawn

MAX_COMMANDS = 128
MAX_BYTES = 64 * 1024


class Command(Struct, frozen=True, kw_only=True, array_like=True, tag_field="t"):
    """``id``: minted at acceptance; a repeated id has the first one's outcome."""

    id: UUID


class Reserve(Command, frozen=True, kw_only=True, array_like=True, tag="r"):
    """Seats on a slot for a party. ``id`` becomes the reservation's id.

    ``parties``: refs of who cannot be in two places: the named children, else the study group,
    the volunteer, or the family. ``audiences``: what the account may book as.
    ``fingerprint``: of the request's body, compared when ``key`` (Idempotency-Key) comes again.
    ``births``: birth years of the named children. ``grade``: the study group's.
    """

    slot_id: UUID
    account_id: UUID
    holder_id: UUID
    parties: tuple[UUID, ...]
    audiences: tuple[str, ...]
    seats: int
    adults: int = 0
    waitlist: bool = True
    note: str | None = None
    key: str | None = None
    fingerprint: bytes = b""
    births: tuple[int, ...] = ()
    grade: int | None = None


class Cancel(Command, frozen=True, kw_only=True, array_like=True, tag="c"):
    """The holder gives a reservation back."""

    reservation_id: UUID
    account_id: UUID
    holder_id: UUID


class Change(Command, frozen=True, kw_only=True, array_like=True, tag="h"):
    """The holder wants more or fewer seats, or another slot of the same venue; None: as it is.

    The old seats are given back only when the new ones are there. ``births`` and ``grade``: as for
    Reserve, of whom the reservation is for.
    """

    reservation_id: UUID
    account_id: UUID
    holder_id: UUID
    audiences: tuple[str, ...]
    slot_id: UUID | None = None
    seats: int | None = None
    adults: int | None = None
    births: tuple[int, ...] = ()
    grade: int | None = None


class AcceptOffer(Command, frozen=True, kw_only=True, array_like=True, tag="a"):
    """The holder takes the seats that are held for it, or says yes to a slot that was moved."""

    reservation_id: UUID
    account_id: UUID
    holder_id: UUID


class DeclineOffer(Command, frozen=True, kw_only=True, array_like=True, tag="d"):
    """The holder lets the seats go that are held for it."""

    reservation_id: UUID
    account_id: UUID
    holder_id: UUID


class OfferSlot(Command, frozen=True, kw_only=True, array_like=True, tag="o"):
    """A venue's slot, its form and rights already checked by intake. ``receipt_id``: ce-id."""

    venue_id: UUID
    venue_key: str
    receipt_id: str
    slot: SlotOffered


class WithdrawSlot(Command, frozen=True, kw_only=True, array_like=True, tag="w"):
    venue_id: UUID
    venue_key: str
    receipt_id: str
    slot: SlotWithdrawn


class ReleaseDue(Command, frozen=True, kw_only=True, array_like=True, tag="x"):
    """The platform's clock: what is due on these slots is to be done, if it still is."""

    slot_ids: tuple[UUID, ...]


AnyCommand = (
    Reserve | Cancel | Change | AcceptOffer | DeclineOffer | OfferSlot | WithdrawSlot | ReleaseDue
)


class CommandBatch(Struct, frozen=True, kw_only=True, array_like=True):
    """What one process gathered in one tick. ``reply_to``: its instance token."""

    reply_to: str
    commands: list[AnyCommand]


class Outcome(Struct, frozen=True, kw_only=True, array_like=True):
    """What became of one command.

    ``status``: a reservation's (``confirmed``, ``waitlisted``, ``refused``, ``cancelled`` …), a
    receipt's (``accepted``, ``duplicate``, ``refused``), or ``failed``.
    ``reservation_id`` differs from ``id`` when an Idempotency-Key came again.
    """

    id: UUID
    status: str
    reservation_id: UUID | None = None
    slot_id: UUID | None = None
    position: int | None = None
    waitlist_place: int | None = None
    refusals: list[dict[str, Any]] = field(default_factory=list)
    version: int | None = None
    errors: list[FieldError] = field(default_factory=list)
    decided_at: dt.datetime | None = None


class Replies(Struct, frozen=True, kw_only=True, array_like=True):
    """The decided position of the partition and the outcomes for one instance."""

    partition: int
    sequence: int
    outcomes: list[Outcome]


_encoder = msgspec.msgpack.Encoder()
_commands = msgspec.msgpack.Decoder(CommandBatch)
_replies = msgspec.msgpack.Decoder(Replies)


def encode(message: CommandBatch | Replies | AnyCommand) -> bytes:
    return _encoder.encode(message)


def decode_batch(data: bytes) -> CommandBatch:
    """Raises msgspec.DecodeError or ValidationError where the bytes are not a CommandBatch."""
    return _commands.decode(data)


def decode_replies(data: bytes) -> Replies:
    return _replies.decode(data)
