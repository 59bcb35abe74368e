"""An HTTP client in its own process, on raw connections: in a closed loop, or as the plan says.

Reads a plan (JSON) from standard input, writes a summary (JSON) to standard output.
"""

import asyncio
import sys
import time
from collections.abc import Mapping

import msgspec
import uvloop
from msgspec import Struct, field

from openyard_infra.bench.answers import Answer


class Plan(Struct, frozen=True, kw_only=True):
    """``seconds``: no new request after them. Each of ``tokens`` is used for one request.

    ``slots``: asked for in turn. ``headers``: without tokens, a GET with these, over and over.
    ``rate``: requests a second, whether or not answers come. ``at_once``: all of them at once.
    """

    host: str
    port: int
    path: str
    connections: int
    seconds: float
    tokens: list[str] = []
    slots: list[str] = []
    headers: dict[str, str] = {}
    rate: float | None = None
    at_once: bool = False


class Summary(Struct, frozen=True, kw_only=True):
    """``rate``: answers a second; ``statuses``: how often each HTTP status came.

    ``followed``: looks at what was accepted and not yet decided. ``codes``: how often each coded
    error came; those without a code stand under the empty one.
    """

    count: int
    seconds: float
    rate: float
    p50_ms: float
    p99_ms: float
    max_ms: float = 0.0
    statuses: dict[str, int] = field(default_factory=dict)
    codes: dict[str, int] = field(default_factory=dict)
    followed: int = 0


class _Loop(asyncio.Protocol):
    """One connection: the answer to a request brings the next."""

    def __init__(self, run: "_Run") -> None:
        self._run = run
        self._transport: asyncio.Transport | None = None
        self._answer = Answer()
        self._sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        self._send()

    def data_received(self, data: bytes) -> None:
        if self._answer.feed(data):
            self._run.answered(self._answer.status, time.perf_counter() - self._sent_at)
            self._answer = Answer()
            self._send()

    def connection_lost(self, error: Exception | None) -> None:
        self._run.closed(error)

    def _send(self) -> None:
        request = self._run.next_request()
        if self._transport is None or request is None:
            if self._transport is not None:
                self._transport.close()
            return
        self._sent_at = time.perf_counter()
        self._transport.write(request)


class _Run:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._requests = _requests(plan)
        self._next = 0
        self._until = time.perf_counter() + plan.seconds
        self._open = plan.connections
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.latencies: list[float] = []
        self.statuses: dict[str, int] = {}

    def next_request(self) -> bytes | None:
        if time.perf_counter() > self._until:
            return None
        if not self._plan.tokens:
            return self._requests[0]
        if self._next >= len(self._requests):
            return None
        self._next += 1
        return self._requests[self._next - 1]

    def answered(self, status: str, seconds: float) -> None:
        self.latencies.append(seconds)
        self.statuses[status] = self.statuses.get(status, 0) + 1

    def closed(self, error: Exception | None) -> None:
        if error is not None:
            self.statuses["lost"] = self.statuses.get("lost", 0) + 1
        self._open -= 1
        if self._open == 0 and not self.done.done():
            self.done.set_result(None)


def _requests(plan: Plan) -> list[bytes]:
    if not plan.tokens:
        lines = [f"GET {plan.path} HTTP/1.1", f"Host: {plan.host}:{plan.port}"]
        lines += [f"{name}: {value}" for name, value in plan.headers.items()]
        return [("\r\n".join(lines) + "\r\n\r\n").encode()]
    slots = plan.slots
    return [post(plan, token, slots[index % len(slots)]) for index, token in enumerate(plan.tokens)]


def post(plan: Plan, token: str, slot: str) -> bytes:
    """The request for one seat."""
    body = b'{"slot_id":"%s","seats":1}' % slot.encode()
    return (
        b"POST %s HTTP/1.1\r\nHost: %s:%d\r\nAuthorization: Bearer %s\r\n"
        b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
        % (plan.path.encode(), plan.host.encode(), plan.port, token.encode(), len(body), body)
    )


def summary(
    latencies: list[float],
    seconds: float,
    statuses: Mapping[str, int],
    codes: Mapping[str, int] | None = None,
    followed: int = 0,
) -> Summary:
    """``latencies`` in seconds; ``seconds``: until the last answer."""
    ordered = sorted(latencies) or [0.0]
    return Summary(
        count=len(latencies),
        seconds=seconds,
        rate=len(latencies) / seconds,
        p50_ms=ordered[len(ordered) // 2] * 1000,
        p99_ms=ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)] * 1000,
        max_ms=ordered[-1] * 1000,
        statuses=dict(statuses),
        codes=dict(codes or {}),
        followed=followed,
    )


async def drive(plan: Plan) -> Summary:
    """Run the plan; stops by itself after its seconds or its tokens."""
    loop = asyncio.get_running_loop()
    run = _Run(plan)
    started = time.perf_counter()
    for _ in range(plan.connections):
        await loop.create_connection(lambda: _Loop(run), plan.host, plan.port)
    await asyncio.wait_for(run.done, plan.seconds + 60)
    seconds = time.perf_counter() - started
    return summary(run.latencies, seconds, run.statuses)


def _main() -> None:
    plan = msgspec.json.decode(sys.stdin.buffer.read(), type=Plan)
    if plan.rate is None and not plan.at_once:
        driving = drive(plan)
    else:
        from openyard_infra.bench import open_client  # noqa: PLC0415 - it needs this module

        driving = open_client.drive(plan)
    sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(driving)))


if __name__ == "__main__":
    _main()
