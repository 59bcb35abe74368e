"""A venue, families and a decider on real servers, and FACT filled from the outbox."""

import asyncio
import datetime as dt
from collections.abc import Sequence
from contextlib import asynccontextmanager
from uuid import UUID

import msgspec
from nats.aio.client import Client

from openyard_events import bus, subjects
from openyard_events.commands import (
    AcceptOffer,
    Cancel,
    OfferSlot,
    Outcome,
    Reserve,
    WithdrawSlot,
)
from openyard_events.contracts import SlotOffered, SlotWithdrawn
from openyard_events.endings import end
from openyard_platform import clock, ids
from openyard_platform.actions import deciding
from openyard_platform.domain.state import Asked
from openyard_platform.store import engine, partitions, readers
from openyard_workers.projection import Consumer, Projection


class Stage:
    """What happens is decided for real; only the relay is a loop of three lines."""

    def __init__(self, nc: Client, venue_id: UUID, venue_key: str, lease, position) -> None:
        self.nc = nc
        self.js = nc.jetstream()
        self.venue_id = venue_id
        self.venue_key = venue_key
        self._lease = lease
        self._position = position

    async def decide(self, *commands) -> list[Outcome]:
        now = clock.now()
        after = partitions.Position(
            stream_created=now, sequence=self._position.sequence + 1, index=0
        )
        asked = [Asked(command, now) for command in commands]
        outcomes = await deciding.decide_batch(asked, self._lease, self._position, after)
        self._position = after
        return outcomes

    async def offer(self, external_id: str, version: int = 1, **changes) -> UUID:
        """Offer or change a slot; by default three days ahead at ten in the morning."""
        day = clock.now().astimezone(clock.SHANGHAI) + dt.timedelta(days=3)
        starts_at = day.replace(hour=10, minute=0, second=0, microsecond=0)
        slot = {
            "external_id": external_id,
            "version": version,
            "space": "hall",
            "starts_at": starts_at,
            "ends_at": starts_at + dt.timedelta(hours=2),
            "capacity": 10,
            "title": "周末篮球开放",
            "kind": "outreach",  # which never claims the space, so that slots may lie side by side
        } | changes
        (outcome,) = await self.decide(
            OfferSlot(
                id=ids.new(),
                venue_id=self.venue_id,
                venue_key=self.venue_key,
                receipt_id=f"ce-{ids.new()}",
                slot=msgspec.convert(slot, SlotOffered),
            )
        )
        assert outcome.status == "accepted", outcome
        return outcome.slot_id

    async def withdraw(self, external_id: str, version: int, reason: str = "闭馆检修") -> None:
        await self.decide(
            WithdrawSlot(
                id=ids.new(),
                venue_id=self.venue_id,
                venue_key=self.venue_key,
                receipt_id=f"ce-{ids.new()}",
                slot=SlotWithdrawn(external_id=external_id, version=version, reason=reason),
            )
        )

    async def family(self, *, subscribed: bool = True) -> "Family":
        (family,) = await self.families(1, subscribed=subscribed)
        return family

    async def families(self, count: int, *, subscribed: bool = True) -> list["Family"]:
        """Families with one account each; mail goes to ``<account>@example.org``.

        ``subscribed``: their calendars have been fetched once.
        """
        made = [Family(ids.new(), ids.new()) for _ in range(count)]
        async with engine.transaction():
            await engine.execute_many(
                "INSERT INTO family (id, name, created_at) VALUES ($1, '一家', now())",
                [(one.family_id,) for one in made],
            )
            await engine.execute_many(
                "INSERT INTO account (id, email, display_name, role, family_id, created_at)"
                " VALUES ($1, $2, '家长', 'family', $3, now())",
                [(one.account_id, one.email, one.family_id) for one in made],
            )
            if subscribed:
                await engine.execute_many(
                    "INSERT INTO subscribed_feed (feed_id, caught_up_at) VALUES ($1, now())",
                    [(one.family_id,) for one in made],
                )
        return made

    async def relay(self) -> readers.Position:
        """Publish what the outbox holds; returns where a reader of all of FACT would stand."""
        rows = await engine.fetch("DELETE FROM outbox RETURNING id, event_id, subject, body")
        for row in sorted(rows, key=lambda row: row["id"]):
            await self.js.publish(
                row["subject"],
                row["body"].encode(),
                headers={"Nats-Msg-Id": str(row["event_id"])},
            )
        info = await self.js.stream_info(subjects.FACT_STREAM)
        return readers.Position(
            name="all", stream_created=info.created, sequence=info.state.last_seq
        )

    async def project(self, *consumers: Consumer) -> None:
        """Relay, then let each consumer read until it is at the end."""
        last = await self.relay()
        async with projecting(self.nc, consumers):
            for consumer in consumers:
                await reached(consumer.name, last)


