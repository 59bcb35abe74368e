"""A closed-loop HTTP client in its own process: raw connections, one request at a time on each.

Reads a plan (JSON) from standard input, writes a summary (JSON) to standard output.
"""

import asyncio
import sys
import time

import msgspec
import uvloop
from msgspec import Struct, field

_SEPARATOR = b"\r\n\r\n"
_LENGTH = b"content-length: "


class Plan(Struct, frozen=True, kw_only=True):
    """``seconds``: no new request after them. Each of ``tokens`` is used for one request.

    ``slots``: asked for in turn. ``headers``: without tokens, a GET with these, over and over.
    """

    host: str
    port: int
    path: str
    connections: int
    seconds: float
    tokens: list[str] = []
    slots: list[str] = []
    headers: dict[str, str] = {}


class Summary(Struct, frozen=True, kw_only=True):
    """``rate``: answers a second; ``statuses``: how often each HTTP status came."""

    count: int
    seconds: float
    rate: float
    p50_ms: float
    p99_ms: float
    statuses: dict[str, int] = field(default_factory=dict)


class _Loop(asyncio.Protocol):
    """One connection: the answer to a request brings the next."""

    def __init__(self, run: "_Run") -> None:
        self._run = run
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._status = ""
        self._missing = 0  # bytes of the body still to come
        self._sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        self._send()

    def data_received(self, data: bytes) -> None:
        # The body is counted, not kept: half a megabyte of it must not cost the client's time.
        if self._status:
            self._missing -= len(data)
        else:
            self._begin(data)
        if self._status and not self._missing:
            self._run.answered(self._status, time.perf_counter() - self._sent_at)
            self._buffer, self._status = b"", ""
            self._send()

    def _begin(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        end = self._buffer.find(_SEPARATOR)
        if end < 0:
            return
        head = self._buffer[:end].lower()
        at = head.find(_LENGTH)
        stop = head.find(b"\r\n", at)
        length = int(head[at + len(_LENGTH) : stop if stop > 0 else end]) if at >= 0 else 0
        self._status = self._buffer[9:12].decode()
        # A 304 tells the length of what it does not send.
        length = 0 if self._status == "304" else length
        self._missing = end + len(_SEPARATOR) + length - len(self._buffer)

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
    made = []
    for index, token in enumerate(plan.tokens):
        body = b'{"slot_id":"%s","seats":1}' % plan.slots[index % len(plan.slots)].encode()
        made.append(
            b"POST %s HTTP/1.1\r\nHost: %s:%d\r\nAuthorization: Bearer %s\r\n"
            b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
            % (plan.path.encode(), plan.host.encode(), plan.port, token.encode(), len(body), body)
        )
    return made


async def drive(plan: Plan) -> Summary:
    """Run the plan; stops by itself after its seconds or its tokens."""
    loop = asyncio.get_running_loop()
    run = _Run(plan)
    started = time.perf_counter()
    for _ in range(plan.connections):
        await loop.create_connection(lambda: _Loop(run), plan.host, plan.port)
    await asyncio.wait_for(run.done, plan.seconds + 60)
    seconds = time.perf_counter() - started
    ordered = sorted(run.latencies) or [0.0]
    return Summary(
        count=len(run.latencies),
        seconds=seconds,
        rate=len(run.latencies) / seconds,
        p50_ms=ordered[len(ordered) // 2] * 1000,
        p99_ms=ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)] * 1000,
        statuses=run.statuses,
    )


if __name__ == "__main__":
    plan_given = msgspec.json.decode(sys.stdin.buffer.read(), type=Plan)
    sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(drive(plan_given))))
