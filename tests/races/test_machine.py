"""Any history of requests, changes and deaths on a real database: the invariants hold throughout.

The numbers are those of the invariants in the project's domain: 1 seats, 2 spaces, 3 one effect,
4 one place at a time, 5 order.
"""

import asyncio
import datetime as dt
import uuid
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from openyard_events.commands import AnyCommand, Cancel, Change, OfferSlot, Reserve, WithdrawSlot
from openyard_events.contracts import SlotOffered, SlotWithdrawn
from openyard_platform import ids
from openyard_platform.actions import deciding
from openyard_platform.domain import waitlist
from openyard_platform.domain.state import Asked
from openyard_platform.store import decisions, engine, partitions

NOW = dt.datetime(2026, 11, 20, tzinfo=dt.UTC)
SATURDAY = dt.datetime(2026, 11, 28, 1, tzinfo=dt.UTC)
SPACES = ("hall", "court-1", "court-2")
_BATCH = 5  # commands; more than so many are decided at once
PARTIES = [uuid.UUID(int=500 + number) for number in range(6)]


def _something_waits(machine: "Machine") -> bool:
    return bool(machine.gathered)


class Crash(Exception):
    """The decider dies between its writing and its COMMIT."""


class Machine(RuleBasedStateMachine):
    """One partition's decider, driven without a bus."""

    runner: asyncio.Runner
    url: str
    unseen = False  # something was decided since the invariants were looked at

    made = Bundle("made")
    offered = Bundle("offered")

    @initialize(target=offered, capacities=st.lists(st.integers(2, 8), min_size=4, max_size=4))
    def begin(self, capacities: list[int]) -> Any:
        self.gathered: list[AnyCommand] = []
        self.last: list[AnyCommand] = []
        self.versions: dict[str, int] = {}
        self.slots: dict[str, uuid.UUID] = {}
        self._run(self._begin())
        for number, capacity in enumerate(capacities):
            self.versions[f"slot-{number}"] = 0
            space = SPACES[1 + number % 2]
            hour = 2 * (number // 2)
            self._state(f"slot-{number}", space=space, hour=hour, capacity=capacity)
        self.decide()
        return multiple(*self.versions)

    @rule(
        name=offered,
        space=st.sampled_from(SPACES),
        hour=st.integers(0, 3),
        capacity=st.integers(1, 6),
    )
    def state_anew(self, name: str, space: str, hour: int, capacity: int) -> None:
        self._state(name, space=space, hour=hour, capacity=capacity)

    @rule(name=offered, really=st.integers(0, 5))
    def withdraw(self, name: str, really: int) -> None:
        if really:
            return
        self.versions[name] += 1
        self.gathered.append(
            WithdrawSlot(
                id=ids.new(),
                venue_id=self.venue,
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
            min_size=1,
            max_size=4,
        ),
    )
    def reserve(self, name: str, who: list[tuple[uuid.UUID, int, bool]]) -> Any:
        asked = [
            Reserve(
                id=ids.new(),
                slot_id=self.slots[name],
                account_id=party,
                holder_id=party,
                parties=(party,),
                audiences=("family",),
                seats=seats,
                waitlist=waitlist,
            )
            for party, seats, waitlist in who
        ]
        self.gathered += asked
        if len(self.gathered) > _BATCH:
            self.decide()
        return multiple(*asked)

    @rule(asked=made)
    def cancel(self, asked: Reserve) -> None:
        self.gathered.append(
            Cancel(
                id=ids.new(),
                reservation_id=asked.id,
                account_id=asked.account_id,
                holder_id=asked.holder_id,
            )
        )

    @rule(asked=made, seats=st.integers(1, 4), name=st.none() | offered)
    def change(self, asked: Reserve, seats: int, name: str | None) -> None:
        self.gathered.append(
            Change(
                id=ids.new(),
                reservation_id=asked.id,
                account_id=asked.account_id,
                holder_id=asked.holder_id,
                audiences=asked.audiences,
                seats=seats,
                slot_id=None if name is None else self.slots[name],
            )
        )

    def decide(self) -> None:
        """All that was gathered, as one batch."""
        self.last, self.gathered = self.gathered, []
        self._run(self._decide(self.last))

    @precondition(lambda self: self.last)
    @rule()
    def deliver_again(self) -> None:
        """The requests of the last batch come a second time: 3, nothing changes."""
        again = [one for one in self.last if isinstance(one, Reserve | OfferSlot | WithdrawSlot)]
        if again:
            self._run(self._unchanged(self._decide(again)))

    @precondition(_something_waits)
    @rule()
    def die_before_the_commit(self) -> None:
        """3: a transaction that did not end has no effect; the next decider does it whole."""
        self._run(self._unchanged(self._crash(self.gathered)))
        self.decide()

    @precondition(_something_waits)
    @rule()
    def take_over(self) -> None:
        """Another decider comes; what the old one still tries has no effect."""
        self._run(self._unchanged(self._too_late(self.gathered)))
        self.decide()

    @invariant()
    def everything_adds_up(self) -> None:
        if self.unseen:
            self.unseen = False
            for sentence, rows in self._run(self._broken()).items():
                assert not rows, (sentence, rows)

    def teardown(self) -> None:
        if hasattr(self, "venue"):
            self._run(engine.disconnect())

    def _state(self, name: str, *, space: str, hour: int, capacity: int) -> None:
        self.versions[name] += 1
        starts_at = SATURDAY + dt.timedelta(hours=hour)
        slot = {
            "external_id": name,
            "version": self.versions[name],
            "space": space,
            "starts_at": starts_at,
            "ends_at": starts_at + dt.timedelta(minutes=90),
            "capacity": capacity,
            "title": "周末开放",
            # One of the slots is always one party's alone.
            "exclusive": name == "slot-3",
        }
        self.gathered.append(
            OfferSlot(
                id=ids.new(),
                venue_id=self.venue,
                venue_key="library",
                receipt_id=str(ids.new()),
                slot=msgspec.convert(slot, SlotOffered),
            )
        )

    def _run(self, coroutine) -> Any:
        return self.runner.run(coroutine)

    async def _begin(self) -> None:
        await engine.connect(self.url, size=2)
        self.venue = ids.new()
        await engine.run_script(
            f"""
            INSERT INTO district VALUES ('chengzhong', '城中区', 1) ON CONFLICT DO NOTHING;
            TRUNCATE party_occupancy, reservation, slot_occupancy, slot, outbox, party CASCADE;
            INSERT INTO organisation (id, key, name, kind, district_key)
            VALUES ('{self.venue}', 'v{self.venue.hex[-12:]}', '馆', 'venue', 'chengzhong');
            INSERT INTO space (id, organisation_id, key, name)
            VALUES ('{ids.new()}', '{self.venue}', 'hall', '馆');
            INSERT INTO space (id, organisation_id, key, name, parent_id)
            SELECT gen_random_uuid(), '{self.venue}', court, court, id
            FROM space, unnest(ARRAY['court-1', 'court-2']) AS q (court)
            WHERE organisation_id = '{self.venue}' AND key = 'hall';
            UPDATE partition SET expires_at = '-infinity', sequence = 0, index = 0;
            """  # noqa: S608
        )
        await partitions.ensure(1)
        await self._take()

    async def _take(self) -> None:
        taken = await partitions.take(0, "machine", seconds=600, grace=0)
        assert taken is not None
        self.lease, self.position = taken

    async def _decide(self, commands: list[AnyCommand]) -> None:
        after = partitions.Position(
            stream_created=NOW, sequence=self.position.sequence + 1, index=0
        )
        asked = [Asked(command, NOW) for command in commands]
        outcomes = await deciding.decide_batch(asked, self.lease, self.position, after)
        self.position = after
        self.unseen = True
        for command, outcome in zip(commands, outcomes, strict=True):
            if isinstance(command, OfferSlot) and outcome.slot_id is not None:
                self.slots[command.slot.external_id] = outcome.slot_id

    async def _crash(self, commands: list[AnyCommand]) -> None:
        whole = decisions.write

        async def die(connection: Any, decided: Any) -> None:
            await whole(connection, decided)
            raise Crash

        decisions.write = die
        try:
            await self._decide(commands)
        except Crash:
            pass
        finally:
            decisions.write = whole

    async def _too_late(self, commands: list[AnyCommand]) -> None:
        old = self.lease, self.position
        await partitions.release(self.lease)
        await self._take()
        new = self.lease, self.position
        self.lease, self.position = old
        try:
            await self._decide(commands)
        except partitions.LeaseLost:
            pass
        else:
            raise AssertionError("The old decider was not fenced off.")
        finally:
            self.lease, self.position = new

    async def _unchanged(self, attempt) -> None:
        before = await self._digest()
        await attempt
        assert await self._digest() == before

    async def _digest(self) -> list[str]:
        return [
            row["line"]
            for table in ("slot", "reservation", "party_occupancy", "slot_occupancy", "outbox")
            for row in await engine.fetch(f"SELECT t::text AS line FROM {table} t ORDER BY 1")  # noqa: S608
        ]

    async def _broken(self) -> dict[str, list[Any]]:
        return {name: await engine.fetch(sql) for name, sql in BROKEN.items()}


BROKEN = {
    "1 taken is what the confirmed hold, within the capacity": """
        SELECT s.external_id, s.taken, s.capacity FROM slot s WHERE s.taken <> (
            SELECT coalesce(sum(held), 0) FROM reservation
            WHERE slot_id = s.id AND status = 'confirmed')
        OR s.taken NOT BETWEEN 0 AND s.capacity""",
    "1 waiting is the number of those who wait": """
        SELECT s.external_id FROM slot s WHERE s.waiting <> (SELECT count(*) FROM reservation
            WHERE slot_id = s.id AND status = 'waitlisted')""",
    "2 an open slot has each of its leaf spaces, a withdrawn one none": """
        SELECT s.external_id FROM slot s LEFT JOIN space p ON p.id = s.space_id
        WHERE (SELECT count(*) FROM slot_occupancy WHERE slot_id = s.id) <> CASE
            WHEN s.status = 'withdrawn' THEN 0 WHEN p.parent_id IS NULL THEN 2 ELSE 1 END""",
    "2 no two slots share a leaf at one time": """
        SELECT 1 FROM slot_occupancy a JOIN slot_occupancy b
        ON a.during && b.during AND a.ctid < b.ctid""",
    "4 a party's claims are those of its living reservations": """
        SELECT coalesce(q.id, p.reservation_id) FROM (
            SELECT id, slot_id, unnest(party_nos) AS no, status, needs_reconfirm FROM reservation
            WHERE status IN ('confirmed', 'waitlisted')) q
        FULL JOIN party_occupancy p ON p.reservation_id = q.id AND p.party_no = q.no
            AND p.slot_id = q.slot_id
        WHERE q.id IS NULL OR p.party_no IS NULL
        OR (q.status = 'waitlisted' AND NOT isempty(p.during))
        OR (q.status = 'confirmed' AND isempty(p.during) AND NOT q.needs_reconfirm)""",
    "4 nobody is in two places": """
        SELECT 1 FROM party_occupancy a JOIN party_occupancy b
        ON a.party_no = b.party_no AND a.during && b.during AND a.ctid < b.ctid""",
    "5 a slot's last position is the number of its decisions": """
        SELECT s.external_id FROM slot s JOIN reservation r ON r.slot_id = s.id
        GROUP BY s.id HAVING max(r.position) > s.decided""",
    "5 the facts of a slot rise in revision": """
        SELECT 1 FROM (SELECT (body::jsonb->>'slot_revision')::int AS now,
            lag((body::jsonb->>'slot_revision')::int) OVER (
                PARTITION BY body::jsonb->>'slot_id' ORDER BY id) AS before FROM outbox) q
        WHERE now < before""",
    "6 nobody who fits waits at the head of an open line": """
        SELECT s.external_id FROM slot s JOIN LATERAL (SELECT * FROM reservation r
            WHERE r.slot_id = s.id AND r.status = 'waitlisted' ORDER BY position LIMIT 1) r ON true
        WHERE s.status = 'open' AND r.held <= s.capacity - s.taken AND NOT EXISTS (
            SELECT 1 FROM party_occupancy p, unnest(r.party_nos) no
            WHERE p.party_no = no AND p.slot_id <> s.id AND NOT isempty(p.during))""",
}


def _run_machine(url: str, *phases: Phase) -> None:
    Machine.url = url
    with asyncio.Runner() as runner:
        Machine.runner = runner
        run_state_machine_as_test(
            Machine,
            settings=settings(
                max_examples=40,
                stateful_step_count=30,
                deadline=None,
                suppress_health_check=list(HealthCheck),
                derandomize=True,
                phases=phases or tuple(Phase),
            ),
        )


def test_the_invariants_hold_after_every_step(postgres) -> None:
    _run_machine(postgres.fresh("machine"))


def test_without_handing_on_the_machine_notices(postgres, monkeypatch) -> None:
    monkeypatch.setattr(waitlist, "hand_on", lambda *_: None)
    with pytest.raises(AssertionError, match="6 nobody who fits waits"):
        _run_machine(postgres.fresh("machine_unguarded"), Phase.generate)
