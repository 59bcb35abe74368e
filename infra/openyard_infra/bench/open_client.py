"""The other half of the client: requests at their own times, whether or not answers come.

A request's latency counts from when it was due, not from when a connection was free for it: a
server that stands still for a second has made everybody of that second wait. A 202 is followed
until the decision is there; only then is the request answered.
"""

import asyncio
import time
from collections import Counter, deque

import msgspec
from msgspec import Struct

from openyard_infra.bench.answers import Answer
from openyard_infra.bench.client import Plan, Summary, post, summary

_FOLLOW = 0.1  # seconds between two looks at what is not yet decided
_AT_ONCE = 256  # connections that are being opened
_ACCEPTED = "202"
_DECIDED = ("200", "201")
# For whoever stays behind: longer than the slowest baseline needs.
_PATIENCE = 120.0


class _Problem(Struct):
    code: str = ""


_problems = msgspec.json.Decoder(_Problem)


class _Line(asyncio.Protocol):
    """One connection: a request, its answer, what follows from it, and then it is free again."""

    def __init__(self, run: "_Run") -> None:
        self._run = run
        self._transport: asyncio.Transport | None = None
        self._answer = Answer()
        self._number = -1
        self._due = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def ask(self, number: int, due: float) -> None:
        self._number, self._due = number, due
        plan = self._run.plan
        self._send(post(plan, plan.tokens[number], plan.slots[number % len(plan.slots)]))

    def data_received(self, data: bytes) -> None:
        if not self._answer.feed(data):
            return
        answer, self._answer = self._answer, Answer()
        if answer.status == _ACCEPTED and answer.location:
            self._run.followed += 1
            asyncio.get_running_loop().call_later(_FOLLOW, self._look, answer.location)
            return
        self._number = -1
        self._run.answered(answer, time.perf_counter() - self._due)
        self._run.free(self)

    def connection_lost(self, error: Exception | None) -> None:
        del error
        self._transport = None
        if self._number >= 0:
            self._number = -1
            self._run.lost()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def _look(self, location: str) -> None:
        plan = self._run.plan
        self._send(
            b"GET %s HTTP/1.1\r\nHost: %s:%d\r\nAuthorization: Bearer %s\r\n\r\n"
            % (location.encode(), plan.host.encode(), plan.port, plan.tokens[self._number].encode())
        )

    def _send(self, request: bytes) -> None:
        if self._transport is not None:
            self._transport.write(request)


class _Run:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.followed = 0
        self.latencies: list[float] = []
        self.statuses: Counter[str] = Counter()
        self.codes: Counter[str] = Counter()
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._free: list[_Line] = []
        self._due: deque[tuple[int, float]] = deque()
        self._open = len(plan.tokens)  # requests not yet answered

    def due(self, number: int, at: float) -> None:
        """This request is to be made now, or as soon as a connection is free."""
        if self._free:
            self._free.pop().ask(number, at)
        else:
            self._due.append((number, at))

    def free(self, line: _Line) -> None:
        if self._due:
            line.ask(*self._due.popleft())
        else:
            self._free.append(line)

    def answered(self, answer: Answer, seconds: float) -> None:
        self.statuses[answer.status] += 1
        if answer.status in _DECIDED:
            self.latencies.append(seconds)
        else:
            self.codes[_code(answer.error)] += 1
        self._count()

    def lost(self) -> None:
        self.statuses["lost"] += 1
        self._count()

    def _count(self) -> None:
        self._open -= 1
        if not self._open and not self.done.done():
            self.done.set_result(None)


def _code(body: bytes) -> str:
    """What a problem calls itself; empty where it is none of ours."""
    try:
        return _problems.decode(body).code
    except msgspec.DecodeError:
        return ""


async def drive(plan: Plan) -> Summary:
    """All tokens, at ``rate`` requests a second or at once; ends when each has its decision."""
    run = _Run(plan)
    lines = await _connected(run)
    started = time.perf_counter()
    for number in range(len(plan.tokens)):
        at = started + (number / plan.rate if plan.rate else 0.0)
        ahead = at - time.perf_counter()
        if ahead > 0:
            await asyncio.sleep(ahead)
        run.due(number, at)
    await asyncio.wait_for(run.done, _PATIENCE)
    seconds = time.perf_counter() - started
    for line in lines:
        line.close()
    return summary(run.latencies, seconds, run.statuses, run.codes, run.followed)


async def _connected(run: _Run) -> list[_Line]:
    """Every connection, open before the first request is due."""
    loop = asyncio.get_running_loop()
    lines: list[_Line] = []
    while len(lines) < run.plan.connections:
        number = min(_AT_ONCE, run.plan.connections - len(lines))
        made = await asyncio.gather(
            *(
                loop.create_connection(lambda: _Line(run), run.plan.host, run.plan.port)
                for _ in range(number)
            )
        )
        lines += [line for _, line in made]
    for line in lines:
        run.free(line)
    return lines
