"""A rush of families on one slot, over raw connections, as their phones would do it."""

import asyncio
import datetime as dt
import json
import uuid
from typing import Any
from urllib.parse import urlsplit

import asyncpg
from msgspec import Struct, field

from openyard_events import commands
from openyard_events.contracts import Audience, SlotOffered
from openyard_events.publisher import VenuePublisher
from openyard_platform import clock
from tests.stack import Stack

# Each rush has an hour of its own, so that nobody overlaps an earlier one; past the demo's weeks.
_BEGIN = clock.now().replace(minute=0, second=0, microsecond=0) + dt.timedelta(days=90)
_used = iter(range(100_000))
_GIVE_UP = 60.0


class Answer(Struct, frozen=True, kw_only=True):
    """What one party was told in the end."""

    id: str
    status: str
    position: int | None = None
    waitlist_place: int | None = None
    codes: list[str] = field(default_factory=list)


async def fresh_slot(stack: Stack, *, capacity: int, venue: int = 0, **changes: Any) -> str:
    """A slot that a venue has just published with its own credentials."""
    key, known = sorted(stack.venues.items())[venue]
    starts_at = _BEGIN + dt.timedelta(hours=2 * next(_used))
    slot = SlotOffered(
        **{
            "external_id": f"rush-{uuid.uuid4().hex}",
            "version": 1,
            "space": known["spaces"][0],
            "starts_at": starts_at,
            "ends_at": starts_at + dt.timedelta(hours=1),
            "capacity": capacity,
            "title": "周五八点",
            "audiences": [Audience.FAMILY],
        }
        | changes
    )
    async with VenuePublisher(
        stack.nats_address, key, user=known["nats_user"], password=known["nats_password"]
    ) as publisher:
        receipt = await publisher.offer(slot)
    assert receipt.status == "accepted", receipt
    return str(receipt.slot_id)


async def rush(
    stack: Stack, slot: str, parties: int, *, over: float = 0.0, waitlist: bool = False
) -> list[Answer]:
    """Every party asks once, at a moment within ``over`` seconds, and waits for its decision."""
    families = stack.accounts("family")[:parties]
    assert len(families) == parties
    return list(
        await asyncio.gather(
            *(
                _one(stack.url, family["token"], slot, number * over / parties, waitlist)
                for number, family in enumerate(families)
            )
        )
    )


async def _one(url: str, token: str, slot: str, delay: float, waitlist: bool) -> Answer:  # noqa: FBT001
    await asyncio.sleep(delay)
    key = uuid.uuid4().hex
    wish = {"slot_id": slot, "seats": 1, "waitlist": waitlist}
    deadline = asyncio.get_running_loop().time() + _GIVE_UP
    while asyncio.get_running_loop().time() < deadline:
        try:
            status, headers, body = await request(
                url, "POST", "/api/v1/reservations", token, wish, {"Idempotency-Key": key}
            )
        except (OSError, asyncio.IncompleteReadError, ValueError):
            # The line went dead: a phone tries again, with the same key.
            await asyncio.sleep(0.2)
            continue
        if status == 503:
            assert int(headers["retry-after"]) >= 1
            await asyncio.sleep(0.2)
            continue
        if status == 202:
            return await _follow(url, token, headers["location"], deadline)
        return _answer(status, body)
    raise AssertionError("No decision within a minute.")


async def _follow(url: str, token: str, location: str, deadline: float) -> Answer:
    while asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(0.2)
        try:
            status, _, body = await request(url, "GET", location, token)
        except (OSError, asyncio.IncompleteReadError, ValueError):
            continue
        if status == 200:
            return _answer(status, body)
        assert status in {202, 503}, (status, body)
    raise AssertionError("No decision within a minute.")


def _answer(status: int, body: dict[str, Any]) -> Answer:
    if status == 409:
        return Answer(
            id=body["reservation"],
            status="refused",
            position=body["position"],
            codes=[refusal["code"] for refusal in body["refusals"]],
        )
    assert status in {200, 201}, (status, body)
    return Answer(
        id=body["id"],
        status=body["status"],
        position=body["position"],
        waitlist_place=body.get("waitlist_place"),
        codes=[refusal["code"] for refusal in body.get("refusals", [])],
    )


