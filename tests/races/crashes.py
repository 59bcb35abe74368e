"""Crashes: who is hit how, in which order, and the line each of them leaves in the log."""

import os
import random
from collections.abc import Sequence

from msgspec import Struct

from tests.races.reckoning import Finding
from tests.races.yards import DAYS, Ask, Statement, Yard

FROZEN = 10.0  # seconds
_LIMIT = 10.0  # seconds until everything works again
_OURS = 3  # processes for each core that are ready to run on a machine of our own
_ON_THE_WAY = {"web", "nats", "decider", "postgres"}  # of every decision


class Crash(Struct, frozen=True):
    """``signal``: KILL, or STOP for ten seconds."""

    role: str
    signal: str

    def __str__(self) -> str:
        return f"{self.role}-{self.signal}"

    def counts_from(self, at: float) -> float:
        """When the recovery begins: a decider is replaced; whatever else is frozen wakes up."""
        return at if self.signal == "KILL" or self.role == "decider" else at + FROZEN


def killed(*roles: str) -> list[Crash]:
    return [Crash(role, "KILL") for role in roles]


def stopped(*roles: str) -> list[Crash]:
    return [Crash(role, "STOP") for role in roles]


# Rounds; crashes of one round come together. Roles frozen together do not wait for each other.
PLAN: list[list[Crash]] = [
    killed("decider"),
    killed("nats"),
    stopped("decider", "relay"),
    killed("postgres"),
    killed("web"),
    stopped("web", "projector"),
    killed("relay", "intake"),
    killed("decider", "nats"),
    killed("valkey", "projector"),
    killed("postgres", "web"),
    stopped("postgres"),
    stopped("intake", "valkey"),
    killed("decider", "postgres"),
    stopped("decider", "jobs"),
    stopped("nats"),
]


def plan(count: int) -> list[list[Crash]]:
    """At least ``count`` crashes: the plan, then rounds of it drawn at random."""
    rounds = list(PLAN)
    draw = random.Random(count)  # noqa: S311 - nothing secret
    while sum(map(len, rounds)) < count:
        rounds.append(draw.choice(PLAN))
    if len(rounds) > DAYS:
        raise ValueError(f"{count} crashes take more than {DAYS} rounds: ask for fewer.")
    return rounds


def limit(together: Sequence[Crash]) -> float:
    """Seconds until everything works again: ten, and again ten where two stand in one way.

    Where others keep the machine busy everything takes longer, by as much as there are more of
    them than of us.
    """
    killed = {crash.role for crash in together if crash.signal == "KILL"}
    crowd = os.getloadavg()[0] / (_OURS * (os.cpu_count() or 1))
    return _LIMIT * max(1, len(killed & _ON_THE_WAY)) * max(1.0, crowd)


class Line(Struct, kw_only=True):
    """What became of everything that was asked from this crash until the next.

    ``recovery``: seconds until the first of each kind that was asked after the signal was done:
    a decision in every partition, a receipt, a fact, an entry in a calendar, a mail.
    """

    crash: Crash
    recovery: dict[str, float]
    asked: int = 0
    again: int = 0
    accepted: int = 0
    decided: int = 0
    lost: int = 0
    twice: int = 0

    @property
    def slowest(self) -> float:
        return max(self.recovery.values())

    def __str__(self) -> str:
        parts = " ".join(f"{what} {seconds:.1f}" for what, seconds in self.recovery.items())
        name = f"{self.crash.role:<9} {self.crash.signal}"
        return f"{name} {self.slowest:5.1f} s ({parts})  {told(self)}"


class Total(Struct, kw_only=True):
    crashes: int = 0
    slowest: float = 0.0
    asked: int = 0
    again: int = 0
    accepted: int = 0
    decided: int = 0
    lost: int = 0
    twice: int = 0

    def add(self, line: Line) -> None:
        self.crashes += 1
        self.slowest = max(self.slowest, line.slowest)
        for name in ("asked", "again", "accepted", "decided", "lost", "twice"):
            setattr(self, name, getattr(self, name) + getattr(line, name))

    def __str__(self) -> str:
        return f"{self.crashes} crashes, slowest {self.slowest:.1f} s  {told(self)}"


def told(sums: Line | Total) -> str:
    return (
        f"asked {sums.asked} ({sums.again} again) accepted {sums.accepted}"
        f" decided {sums.decided} lost={sums.lost} twice={sums.twice}"
    )


def tally(
    yard: Yard, lines: Sequence[Line], signals: Sequence[float], findings: Sequence[Finding]
) -> None:
    """Count each request at the last crash before it; what came before any, at the first."""

    def line_of(one: Ask | Statement | None) -> Line:
        if one is None:
            return lines[-1]
        struck = sum(signal <= one.asked for signal in signals)
        return lines[max(0, struck - 1)]

    lost = {id(finding.of) for finding in findings if finding.kind == "lost"}
    for one in yard.requests:
        line = line_of(one)
        accepted = one.answered is not None or (isinstance(one, Ask) and bool(one.queued))
        line.asked += 1
        line.again += isinstance(one, Ask) and one.tries > 1
        line.accepted += accepted
        line.decided += accepted and id(one) not in lost
    for finding in findings:
        line = line_of(finding.of)
        line.lost += finding.kind == "lost"
        line.twice += finding.kind == "twice"
