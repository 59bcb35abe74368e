"""Properties of the pure decision: any order of requests and cancellations, any sizes."""

import copy
import datetime as dt
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from openyard_events.commands import AnyCommand, Cancel, Reserve
from openyard_platform.domain.deciding import decide
from openyard_platform.domain.reservations import ReservationStatus
from openyard_platform.domain.slots import Slot
from openyard_platform.domain.state import Asked, Decisions, State

NOW = dt.datetime(2026, 11, 20, tzinfo=dt.UTC)
START = dt.datetime(2026, 11, 28, 1, tzinfo=dt.UTC)
SLOT = UUID(int=1)
PARTIES = 8


def fresh(capacity: int, *, exclusive: bool) -> State:
    slot = Slot(
        id=SLOT,
        venue_id=UUID(int=2),
        venue_key="library",
        district="chengzhong",
        external_id="s",
        version=1,
        status="open",
        starts_at=START,
        ends_at=START + dt.timedelta(hours=2),
        capacity=capacity,
        exclusive=exclusive,
        created_at=NOW,
        updated_at=NOW,
    )
    return State(slots={SLOT: slot}, party_nos={UUID(int=100 + n): n for n in range(PARTIES)})


@st.composite
def histories(draw) -> tuple[State, list[Asked]]:
    """Parties ask and give back in any order; some commands come twice."""
    state = fresh(draw(st.integers(1, 12)), exclusive=draw(st.booleans()))
    commands: list[AnyCommand] = []
    asked: list[Reserve] = []
    for number in range(draw(st.integers(1, 30))):
        identity = UUID(int=1000 + number)
        if asked and draw(st.integers(0, 2)) == 0:
            made = draw(st.sampled_from(asked))
            commands.append(
                Cancel(
                    id=identity,
                    reservation_id=made.id,
                    account_id=made.account_id,
                    holder_id=made.holder_id,
                )
            )
        elif commands and draw(st.integers(0, 5)) == 0:
            commands.append(draw(st.sampled_from(commands)))
        else:
            party = UUID(int=100 + draw(st.integers(0, PARTIES - 1)))
            reserve = Reserve(
                id=identity,
                slot_id=SLOT,
                account_id=party,
                holder_id=party,
                parties=(party,),
                audiences=("family",),
                seats=draw(st.integers(1, 6)),
                waitlist=draw(st.booleans()),
            )
            asked.append(reserve)
            commands.append(reserve)
    return state, [Asked(command, NOW) for command in commands]


def active(state: State, status: ReservationStatus) -> list:
    return sorted(
        (one for one in state.reservations.values() if one.status == status),
        key=lambda one: one.position,
    )


@given(histories())
def test_seats_taken_are_the_seats_of_those_who_hold_them(history):
    state, asked = history
    decide(state, asked)
    slot = state.slots[SLOT]
    held = sum(one.held for one in active(state, ReservationStatus.CONFIRMED))
    assert slot.taken == held
    assert 0 <= slot.taken <= slot.capacity
    assert slot.waiting == len(active(state, ReservationStatus.WAITLISTED))


@given(histories())
def test_the_head_of_the_line_never_waits_for_seats_that_are_free(history):
    """Who comes later queues behind, even where a smaller party would fit."""
    state, asked = history
    decide(state, asked)
    waiting = active(state, ReservationStatus.WAITLISTED)
    assert not waiting or waiting[0].held > state.slots[SLOT].free


@given(histories())
def test_positions_count_every_decided_request_once_in_order(history):
    state, asked = history
    decided = decide(state, asked)
    first = list(dict.fromkeys(one.command.id for one in asked if isinstance(one.command, Reserve)))
    assert [state.reservations[known].position for known in first] == list(range(1, len(first) + 1))
    assert state.slots[SLOT].decided == len(first)
    assert len(decided.outcomes) == len(asked)


@given(histories())
def test_a_command_that_comes_again_changes_nothing(history):
    state, asked = history
    decide(state, asked)
    slot = copy.copy(state.slots[SLOT])
    again: Decisions = decide(state, [one for one in asked if isinstance(one.command, Reserve)])
    assert not again.new_reservations
    assert not again.facts
    assert state.slots[SLOT] == slot


@given(histories())
def test_the_same_state_and_commands_give_the_same_decisions(history):
    state, asked = history
    assert decide(copy.deepcopy(state), asked) == decide(copy.deepcopy(state), asked)


@given(histories())
def test_one_batch_decides_like_many_small_ones(history):
    state, asked = history
    whole, split = copy.deepcopy(state), copy.deepcopy(state)
    outcomes = decide(whole, asked).outcomes
    singly = [outcome for one in asked for outcome in decide(split, [one]).outcomes]
    assert [one.status for one in outcomes] == [one.status for one in singly]
    assert whole.slots == split.slots


@given(histories())
def test_a_party_is_never_in_two_places(history):
    state, asked = history
    decide(state, asked)
    for busy in state.party_busy.values():
        assert len(busy) <= 1
