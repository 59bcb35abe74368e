"""What people and venues may do in any order, and what may befall a decider meanwhile."""

import asyncio
import datetime as dt
import uuid
from collections.abc import Coroutine
from typing import Any

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)

from openyard_events.commands import (
    AcceptOffer,
    AnyCommand,
    Cancel,
    Change,
    DeclineOffer,
    OfferSlot,
    ReleaseDue,
    Reserve,
    WithdrawSlot,
)
from openyard_events.contracts import SlotOffered, SlotWithdrawn
from openyard_platform import ids
from openyard_platform.store import engine
from tests.races import invariants
from tests.races.decider import Decider

SATURDAY = dt.datetime(2026, 11, 28, 1, tzinfo=dt.UTC)
# Two courts and a shareable corner of one hall, and a reading room of its own.
SPACES = ("hall", "court-1", "court-2", "corner", "reading-room")
_BATCH = 5  # commands; more than so many are decided at once
_TICKS = 30  # after so many nothing can be due any more
_SCHOOLS = [(uuid.UUID(int=500 + number), ("school",)) for number in range(3)]
_FAMILIES = [(uuid.UUID(int=600 + number), ("family",)) for number in range(4)]
PARTIES = [*_SCHOOLS, *_FAMILIES, (uuid.UUID(int=700), ("family", "school"))]
_REPEATABLE = Reserve | OfferSlot | WithdrawSlot | Cancel | ReleaseDue

allotments = st.lists(
    st.fixed_dictionaries(
        {
            "audience": st.sampled_from(["school", "family"]),
            "seats": st.integers(1, 3),
            "release_hours": st.sampled_from([72, 150]),
        },
        optional={"per_school": st.integers(1, 3)},
    ),
    max_size=2,
    unique_by=lambda one: one["audience"],
)
statements = st.fixed_dictionaries(
    {
        "space": st.sampled_from(SPACES),
        "hour": st.integers(0, 3),
        "capacity": st.integers(1, 6),
        "overbooked": st.sampled_from(["latest_wait", "latest_leave", "refuse"]),
        "claim": st.sampled_from(["on_offer", "on_booking"]),
    },
    optional={
        "allotments": allotments,
        "buffer_before_minutes": st.sampled_from([30, 60]),
        "buffer_after_minutes": st.sampled_from([30, 60]),
        "offer_minutes": st.sampled_from([30, 600]),
    },
)


def _something_waits(machine: "Machine") -> bool:
    return bool(machine.gathered)


