"""A stack under load, one round of crashes after another, each with its reckoning."""

import asyncio
import contextlib
import os
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from uuid import UUID

import asyncpg
import psutil

from tests.races.crashes import FROZEN, Crash, Line, Total, tally
from tests.races.hosts import PARTITIONS, Hosts
from tests.races.phones import Phones
from tests.races.quiet import LOST_SERVER, calendars, settle
from tests.races.reckoning import Finding, reckon
from tests.races.watches import Postbox, Watches
from tests.races.yards import Ask, Statement, Yard, now
from tests.stack import Stack

_BEFORE, _AFTER, _APART = 1.0, 1.0, 0.3  # seconds of load around the crashes of a round
_LOOK = 0.1
_GIVE_UP = 30.0
_ON_THEIR_WAY = 20  # mails that the role jobs may have had in its hands


class ProvingGround:
    """A stack under load, between two crashes and the next."""

    def __init__(
        self, stack: Stack, phones: Phones, hosts: Hosts, watches: Watches, postbox: Postbox
    ) -> None:
        self.stack = stack
        self.phones = phones
        self.hosts = hosts
        self.watches = watches
        self.postbox = postbox
        self.yards: list[Yard] = []
        self.total = Total()

    async def round(
        self, crashes: Sequence[Crash], *, before: float = _BEFORE
    ) -> tuple[list[Line], list[Finding]]:
        """Open a yard, put it under load, crash, and reckon when all is quiet.

        ``before``: seconds of load until the first signal.
        """
        yard = Yard(len(self.yards))
        self.yards.append(yard)
        await self.hosts.open(yard)
        stop = asyncio.Event()
        load = asyncio.gather(self.phones.ring(yard, stop), self.hosts.state(yard, stop))
        signals = [now()]
        try:
            await asyncio.sleep(before)
            victims = [await self._victim(crash) for crash in crashes]
            signals = [now() + number * _APART for number in range(len(crashes))]
            strikes = list(zip(crashes, victims, signals, strict=True))
            # What somebody frozen holds up cannot be back before he wakes.
            awake = max(crash.counts_from(at) for crash, _, at in strikes)
            recoveries = await asyncio.gather(
                *(self._strike(yard, *strike, awake) for strike in strikes)
            )
            await asyncio.sleep(_AFTER)
        finally:
            stop.set()
            await load
        findings = [*await settle(self.stack, self.watches), *await self.reckon(yard)]
        lines = [
            Line(crash=crash, recovery=recovery)
            for crash, recovery in zip(crashes, recoveries, strict=True)
        ]
        tally(yard, lines, signals, findings)
        for line in lines:
            self.total.add(line)
        return lines, findings

    async def reckon(self, yard: Yard) -> list[Finding]:
        self.watches.check()
        connection = await asyncpg.connect(self.stack.database_url)
        try:
            findings = await reckon(connection, yard, self.watches.facts, self.watches.line)
        finally:
            await connection.close()
        return findings + await calendars(self.stack, self.phones)

    async def _victim(self, crash: Crash) -> int:
        """Its process; of the deciders the one that has the most partitions."""
        if crash.role != "decider":
            return self.stack.pids()[crash.role][0]
        connection = await asyncpg.connect(self.stack.database_url)
        try:
            rows = await connection.fetch("SELECT holder FROM partition WHERE expires_at > now()")
        finally:
            await connection.close()
        pids = Counter(int(row["holder"].split("-")[1]) for row in rows)
        return pids.most_common(1)[0][0]

    async def _strike(
        self, yard: Yard, crash: Crash, pid: int, at: float, awake: float
    ) -> dict[str, float]:
        """Send the signal; seconds until each kind of work was done again."""
        await asyncio.sleep(at - now())
        if crash.signal == "KILL":
            before = len(self.stack.pids()[crash.role])
            os.kill(pid, signal.SIGKILL)
            recovery = await self._recovered(yard, at, awake)
            await asyncio.to_thread(self._is_back, crash.role, pid, before)
            return recovery
        thawing = asyncio.create_task(_freeze(pid))
        try:
            return await self._recovered(yard, crash.counts_from(at), awake)
        finally:
            await thawing

    def _is_back(self, role: str, dead: int, count: int) -> None:
        deadline = time.monotonic() + _GIVE_UP
        while time.monotonic() < deadline:
            with contextlib.suppress(ValueError):
                living = self.stack.pids()[role]
                if len(living) == count and dead not in living:
                    return
            time.sleep(_LOOK)
        raise AssertionError(f"{role} did not come back.")

    async def _recovered(self, yard: Yard, hit: float, awake: float) -> dict[str, float]:
        """``hit``: from when on decisions are waited for; ``awake``: everything else."""
        begins = {
            "decision": hit,
            "receipt": awake,
            "fact": awake,
            "calendar": awake,
            "mail": awake,
        }
        done: dict[str, float] = {}
        while len(done) < len(begins) and now() < awake + _GIVE_UP:
            await asyncio.sleep(_LOOK)
            answered = [ask for ask in yard.asks if ask.answered is not None]
            asks = [ask for ask in answered if ask.asked >= awake]
            moments = {
                "decision": _decided([ask for ask in answered if ask.asked >= hit]),
                "receipt": _received(yard.statements, awake),
                "fact": self._told(asks),
                "mail": self.postbox.nth_after(awake, _ON_THEIR_WAY + 1),
            }
            if "calendar" not in done and await self._is_shown(asks):
                moments["calendar"] = now()
            for name, moment in moments.items():
                if moment is not None:
                    done.setdefault(name, moment - begins[name])
        return {name: done.get(name, float("inf")) for name in begins}

    def _told(self, asks: Sequence[Ask]) -> float | None:
        """When a fact about one of these was read."""
        wanted = {UUID(ask.reservation) for ask in asks if ask.kind == "reserve"}
        moments = [
            told.at
            for slot in {ask.slot for ask in asks}
            for told in self.watches.facts.get(slot, ())
            if getattr(told.fact, "reservation_id", None) in wanted
        ]
        return min(moments, default=None)

    async def _is_shown(self, asks: Sequence[Ask]) -> bool:
        """Is one of their reservations in a calendar?"""
        confirmed = [ask.reservation for ask in asks if ask.told.get("status") == "confirmed"]
        if not confirmed:
            return False
        with contextlib.suppress(*LOST_SERVER):
            connection = await asyncpg.connect(self.stack.database_url, timeout=1)
            try:
                shown = await connection.fetchval(
                    """SELECT EXISTS (SELECT FROM feed_fragment f JOIN reservation r
                                      ON f.owner_id = r.holder_id
                                      AND f.uid = 'reservation-' || r.id || '@openyard'
                                      WHERE r.id = ANY($1))""",
                    confirmed[:200],
                    timeout=1,
                )
                return bool(shown)
            finally:
                await connection.close(timeout=1)
        return False


