"""The decision: what is asked, against what is so, in the order it was accepted."""

from collections.abc import Sequence
from uuid import UUID

from openyard_events.commands import (
    AcceptOffer,
    AnyCommand,
    Cancel,
    Change,
    DeclineOffer,
    OfferSlot,
    Outcome,
    ReleaseDue,
    Reserve,
    WithdrawSlot,
)
from openyard_platform.domain import changes, due, offers, requests, waitlist
from openyard_platform.domain.slots import Slot
from openyard_platform.domain.state import Asked, Decisions, State


def decide(state: State, asked: Sequence[Asked]) -> Decisions:
    """Decide a batch of commands one after the other, each seeing the ones before it.

    Pure: no clock, no database, no bus. ``state`` must hold all that the commands touch (see
    ``store.deciding.load``) and is used up; the same state and commands give the same decisions.
    """
    decisions = Decisions()
    for one in asked:
        for slot in touched(state, one.command):
            due.work_off(state, decisions, slot, one.at)
        decisions.outcomes.append(_decide_one(state, decisions, one))
    return decisions


def _decide_one(  # noqa: PLR0911 - one for each command
    state: State, decisions: Decisions, one: Asked
) -> Outcome:
    match one.command:
        case Reserve() as command:
            return requests.reserve(state, decisions, command, one.at)
        case Cancel() as command:
            return requests.cancel(state, decisions, command, one.at)
        case Change() as command:
            return changes.change(state, decisions, command, one.at)
        case AcceptOffer() as command:
            return waitlist.accept(state, decisions, command, one.at)
        case DeclineOffer() as command:
            return waitlist.decline(state, decisions, command, one.at)
        case OfferSlot() as command:
            return offers.offer(state, decisions, command, one.at)
        case WithdrawSlot() as command:
            return offers.withdraw(state, decisions, command, one.at)
        case ReleaseDue() as command:
            return Outcome(id=command.id, status="accepted")


def touched(state: State, command: AnyCommand) -> list[Slot]:
    """The slots a command is about, as far as they are known."""
    match command:
        case Reserve():
            ids: list[UUID | None] = [command.slot_id]
        case Change():
            ids = [*_slot_of(state, command.reservation_id), command.slot_id]
        case Cancel() | AcceptOffer() | DeclineOffer():
            ids = _slot_of(state, command.reservation_id)
        case ReleaseDue():
            ids = list(command.slot_ids)
        case _:
            slot = state.by_external.get((command.venue_id, command.slot.external_id))
            return [] if slot is None else [slot]
    return [state.slots[known] for known in ids if known is not None and known in state.slots]


def _slot_of(state: State, reservation_id: UUID) -> list[UUID | None]:
    reservation = state.reservations.get(reservation_id)
    return [] if reservation is None else [reservation.slot_id]