class Machine(RuleBasedStateMachine):
    """Gathers commands, has them decided in batches, and looks at the database after each."""

    runner: asyncio.Runner
    url: str
    unseen = False  # something was decided since the invariants were looked at

    made = Bundle("made")
    offered = Bundle("offered")

    @initialize(
        target=offered,
        capacities=st.lists(st.integers(1, 4), min_size=6, max_size=6),
        kept=allotments,
    )
    def begin(self, capacities: list[int], kept: list[dict[str, Any]]) -> Any:
        """Six slots: two courts, the hall over both on booking, the corner twice, the room."""
        self.decider = Decider()
        self.stated: dict[str, dict[str, Any]] = {}
        self.gathered: list[AnyCommand] = []
        self.last: list[AnyCommand] = []
        self.versions = {f"slot-{number}": 0 for number in range(6)}
        self._run(self.decider.begin(self.url))
        claimed = {"claim": "on_booking", "overbooked": "latest_wait"}
        stated: list[dict[str, Any]] = [
            {"space": "court-1", "allotments": kept, "overbooked": "latest_wait"},
            {"space": "court-2", "hour": 1, "overbooked": "latest_leave"},
            {"space": "hall", "hour": 2} | claimed,
            {"space": "court-1", "hour": 2} | claimed,
            {"space": "corner", "hour": 2} | claimed,
            {"space": "reading-room", "allotments": kept} | claimed,
        ]
        for name, capacity, slot in zip(self.versions, capacities, stated, strict=True):
            self._state(name, {"hour": 0, "capacity": capacity} | slot)
        self.decide()
        return multiple(*self.versions)

    @rule(name=offered, slot=statements)
    def state_anew(self, name: str, slot: dict[str, Any]) -> None:
        self._state(name, slot)

    @rule(name=offered, capacity=st.integers(1, 6))
    def only_so_many_seats(self, name: str, capacity: int) -> None:
        """As it was stated last, with another capacity."""
        self._state(name, self.stated[name] | {"capacity": capacity})

    @rule(name=offered, really=st.integers(0, 5))
    def withdraw(self, name: str, really: int) -> None:
        if really:
            return
        self.versions[name] += 1
        self.gathered.append(
            WithdrawSlot(
                id=ids.new(),
                venue_id=self.decider.venue,
                venue_key="library",
                receipt_id=str(ids.new()),
                slot=SlotWithdrawn(external_id=name, version=self.versions[name]),
            )
        )

    @rule(
        target=made,
        name=offered,
        who=st.lists(
            st.tuples(st.sampled_from(PARTIES), st.integers(1, 3), st.booleans()),
            min_size=2,
            max_size=6,
            unique_by=lambda one: one[0],
        ),
    )
    def reserve(self, name: str, who: list[tuple[Any, int, bool]]) -> Any:
        asked = [
            Reserve(
                id=ids.new(),
                slot_id=self.decider.slots[name],
                account_id=party,
                holder_id=party,
                parties=(party,),
                audiences=audiences,
                seats=seats,
                waitlist=not at_once,
            )
            for (party, audiences), seats, at_once in who
        ]
        self.gathered += asked
        self._decide_many()
        return multiple(*asked)

    @rule(asked=st.lists(made, min_size=1, max_size=4))
    def cancel(self, asked: list[Reserve]) -> None:
        self.gathered += [self._about(Cancel, one) for one in asked]
        self._decide_many()

    @rule(asked=made, yes=st.booleans())
    def answer(self, asked: Reserve, *, yes: bool) -> None:
        """Accept or decline, whether there is an offer or not."""
        self.gathered.append(self._about(AcceptOffer if yes else DeclineOffer, asked))
        self._decide_many()

    @rule(asked=made, seats=st.integers(1, 4), name=st.none() | offered)
    def change(self, asked: Reserve, seats: int, name: str | None) -> None:
        slot_id = None if name is None else self.decider.slots[name]
        more = {"audiences": asked.audiences, "seats": seats, "slot_id": slot_id}
        self.gathered.append(self._about(Change, asked, **more))

    @rule(hours=st.sampled_from([1, 3, 24, 60]))
    def time_moves_on(self, hours: int) -> None:
        """What was gathered is decided; the next batch comes later, the clock asks or does not."""
        self.decide()
        self.decider.now += dt.timedelta(hours=hours)

    @rule()
    def the_clock_asks(self) -> None:
        """6: what is due is worked off, and some time nothing is due any more."""
        self.decide()
        self._settle()

    def decide(self) -> None:
        """All that was gathered, as one batch."""
        if self.gathered:
            self.last, self.gathered = self.gathered, []
            self._run(self.decider.decide(self.last))

    @precondition(lambda self: self.last)
    @rule()
    def deliver_again(self) -> None:
        """The requests of the last batch come a second time: 3, nothing changes."""
        again = [one for one in self.last if isinstance(one, _REPEATABLE)]
        self._settle()
        if again:
            self._run(self.decider.unchanged(self.decider.decide(again)))

    @precondition(_something_waits)
    @rule(written=st.booleans())
    def die_before_the_commit(self, *, written: bool) -> None:
        """3: a transaction that did not end has no effect; the next decider does it whole."""
        self._run(self.decider.unchanged(self.decider.crash(self.gathered, written=written)))
        self.decide()

    @precondition(_something_waits)
    @rule()
    def die_after_the_commit(self) -> None:
        """3: who does not know that it committed is told so, and does it no second time."""
        before, again = self.decider.position, self.gathered
        self.decide()
        self._run(self.decider.unchanged(self.decider.fenced(again, self.decider.lease, before)))

    @precondition(_something_waits)
    @rule()
    def take_over(self) -> None:
        """Another decider comes; what the old one still tries has no effect."""
        old = self.decider.lease, self.decider.position
        self._run(self.decider.take_over())
        self._run(self.decider.unchanged(self.decider.fenced(self.gathered, *old)))
        self.decide()

    @invariant()
    def everything_adds_up(self) -> None:
        if self.unseen:
            broken = self._run(invariants.broken(self.decider.now))
            self.unseen = False
            assert not broken, broken

    def teardown(self) -> None:
        if hasattr(self, "decider"):
            self._run(engine.disconnect())

    def _state(self, name: str, stated: dict[str, Any]) -> None:
        self.versions[name] += 1
        self.stated[name] = stated
        slot = dict(stated)
        starts_at = SATURDAY + dt.timedelta(hours=slot.pop("hour"))
        slot |= {
            "external_id": name,
            "version": self.versions[name],
            "starts_at": starts_at,
            "ends_at": starts_at + dt.timedelta(minutes=90),
            "title": "周末开放",
            # One of the slots is always one party's alone.
            "exclusive": name == "slot-3",
        }
        self.gathered.append(
            OfferSlot(
                id=ids.new(),
                venue_id=self.decider.venue,
                venue_key="library",
                receipt_id=str(ids.new()),
                slot=msgspec.convert(slot, SlotOffered),
            )
        )

    def _about(self, kind: type[Any], asked: Reserve, **more: Any) -> Any:
        return kind(
            id=ids.new(),
            reservation_id=asked.id,
            account_id=asked.account_id,
            holder_id=asked.holder_id,
            **more,
        )

    def _decide_many(self) -> None:
        if len(self.gathered) > _BATCH:
            self.decide()

    def _settle(self) -> None:
        for _ in range(_TICKS):
            due = self._run(self.decider.due())
            if not due:
                return
            self._run(self.decider.decide([ReleaseDue(id=ids.new(), slot_ids=tuple(due))]))
        raise AssertionError("6 something is due again and again")

    def _run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        self.unseen = True
        return self.runner.run(coroutine)
