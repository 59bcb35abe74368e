"""What people do to reservations: ask the partition's decider, and wait a while for its answer."""

import asyncio
import datetime as dt
import hashlib
from collections import OrderedDict
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from openyard_events import subjects
from openyard_events.commands import (
    AcceptOffer,
    AnyCommand,
    Cancel,
    Change,
    DeclineOffer,
    Outcome,
    Reserve,
)
from openyard_events.gathering import Gatherer, NotConnected, StreamRefused
from openyard_platform import ids
from openyard_platform.actions import parties
from openyard_platform.actions.parties import Party
from openyard_platform.domain.errors import Conflict, Invalid, NotFound, Refused, Unavailable
from openyard_platform.domain.people import Actor
from openyard_platform.domain.requests import KEY_REUSED
from openyard_platform.settings import Settings
from openyard_platform.store import reservations as records
from openyard_platform.together import Together

_SLOTS_KEPT = 65_536
_UNDECIDED_KEPT = 65_536
# No control characters but line breaks and tabs: PostgreSQL takes no NUL.
_TEXT = r"\A[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*\Z"


class Wish(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is asked for. ``children``: one's own or delegated ones; ``study_group``: one's own."""

    slot_id: UUID
    seats: Annotated[int, Meta(ge=1, le=10_000)]
    adults: Annotated[int, Meta(ge=0, le=10_000)] = 0
    children: Annotated[list[UUID], Meta(max_length=20)] | None = None
    study_group: UUID | None = None
    waitlist: bool = True
    note: Annotated[str, Meta(max_length=500, pattern=_TEXT)] | None = None


class Amendment(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be different; ``slot_id``: another slot of the same venue."""

    slot_id: UUID | None = None
    seats: Annotated[int, Meta(ge=1, le=10_000)] | None = None
    adults: Annotated[int, Meta(ge=0, le=10_000)] | None = None


class Queued(Struct, frozen=True, kw_only=True):
    """Accepted, and not yet decided. ``queue_ahead``: about how many come first."""

    id: UUID
    queue_ahead: int


class Desk:
    """Where one web process hands commands in.

    Knows the partition of each slot, and what it asked under which Idempotency-Key and has no
    decision of: whoever asks again meanwhile has the same id.
    """

    def __init__(self, settings: Settings, gatherer: Gatherer) -> None:
        self.settings = settings
        self.gatherer = gatherer
        self._partitions: OrderedDict[UUID, int] = OrderedDict()
        self._venues = Together(records.venue_of_slots)
        self._undecided: OrderedDict[tuple[UUID, str, bytes], UUID] = OrderedDict()

    async def partition_of(self, slot_id: UUID) -> int:
        """The partition of the slot's venue, which never changes.

        Raises:
            NotFound: there is no such slot.
        """
        known = self._partitions.get(slot_id)
        if known is not None:
            return known
        venue = await self._venues.get(slot_id)
        if venue is None:
            raise NotFound("There is no such slot.")
        partition = subjects.partition_of(venue, self.settings.partitions)
        self._partitions[slot_id] = partition
        if len(self._partitions) > _SLOTS_KEPT:
            self._partitions.popitem(last=False)
        return partition

    async def close(self) -> None:
        await self._venues.close()

    async def ask_once(self, partition: int, command: Reserve) -> tuple[UUID, Outcome | None]:
        """As ``ask``; also the id that was asked under, which is the first one of its key."""
        if command.key is None:
            return command.id, await self.ask(partition, command)
        mark = (command.account_id, command.key, command.fingerprint)
        first = self._undecided.setdefault(mark, command.id)
        if len(self._undecided) > _UNDECIDED_KEPT:
            self._undecided.popitem(last=False)
        if first != command.id:
            command = replace(command, id=first)
        outcome = await self.ask(partition, command)
        if outcome is not None:
            self._undecided.pop(mark, None)
        return first, outcome

    async def ask(self, partition: int, command: AnyCommand) -> Outcome | None:
        """The decision; None when it takes longer than a request should wait.

        Raises:
            Unavailable: the command was not accepted; nothing will happen.
        """
        try:
            future = self.gatherer.submit(partition, command)
            return await _within(self.settings.decision_wait, future)
        except (NotConnected, StreamRefused) as error:
            raise Unavailable("The line is closed just now. Please try again.") from error


async def _within(seconds: float, future: asyncio.Future[Outcome]) -> Outcome | None:
    """The result if it comes in time. The future itself goes on: others may wait for it.

    As ``asyncio.timeout`` around ``asyncio.shield``, at a third of their time.
    """
    loop = asyncio.get_running_loop()
    waiter: asyncio.Future[None] = loop.create_future()

    def wake(_: object) -> None:
        if not waiter.done():
            waiter.set_result(None)

    timer = loop.call_later(seconds, wake, None)
    future.add_done_callback(wake)
    try:
        await waiter
    finally:
        timer.cancel()
        future.remove_done_callback(wake)
    return future.result() if future.done() else None


async def reserve(
    desk: Desk, actor: Actor, wish: Wish, *, key: str | None, unix_ms: int
) -> Outcome | Queued:
    """Ask for seats. A repeated ``key`` with the same wish has the first one's outcome.

    Raises:
        NotFound: no such slot.
        Invalid: a child is neither the actor's nor delegated, a study group is not the actor's,
            there are more children than seats or more seats than the group has pupils, or the key
            belongs to another wish.
        Refused: with every code that applies.
        Unavailable: not accepted.
    """
    partition = await desk.partition_of(wish.slot_id)
    now = dt.datetime.fromtimestamp(unix_ms / 1000, dt.UTC)
    party = await parties.named(actor, wish.children, wish.study_group, wish.seats, now)
    command = Reserve(
        id=ids.mint_reservation(desk.settings.secret_key, actor.account_id, partition, unix_ms),
        slot_id=wish.slot_id,
        account_id=actor.account_id,
        holder_id=actor.holder_id,
        parties=party.refs,
        audiences=party.audiences,
        seats=wish.seats,
        adults=wish.adults,
        waitlist=wish.waitlist,
        note=wish.note,
        key=key,
        fingerprint=b"" if key is None else fingerprint(wish),
        births=party.births,
        grade=party.grade,
    )
    asked, outcome = await desk.ask_once(partition, command)
    if outcome is None:
        return Queued(id=asked, queue_ahead=desk.gatherer.queue_ahead(asked))
    return _checked(outcome)


async def cancel(desk: Desk, actor: Actor, reservation_id: UUID) -> Outcome | Queued:
    """Give one's own reservation back.

    Raises:
        NotFound: there is none, or it is somebody else's.
        Refused: too late.
        Unavailable: not accepted; it still stands.
    """
    line = await _line_of(desk, actor, reservation_id)
    command = Cancel(
        id=ids.new(),
        reservation_id=line.reservation_id,
        account_id=actor.account_id,
        holder_id=actor.holder_id,
    )
    return await hand_in(desk, line.partition, command)


async def answer_offer(
    desk: Desk, actor: Actor, reservation_id: UUID, *, accept: bool
) -> Outcome | Queued:
    """Take the seats that are held for one's waiting party, or let them go.

    Accepting also says yes to a slot that its venue has moved.

    Raises:
        NotFound: there is none, or it is somebody else's.
        Refused: nothing is offered, or no longer.
        Unavailable: not accepted; it stands as it was.
    """
    line = await _line_of(desk, actor, reservation_id)
    command = (AcceptOffer if accept else DeclineOffer)(
        id=ids.new(),
        reservation_id=line.reservation_id,
        account_id=actor.account_id,
        holder_id=actor.holder_id,
    )
    return await hand_in(desk, line.partition, command)


async def amend(
    desk: Desk, actor: Actor, reservation_id: UUID, amendment: Amendment, now: dt.datetime
) -> Outcome | Queued:
    """More or fewer seats, or another slot of the same venue: all of it, or nothing.

    Raises:
        NotFound: there is no such reservation or slot, or it is somebody else's.
        Invalid: more seats than the study group has pupils.
        Refused: with every code that applies; the reservation stands as it was.
        Unavailable: not accepted; it stands as it was.
    """
    line = await _line_of(desk, actor, reservation_id)
    slot_id = amendment.slot_id
    if slot_id is not None and await desk.partition_of(slot_id) != line.partition:
        raise Refused("This slot is another venue's.", refusals=[{"code": "another_venue"}])
    party = await _party_of(actor, line.decided, amendment, now)
    command = Change(
        id=ids.new(),
        reservation_id=line.reservation_id,
        account_id=actor.account_id,
        holder_id=actor.holder_id,
        audiences=party.audiences,
        slot_id=amendment.slot_id,
        seats=amendment.seats,
        adults=amendment.adults,
        births=party.births,
        grade=party.grade,
    )
    return await hand_in(desk, line.partition, command)


async def _party_of(
    actor: Actor, known: records.Reservation | None, amendment: Amendment, now: dt.datetime
) -> Party:
    if known is None:
        # Whom it is for is in the command before this one, which nobody has read so far.
        return Party(audiences=actor.audiences)
    seats = known.seats if amendment.seats is None else amendment.seats
    moves = amendment.slot_id not in {None, known.slot_id}
    return await parties.of_reservation(
        *(actor, known.party_nos), seats=seats, asks_more=moves or seats > known.seats, now=now
    )


class _Line(Struct, frozen=True):
    """Where a reservation is decided, under its true id. ``decided``: None while it is in line."""

    partition: int
    reservation_id: UUID
    decided: records.Reservation | None


async def _line_of(desk: Desk, actor: Actor, reservation_id: UUID) -> _Line:
    """Where one's own reservation is decided.

    Raises:
        NotFound: there is none, or it is somebody else's.
    """
    known = await records.get(actor.holder_id, reservation_id)
    if known is not None:
        return _Line(await desk.partition_of(known.slot_id), known.id, known)
    minted = ids.minted_partition(desk.settings.secret_key, actor.account_id, reservation_id)
    if minted is None or minted >= desk.settings.partitions:
        raise NotFound("There is no such reservation.")
    # Accepted and still in line: what is asked now stands behind it in the same line.
    return _Line(minted, reservation_id, None)


async def hand_in(
    desk: Desk, partition: int, command: Cancel | Change | AcceptOffer | DeclineOffer
) -> Outcome | Queued:
    """What is decided about a reservation that stands, or that it is in line.

    Raises:
        NotFound, Refused, Unavailable: as for each of the commands.
    """
    outcome = await desk.ask(partition, command)
    if outcome is None:
        ahead = desk.gatherer.queue_ahead(command.id)
        return Queued(id=command.reservation_id, queue_ahead=ahead)
    return _checked(outcome)


def fingerprint(wish: Wish) -> bytes:
    """The same for the same wish, however its JSON was written."""
    return hashlib.blake2b(msgspec.msgpack.encode(wish), digest_size=16).digest()


def _checked(outcome: Outcome) -> Outcome:
    if outcome.status == "refused":
        if any(refusal["code"] == KEY_REUSED for refusal in outcome.refusals):
            raise Invalid(
                "This Idempotency-Key was used for another request before.", code=KEY_REUSED
            )
        raise Refused(
            "The reservation is not possible.",
            refusals=outcome.refusals,
            reservation=outcome.reservation_id,
            position=outcome.position,
        )
    if outcome.status == "failed":
        codes = {refusal["code"] for refusal in outcome.refusals}
        if codes & {"slot_unknown", "reservation_unknown"}:
            raise NotFound("There is no such slot or reservation.")
        raise Conflict("This could not be decided; it was put aside.", code="failed")
    return outcome
