"""The benchmarks' client against servers of a few lines."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager

from openyard_infra.bench import open_client
from openyard_infra.bench.answers import Answer
from openyard_infra.bench.client import Plan

CREATED = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}"
ACCEPTED = b"HTTP/1.1 202 Accepted\r\nLocation: /r/1\r\nContent-Length: 0\r\n\r\n"
DECIDED = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
PROBLEM = b'{"code":"unavailable"}'
CLOSED = b"HTTP/1.1 503 Away\r\ncontent-length: %d\r\n\r\n%s" % (len(PROBLEM), PROBLEM)
BARE_ERROR = b"HTTP/1.1 500 Oops\r\ncontent-length: 4\r\n\r\noops"

Answering = Callable[[bytes], Awaitable[bytes | None]]


@asynccontextmanager
async def server(answering: Answering):
    """Answers each request by ``answering(head)``; None: hangs up."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                if head.startswith(b"POST"):
                    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                    await reader.readexactly(length)
                answer = await answering(head)
                if answer is None:
                    break
                writer.write(answer)
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield listening.sockets[0].getsockname()[1]


def plan(port: int, requests: int, connections: int, rate: float | None = None) -> Plan:
    return Plan(
        host="127.0.0.1",
        port=port,
        path="/reserve",
        connections=connections,
        seconds=1.0,
        tokens=["oy_x"] * requests,
        slots=["a"],
        rate=rate,
        at_once=rate is None,
    )


async def test_who_waits_for_a_free_connection_has_waited_since_it_was_due():
    async def slowly(_: bytes) -> bytes:
        await asyncio.sleep(0.05)
        return CREATED

    async with server(slowly) as port:
        summary = await open_client.drive(plan(port, requests=10, connections=1, rate=100))
    assert summary.statuses == {"201": 10}
    # The tenth was due after 90 ms and answered after 500: counted from its sending it took 50.
    assert summary.max_ms > 300


async def test_what_was_only_accepted_is_followed_to_its_decision():
    looks = 0

    async def answering(head: bytes) -> bytes:
        nonlocal looks
        if head.startswith(b"POST"):
            return ACCEPTED
        assert head.startswith(b"GET /r/1 ")
        assert b"Authorization: Bearer oy_x\r\n" in head
        looks += 1
        return DECIDED if looks > 1 else ACCEPTED

    async with server(answering) as port:
        summary = await open_client.drive(plan(port, requests=1, connections=1))
    assert (summary.statuses, summary.followed, summary.count) == ({"200": 1}, 2, 1)
    assert summary.max_ms > 150


async def test_errors_are_no_decisions_and_are_counted_by_their_code():
    answers = [CLOSED, BARE_ERROR, CREATED]

    async def answering(_: bytes) -> bytes:
        return answers.pop()

    async with server(answering) as port:
        summary = await open_client.drive(plan(port, requests=3, connections=3))
    assert summary.count == 1
    assert summary.statuses == {"201": 1, "500": 1, "503": 1}
    assert summary.codes == {"unavailable": 1, "": 1}


async def test_a_lost_connection_is_told():
    async def hang_up(_: bytes) -> None:
        return None

    async with server(hang_up) as port:
        summary = await open_client.drive(plan(port, requests=2, connections=2))
    assert (summary.statuses, summary.count) == ({"lost": 2}, 0)


def test_an_answer_is_read_however_it_is_cut():
    for cut in range(1, len(CLOSED)):
        answer = Answer()
        assert not answer.feed(CLOSED[:cut])
        assert answer.feed(CLOSED[cut:])
        assert (answer.status, answer.error) == ("503", PROBLEM)


def test_a_304_has_no_body_whatever_its_length_says():
    answer = Answer()
    assert answer.feed(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\n\r\n")