class Family:
    def __init__(self, family_id: UUID, account_id: UUID) -> None:
        self.family_id = family_id
        self.account_id = account_id
        self.email = f"{account_id}@example.org"

    def reserve(self, slot_id: UUID, seats: int = 1, **changes) -> Reserve:
        return Reserve(
            **{
                "id": ids.new(),
                "slot_id": slot_id,
                "account_id": self.account_id,
                "holder_id": self.family_id,
                "parties": (self.family_id,),
                "audiences": ("family", "resident"),
                "seats": seats,
            }
            | changes
        )

    def accept(self, reservation_id: UUID) -> AcceptOffer:
        return AcceptOffer(
            id=ids.new(),
            reservation_id=reservation_id,
            account_id=self.account_id,
            holder_id=self.family_id,
        )

    def cancel(self, reservation_id: UUID) -> Cancel:
        return Cancel(
            id=ids.new(),
            reservation_id=reservation_id,
            account_id=self.account_id,
            holder_id=self.family_id,
        )


@asynccontextmanager
async def stage(database_url: str, nc: Client):
    """A stage with an empty FACT stream; the pool is open while it stands."""
    await engine.connect(database_url, size=6)
    try:
        await bus.ensure_streams(nc.jetstream(), 1)
        venue_id = ids.new()
        key = f"v{venue_id.hex[-12:]}"
        await engine.run_script(
            f"""
            INSERT INTO district VALUES ('chengzhong', '城中区', 1) ON CONFLICT DO NOTHING;
            INSERT INTO organisation (id, key, name, kind, district_key, address)
            VALUES ('{venue_id}', '{key}', '市图书馆', 'venue', 'chengzhong', '文昌路 1 号');
            INSERT INTO space (id, organisation_id, key, name)
            VALUES ('{ids.new()}', '{venue_id}', 'hall', '大厅');
            UPDATE partition SET expires_at = '-infinity', sequence = 0;
            """  # noqa: S608 - made of ids
        )
        await partitions.ensure(1)
        lease, position = await partitions.take(0, "test", seconds=300, grace=0)
        yield Stage(nc, venue_id, key, lease, position)
    finally:
        await engine.disconnect()


@asynccontextmanager
async def projecting(nc: Client, consumers: Sequence[Consumer]):
    """These consumers read FACT while it lasts, each as a projector would run it."""
    never = asyncio.Event()
    tasks = [asyncio.create_task(Projection(nc, one).serve(never)) for one in consumers]
    try:
        yield
    finally:
        # As hard as a kill: what was projected is committed, what was not is done again. One
        # cancellation is not enough: where it meets an answer of NATS it gets lost.
        await end(*tasks)
        await asyncio.gather(*tasks, return_exceptions=True)


async def reached(name: str, end: readers.Position, seconds: float = 20) -> None:
    """Wait until the reader of that name has come so far."""
    async with asyncio.timeout(seconds):
        while True:
            position = await readers.load(name)
            if (
                position is not None
                and position.stream_created == end.stream_created
                and position.sequence >= end.sequence
            ):
                return
            await asyncio.sleep(0.02)


async def drop_positions() -> None:
    await engine.fetch("DELETE FROM reader")


async def fragments(owner_id: UUID) -> list[bytes]:
    rows = await engine.fetch(
        "SELECT body FROM feed_fragment WHERE owner_id = $1 ORDER BY uid", owner_id
    )
    return [row["body"] for row in rows]
