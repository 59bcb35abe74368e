"""Properties of the pure decision: any order of commands, any sizes, any hours between them."""

import copy
import datetime as dt
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from openyard_events.commands import (
    AcceptOffer,
    AnyCommand,
    Cancel,
    Change,
    DeclineOffer,
    ReleaseDue,
    Reserve,
)
from openyard_platform.domain import seats, waitlist
from openyard_platform.domain.allotments import Allotment
from openyard_platform.domain.deciding import decide
from openyard_platform.domain.reservations import HOLDING, Reservation, ReservationStatus
from openyard_platform.domain.slots import Slot
from openyard_platform.domain.state import Asked, Decisions, State

NOW = dt.datetime(2026, 11, 20, tzinfo=dt.UTC)
START = dt.datetime(2026, 11, 28, 1, tzinfo=dt.UTC)
SLOT = UUID(int=1)
PARTIES = 8
SCHOOLS = range(PARTIES - 3, PARTIES)


def fresh(capacity: int, *, exclusive: bool = False, kept: int = 0) -> State:
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
    if kept:
        releases_at = START - dt.timedelta(hours=72)
        kept_for_schools = Allotment(
            audience="school", seats=kept, release_hours=72, releases_at=releases_at
        )
        slot.allotments = [kept_for_schools]
        slot.due_at = releases_at
    return State(
        slots={SLOT: slot},
        lined_up={SLOT},
        party_nos={UUID(int=100 + n): n for n in range(PARTIES)},
    )


@st.composite
def histories(draw, *, most_kept: int = 6) -> tuple[State, list[Asked]]:
    """Parties ask, give back, answer offers, in any order; some commands come twice."""
    capacity = draw(st.integers(1, 12))
    kept = draw(st.integers(0, min(capacity, most_kept)))
    exclusive = not kept and draw(st.booleans())
    state = fresh(capacity, exclusive=exclusive, kept=kept)
    asked: list[Reserve] = []
    commands: list[Asked] = []
    at = NOW
    for number in range(draw(st.integers(1, 30))):
        at += dt.timedelta(minutes=draw(st.sampled_from([0, 0, 0, 5, 60, 150, 3000])))
        command = draw(_commands(UUID(int=1000 + number), asked, [one.command for one in commands]))
        if isinstance(command, Reserve) and command not in asked:
            asked.append(command)
        commands.append(Asked(command, at))
    return state, commands


@st.composite
def _commands(draw, identity: UUID, asked: list[Reserve], before: list[AnyCommand]) -> AnyCommand:
    choice = draw(st.integers(0, 9)) if asked else 9
    if choice <= 4:
        made = draw(st.sampled_from(asked))
        who = {
            "id": identity,
            "reservation_id": made.id,
            "account_id": made.account_id,
            "holder_id": made.holder_id,
        }
        kinds: list[type[Any]] = [Cancel, Cancel, AcceptOffer, DeclineOffer]
        if choice < len(kinds):
            return kinds[choice](**who)
        return Change(**who, audiences=made.audiences, seats=draw(st.integers(1, 6)))
    if choice == 5:
        return draw(st.sampled_from(before))
    if choice == 6:
        return ReleaseDue(id=identity, slot_ids=(SLOT,))
    number = draw(st.integers(0, PARTIES - 1))
    party = UUID(int=100 + number)
    return Reserve(
        id=identity,
        slot_id=SLOT,
        account_id=party,
        holder_id=party,
        parties=(party,),
        audiences=("school",) if number in SCHOOLS else ("family", "resident"),
        seats=draw(st.integers(1, 6)),
        waitlist=draw(st.booleans()),
    )


def on_slot(state: State, *statuses: str) -> list[Reservation]:
    found = (one for one in state.reservations.values() if one.status in statuses)
    return sorted(found, key=lambda one: one.position)


@given(histories())
def test_seats_taken_are_the_seats_of_those_who_hold_them(history):
    state, asked = history
    decide(state, asked)
    slot = state.slots[SLOT]
    holders = on_slot(state, *HOLDING)
    assert slot.taken == sum(one.held for one in holders)
    assert 0 <= slot.taken <= slot.capacity
    assert slot.waiting == len(on_slot(state, ReservationStatus.WAITLISTED))
    for kept in slot.allotments:
        mine = [one for one in holders if one.allotment == kept.audience]
        assert kept.used == sum(one.allotted for one in mine)
        assert 0 <= kept.used <= kept.seats


@given(histories())
def test_seats_kept_for_schools_are_given_to_nobody_else(history):
    state, asked = history
    for one in asked:
        decide(state, [one])
        slot = state.slots[SLOT]
        kept = sum(each.left for each in slot.allotments if each.is_kept(one.at))
        assert slot.taken + kept <= slot.capacity


@given(histories())
def test_the_head_of_the_line_never_waits_for_seats_that_it_could_have(history):
    """Who comes later queues behind, even where a smaller party would fit."""
    state, asked = history
    decide(state, asked)
    slot, now = state.slots[SLOT], asked[-1].at
    waiting = on_slot(state, ReservationStatus.WAITLISTED)
    if not waiting or now >= START or slot.is_due(now):
        return
    share = seats.share_of(slot, waiting[0].audiences, now)
    assert waiting[0].held > share.seats


@given(histories())
def test_who_waits_nowhere_else_leaves_nobody_to_be_looked_at(history):
    assert decide(*history).chances == set()


@given(st.integers(2, 6), st.lists(st.integers(0, 30), min_size=20, max_size=40))
def test_a_large_party_is_passed_over_three_times_and_then_seats_are_saved_up_for_it(large, picks):
    """Singles hold all seats, a large party waits before ten singles; one after another leaves."""
    state = State(
        slots=fresh(8).slots,
        lined_up={SLOT},
        party_nos={UUID(int=100 + number): number for number in range(60)},
    )
    ids = iter(range(10_000, 20_000))

    def single(number: int, size: int = 1) -> Reserve:
        party = UUID(int=100 + number)
        return Reserve(
            id=UUID(int=next(ids)),
            slot_id=SLOT,
            account_id=party,
            holder_id=party,
            parties=(party,),
            audiences=("family",),
            seats=size,
        )

    waits = single(50, large)
    first = [single(number) for number in range(8)]
    behind = [single(20 + number) for number in range(20)]
    decide(state, [Asked(one, NOW) for one in (*first, waits, *behind)])
    served = state.reservations[waits.id]
    for number in picks:
        holders = on_slot(state, *HOLDING)
        if served in holders:
            break
        leaving = holders[number % len(holders)]
        who = (leaving.account_id, leaving.holder_id)
        cancel = Cancel(
            id=UUID(int=next(ids)),
            reservation_id=leaving.id,
            account_id=who[0],
            holder_id=who[1],
        )
        decide(state, [Asked(cancel, NOW)])
    assert served.status == ReservationStatus.OFFERED
    assert len(served.skips) == waitlist.PATIENCE


@given(histories())
def test_an_offer_ends_when_its_time_is_over_and_not_before(history):
    state, asked = history
    for one in asked:
        decide(state, [one])
        decide(state, [Asked(ReleaseDue(id=UUID(int=1), slot_ids=(SLOT,)), one.at)])
        for offered in on_slot(state, ReservationStatus.OFFERED):
            assert offered.offer_expires_at is not None
            assert one.at < offered.offer_expires_at <= START


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
    last = asked[-1].at
    again: Decisions = decide(
        state, [Asked(one.command, last) for one in asked if isinstance(one.command, Reserve)]
    )
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