async def request(  # noqa: PLR0913 - what a request is made of
    url: str,
    method: str,
    path: str,
    token: str,
    body: Any = None,
    headers: dict[str, str] | None = None,
) -> tuple[int, dict[str, str], dict[str, Any]]:
    """One request on a connection of its own, and its answer in JSON."""
    data = b"" if body is None else json.dumps(body).encode()
    status, told, rest = await fetch(url, method, path, token, data, headers)
    return status, told, json.loads(rest or b"{}")


async def fetch(  # noqa: PLR0913 - what a request is made of
    url: str,
    method: str,
    path: str,
    token: str = "",
    data: bytes = b"",
    headers: dict[str, str] | None = None,
) -> tuple[int, dict[str, str], bytes]:
    """One request on a connection of its own, and its answer as it came."""
    address = urlsplit(url)
    async with asyncio.timeout(30):
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        try:
            lines = [
                f"{method} {path} HTTP/1.1",
                f"Host: {address.netloc}",
                *([f"Authorization: Bearer {token}"] if token else []),
                "Content-Type: application/json",
                f"Content-Length: {len(data)}",
                "Connection: close",
                *(f"{name}: {value}" for name, value in (headers or {}).items()),
            ]
            writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + data)
            answer = await reader.read()
        finally:
            writer.close()
    head, _, rest = answer.partition(b"\r\n\r\n")
    if not head:
        raise asyncio.IncompleteReadError(answer, None)
    first, *more = head.decode("latin-1").split("\r\n")
    told = {name.lower(): value.strip() for name, _, value in (one.partition(":") for one in more)}
    if len(rest) < int(told.get("content-length", "0")):
        raise asyncio.IncompleteReadError(rest, None)
    return int(first.split()[1]), told, rest


class Line:
    """The order in which the streams accepted the requests for a slot, as anyone can read it."""

    def __init__(self, slot: str) -> None:
        self.slot = slot
        self.order: list[str] = []

    async def heard(self, message: Any) -> None:
        """Called for each message on ``command.*``."""
        for command in commands.decode_batch(message.data).commands:
            if isinstance(command, commands.Reserve) and str(command.slot_id) == self.slot:
                self.order.append(str(command.id))


async def check(
    stack: Stack, slot: str, answers: list[Answer], *, seats: int, refused_with: str = "slot_full"
) -> None:
    """Exactly the first ``seats`` in line got one, everyone else a reason; all of it stored.

    Raises:
        AssertionError: somebody got what was not there, twice, out of turn, or was lost.
    """
    confirmed = [one for one in answers if one.status == "confirmed"]
    others = [one for one in answers if one.status != "confirmed"]
    assert len(confirmed) == seats
    assert all(one.status == "refused" and one.codes == [refused_with] for one in others)
    assert sorted(one.position or 0 for one in answers) == list(range(1, len(answers) + 1))
    assert sorted(one.position or 0 for one in confirmed) == list(range(1, seats + 1))
    connection = await asyncpg.connect(stack.database_url)
    try:
        rows = await connection.fetch(
            """SELECT id::text, status, position, holder_id, created_at FROM reservation
               WHERE slot_id = $1 ORDER BY position""",
            uuid.UUID(slot),
        )
        assert len({row["holder_id"] for row in rows}) == len(rows) == len(answers)
        assert {row["id"] for row in rows} == {one.id for one in answers}
        # First come, first served, by the time the stream gave each of them.
        moments = [row["created_at"] for row in rows]
        assert moments == sorted(moments)
        row = await connection.fetchrow(
            """SELECT s.taken, s.decided, (SELECT count(*) FROM party_occupancy p
               WHERE p.slot_id = s.id) AS parties FROM slot s WHERE s.id = $1""",
            uuid.UUID(slot),
        )
        assert tuple(row) == (seats, len(answers), seats)
        facts = await connection.fetch(
            """SELECT action, count(*) AS n, count(DISTINCT subject_id) AS once FROM audit
               WHERE detail->>'slot' = $1 GROUP BY action""",
            slot,
        )
        assert {row["action"]: row["n"] for row in facts} == {
            "reservation.confirmed": seats,
            **({"reservation.refused": len(others)} if others else {}),
        }
        assert all(row["n"] == row["once"] for row in facts)
    finally:
        await connection.close()
