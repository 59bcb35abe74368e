"""The decision: what is asked, against what is so, in the order it was accepted."""

from collections.abc import Sequence

from openyard_events.commands import Cancel, Change, OfferSlot, Outcome, Reserve, WithdrawSlot
from openyard_platform.domain import changes, offers, requests
from openyard_platform.domain.state import Asked, Decisions, State


def decide(state: State, asked: Sequence[Asked]) -> Decisions:
    """Decide a batch of commands one after the other, each seeing the ones before it.

    Pure: no clock, no database, no bus. ``state`` must hold all that the commands touch (see
    ``store.deciding.load``) and is used up; the same state and commands give the same decisions.
    """
    decisions = Decisions()
    for one in asked:
        decisions.outcomes.append(_decide_one(state, decisions, one))
    return decisions


def _decide_one(state: State, decisions: Decisions, one: Asked) -> Outcome:
    match one.command:
        case Reserve() as command:
            return requests.reserve(state, decisions, command, one.at)
        case Cancel() as command:
            return requests.cancel(state, decisions, command, one.at)
        case Change() as command:
            return changes.change(state, decisions, command, one.at)
        case OfferSlot() as command:
            return offers.offer(state, decisions, command, one.at)
        case WithdrawSlot() as command:
            return offers.withdraw(state, decisions, command, one.at)