@contextlib.asynccontextmanager
async def proving_ground(stack: Stack, phones: Phones) -> AsyncIterator[ProvingGround]:
    async with (
        Hosts(stack) as hosts,
        Watches(stack.nats_url) as watches,
        Postbox(stack.directory / "mail") as postbox,
    ):
        await phones.subscribe()
        yield ProvingGround(stack, phones, hosts, watches, postbox)


async def _freeze(pid: int) -> None:
    """Stop a process, with all that it has started, for ten seconds."""
    frozen = [psutil.Process(pid)]
    frozen[0].suspend()
    try:
        # A frozen parent starts no more of them.
        frozen += frozen[0].children(recursive=True)
        for process in frozen[1:]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.suspend()
        await asyncio.sleep(FROZEN)
    finally:
        for process in reversed(frozen):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()


def _decided(asks: Sequence[Ask]) -> float | None:
    """When the last of the partitions had decided its first."""
    first: dict[int, float] = {}
    for ask in asks:
        if ask.answered is not None:
            first[ask.partition] = min(first.get(ask.partition, ask.answered), ask.answered)
    return max(first.values()) if len(first) == PARTITIONS else None


def _received(statements: Sequence[Statement], since: float) -> float | None:
    return min(
        (one.answered for one in statements if one.asked >= since and one.answered is not None),
        default=None,
    )
