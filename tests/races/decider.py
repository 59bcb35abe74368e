"""One partition's decider without a bus: it decides, dies, and comes too late."""

import datetime as dt
import uuid
from collections.abc import Coroutine
from typing import Any

import msgspec

from openyard_events.commands import AnyCommand, OfferSlot
from openyard_platform import ids
from openyard_platform.actions import deciding
from openyard_platform.domain.state import Asked
from openyard_platform.store import decisions, engine, partitions
from tests.races import invariants

NOW = dt.datetime(2026, 11, 20, tzinfo=dt.UTC)
_TABLES = (
    *("slot", "slot_allotment", "slot_occupancy", "space_share"),
    *("reservation", "party_occupancy", "outbox"),
)


class Crash(Exception):
    """The decider dies between its writing and its COMMIT."""


class Decider:
    """What it decides is looked at as it is decided. ``slots``: ids by what venues call them."""

    def __init__(self) -> None:
        self.venue = ids.new()
        self.now = NOW
        self.slots: dict[str, uuid.UUID] = {}
        self.excess: invariants.Excess = {}

    async def begin(self, url: str) -> None:
        # No power is lost here: a commit need not wait for the disk.
        await engine.connect(url, size=2, planner={"synchronous_commit": "off"})
        await engine.run_script(
            f"""
            INSERT INTO district VALUES ('chengzhong', '城中区', 1) ON CONFLICT DO NOTHING;
            TRUNCATE party_occupancy, reservation, slot_occupancy, space_share, slot_allotment,
                slot, outbox, party CASCADE;
            INSERT INTO organisation (id, key, name, kind, district_key)
            VALUES ('{self.venue}', 'v{self.venue.hex[-12:]}', '馆', 'venue', 'chengzhong');
            INSERT INTO space (id, organisation_id, key, name, shareable, capacity)
            VALUES ('{ids.new()}', '{self.venue}', 'hall', '馆', false, NULL),
                ('{ids.new()}', '{self.venue}', 'reading-room', '阅览室', true, 5);
            INSERT INTO space (id, organisation_id, key, name, parent_id, shareable, capacity)
            SELECT gen_random_uuid(), '{self.venue}', q.key, q.key, p.id, q.room > 0,
                nullif(q.room, 0)
            FROM space p, (VALUES ('court-1', 0), ('court-2', 0), ('corner', 4)) AS q (key, room)
            WHERE p.organisation_id = '{self.venue}' AND p.key = 'hall';
            UPDATE partition SET expires_at = '-infinity', sequence = 0, index = 0;
            """  # noqa: S608
        )
        await partitions.ensure(1)
        await self.take_over()

    async def take_over(self) -> None:
        if hasattr(self, "lease"):
            await partitions.release(self.lease)
        taken = await partitions.take(0, "machine", seconds=600, grace=0)
        assert taken is not None
        self.lease, self.position = taken

    async def decide(self, commands: list[AnyCommand]) -> None:
        before = self.position
        after = msgspec.structs.replace(before, stream_created=NOW, sequence=before.sequence + 1)
        asked = [Asked(command, self.now) for command in commands]
        outcomes = await deciding.decide_batch(asked, self.lease, before, after)
        self.position = after
        for command, outcome in zip(commands, outcomes, strict=True):
            if isinstance(command, OfferSlot) and outcome.slot_id is not None:
                self.slots[command.slot.external_id] = outcome.slot_id
        excess = await invariants.excess(self.now)
        given = invariants.grown(self.excess, excess)
        assert not given, ("1 what is kept is given to nobody else", given)
        self.excess = excess

    async def due(self) -> list[uuid.UUID]:
        sql = "SELECT id FROM slot WHERE due_at <= $1 ORDER BY due_at"
        return [row["id"] for row in await engine.fetch(sql, self.now)]

    async def crash(self, commands: list[AnyCommand], *, written: bool) -> None:
        whole = decisions.write

        async def die(connection: Any, decided: Any) -> None:
            if written:
                await whole(connection, decided)
            raise Crash

        decisions.write = die
        try:
            await self.decide(commands)
        except Crash:
            pass
        finally:
            decisions.write = whole

    async def fenced(
        self, commands: list[AnyCommand], lease: partitions.Lease, before: partitions.Position
    ) -> None:
        """An old lease or an old position: nothing may be decided with it."""
        kept = self.lease, self.position
        self.lease, self.position = lease, before
        try:
            await self.decide(commands)
        except partitions.LeaseLost:
            pass
        else:
            raise AssertionError("3 the old decider was not fenced off")
        finally:
            self.lease, self.position = kept

    async def unchanged(self, attempt: Coroutine[Any, Any, Any]) -> None:
        before = await self.digest()
        await attempt
        assert await self.digest() == before, "3 what had no effect had one"

    async def digest(self) -> list[str]:
        tables = " UNION ALL ".join(f"SELECT t::text AS line FROM {one} t" for one in _TABLES)  # noqa: S608
        counts = "SELECT count(*)::text FROM audit UNION ALL SELECT count(*)::text FROM receipt"
        rows = await engine.fetch(f"SELECT line FROM ({tables} UNION ALL {counts}) q ORDER BY 1")  # noqa: S608
        return [row["line"] for row in rows]
