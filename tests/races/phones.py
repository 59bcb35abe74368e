"""Families with their phones: they ask, lose the line, ask again, and keep what they were told."""

import asyncio
import contextlib
import random
import uuid
from typing import Any

import httpx
from msgspec import Struct, field

from tests.races.rush import request
from tests.races.yards import Ask, Place, Yard, now

_TICK = 0.02
_GIVE_UP = 60.0
# A change or a cancellation that is not there by now was refused, or its line went dead.
_SAY_AGAIN = 10.0
_KINDS = ("reserve", "cancel", "change", "answer", "tap")
_SEATS = (1, 1, 1, 2, 2, 3)
_LOST_LINE = (OSError, asyncio.IncompleteReadError, ValueError)

Answer = tuple[int, dict[str, str], dict[str, Any]]


class Held(Struct):
    """A reservation as its family knows it. ``waits``: for seats, or for their answer."""

    id: str
    place: Place
    seats: int
    waits: bool = False


class Family(Struct):
    token: str
    feed_url: str
    held: list[Held] = field(default_factory=list)
    busy: bool = False


class Phones:
    """``rate``: requests a second at most; one at a time from each family.

    ``mix``: how often reserve, cancel, change, answer an offer, and a second tap on "reserve".
    """

    def __init__(
        self,
        url: str,
        accounts: list[dict[str, Any]],
        *,
        rate: float,
        mix: tuple[int, int, int, int, int] = (55, 13, 19, 8, 5),
    ) -> None:
        self.families = [Family(one["token"], one["feed_url"]) for one in accounts]
        self._url = url
        self._rate = rate
        self._mix = mix
        self._random = random.Random(1)  # noqa: S311 - nothing secret
        self._under_way: set[asyncio.Task[None]] = set()

    async def subscribe(self) -> None:
        """Fetch each family's calendar once: what is in it is rendered from then on."""
        async with httpx.AsyncClient() as client:
            for family in self.families:
                (await client.get(family.feed_url)).raise_for_status()

    async def ring(self, yard: Yard, stop: asyncio.Event) -> None:
        """Ask until ``stop``, then wait until everybody has been told."""
        for family in self.families:
            family.held.clear()
        due = 0.0
        last = now()
        while not stop.is_set():
            due += (now() - last) * self._rate
            last = now()
            while due >= 1:
                due -= 1
                self._somebody(yard)
            await asyncio.sleep(_TICK)
        if self._under_way:
            await asyncio.wait(self._under_way)

    def _somebody(self, yard: Yard) -> None:
        idle = [family for family in self.families if not family.busy]
        if not idle:
            return
        family = self._random.choice(idle)
        (kind,) = self._random.choices(_KINDS, self._mix)
        if kind == "answer":
            family = next((one for one in idle if any(held.waits for held in one.held)), family)
        if kind in {"cancel", "change"}:
            # Whoever has something to give back or to change.
            family = next((one for one in self._random.sample(idle, len(idle)) if one.held), family)
        family.busy = True
        task = asyncio.get_running_loop().create_task(self._ask(yard, family, kind))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _ask(self, yard: Yard, family: Family, kind: str) -> None:
        try:
            if kind == "cancel" and family.held:
                await self._cancel(yard, family)
            elif kind == "change" and family.held:
                await self._change(yard, family)
            elif kind != "answer" or not await self._answer(yard, family):
                await self._reserve(yard, family, twice=kind == "tap")
        except Exception as error:  # noqa: BLE001 - whatever it was, the reckoning shows it
            yard.strange.append(f"{kind}: {error!r}")
        finally:
            family.busy = False

    async def _reserve(self, yard: Yard, family: Family, *, twice: bool) -> None:
        place = self._random.choice(yard.open_places())
        seats = self._random.choice(_SEATS)
        ask = Ask(
            kind="reserve",
            slot=place.id,
            partition=place.partition,
            asked=now(),
            seats=seats,
            key=uuid.uuid4().hex,
        )
        yard.asks.append(ask)
        status, body = await self._until_decided(family, ask)
        if status not in {200, 201, 409}:
            raise AssertionError(f"{ask} was answered {status} {body}")
        ask.reservation = body["reservation"] if status == 409 else body["id"]
        _told(ask, status, body)
        if body.get("status") in {"confirmed", "waitlisted"}:
            waits = body["status"] == "waitlisted"
            family.held.append(Held(ask.reservation, place, seats, waits))
        if twice:
            status, body = await self._until_decided(family, ask)
            again = body["reservation"] if status == 409 else body["id"]
            if again != ask.reservation:
                yard.strange.append(f"one key, two reservations: {ask.reservation} and {again}")

    async def _until_decided(self, family: Family, ask: Ask) -> tuple[int, dict[str, Any]]:
        wish = {"slot_id": ask.slot, "seats": ask.seats}
        key = {"Idempotency-Key": ask.key}
        status, headers, body = await self._until_heard(
            family, ask, "POST", "/api/v1/reservations", wish, key
        )
        if status != 202:
            return status, body
        ask.queued.append(body["id"])
        deadline = now() + _GIVE_UP
        while now() < deadline:
            await asyncio.sleep(0.5)
            status, _, body = await self._until_heard(family, ask, "GET", headers["location"])
            if status != 202:
                return status, body
        raise AssertionError(f"no decision within a minute: {ask}")

    async def _cancel(self, yard: Yard, family: Family) -> None:
        held = family.held.pop(self._random.randrange(len(family.held)))
        ask = Ask(
            kind="cancel",
            slot=held.place.id,
            partition=held.place.partition,
            asked=now(),
            reservation=held.id,
        )
        yard.asks.append(ask)
        status, body = await self._until_so(
            family, ask, "DELETE", None, lambda body: body["status"] == "cancelled"
        )
        if status != 200:
            raise AssertionError(f"{ask} was answered {status} {body}")
        _told(ask, status, body)

    async def _change(self, yard: Yard, family: Family) -> None:
        held = self._random.choice(family.held)
        place, wish = self._otherwise(yard, held)
        ask = Ask(
            kind="change",
            slot=place.id,
            partition=place.partition,
            asked=now(),
            reservation=held.id,
            seats=wish.get("seats", held.seats),
        )
        yard.asks.append(ask)
        status, body = await self._until_so(
            family,
            ask,
            "PATCH",
            wish,
            lambda body: (body["slot_id"], body["seats"]) == (ask.slot, ask.seats),
        )
        if status not in {200, 409}:
            raise AssertionError(f"{ask} was answered {status} {body}")
        _told(ask, status, body)
        if status == 200:
            held.place, held.seats = place, ask.seats
            held.waits = body["status"] != "confirmed"
            if (body["slot_id"], body["seats"]) != (ask.slot, ask.seats):
                yard.strange.append(f"answered otherwise than asked: {ask}")
        elif ask.tries > 1 or body["refusals"][0]["code"] == "reservation_ended":
            # Nobody on this side of the line knows how it stands: it is left alone.
            family.held.remove(held)

    async def _answer(self, yard: Yard, family: Family) -> bool:
        """Look whether seats are offered, and take them or let them go; False: there are none."""
        waiting = [held for held in family.held if held.waits]
        if not waiting:
            return False
        held = self._random.choice(waiting)
        kind, becomes = self._random.choice([("accept", "confirmed"), ("decline", "declined")])
        ask = Ask(
            kind=kind,
            slot=held.place.id,
            partition=held.place.partition,
            asked=now(),
            reservation=held.id,
        )
        path = f"/api/v1/reservations/{held.id}"
        _, _, body = await self._until_heard(family, ask, "GET", path)
        if body["status"] != "offered":
            held.waits = body["status"] == "waitlisted"
            return False
        yard.asks.append(ask)
        status, body = await self._until_so(
            family, ask, "POST", None, lambda body: body["status"] == becomes, f"/{kind}"
        )
        if status not in {200, 409}:
            raise AssertionError(f"{ask} was answered {status} {body}")
        _told(ask, status, body)
        held.waits = False
        if status == 409 or kind == "decline":
            family.held.remove(held)
        return True

    def _otherwise(self, yard: Yard, held: Held) -> tuple[Place, dict[str, Any]]:
        """Another number of seats, or another slot of the same venue."""
        others = [
            place
            for place in yard.open_places()
            if place.venue == held.place.venue and place.id != held.place.id
        ]
        if others and self._random.random() < 0.3:
            place = self._random.choice(others)
            return place, {"slot_id": place.id}
        seats = self._random.choice([seats for seats in (1, 2, 3) if seats != held.seats])
        return held.place, {"seats": seats}

    async def _until_so(  # noqa: PLR0913 - what a request is made of
        self, family: Family, ask: Ask, method: str, wish: Any, is_so: Any, verb: str = ""
    ) -> tuple[int, dict[str, Any]]:
        """Say it, and where the answer is 202 look until it is so, or it has to be said again."""
        path = f"/api/v1/reservations/{ask.reservation}"
        deadline = now() + _GIVE_UP
        while now() < deadline:
            status, _, body = await self._until_heard(family, ask, method, path + verb, wish)
            if status != 202:
                return status, body
            say_again = now() + _SAY_AGAIN
            while now() < say_again:
                await asyncio.sleep(0.5)
                status, _, body = await self._until_heard(family, ask, "GET", path)
                if status == 200 and is_so(body):
                    return status, body
        raise AssertionError(f"no decision within a minute: {ask}")

    async def _until_heard(  # noqa: PLR0913 - what a request is made of
        self,
        family: Family,
        ask: Ask,
        method: str,
        path: str,
        wish: Any = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """An answer of the platform itself: a dead line or a 503 is no answer."""
        deadline = now() + _GIVE_UP
        while now() < deadline:
            if method != "GET":
                ask.tries += 1
            pause = 0.2
            with contextlib.suppress(*_LOST_LINE):
                answer = await request(self._url, method, path, family.token, wish, headers)
                if answer[0] != 503:
                    return answer
                pause = float(answer[1]["retry-after"])
            await asyncio.sleep(pause + self._random.uniform(0, 0.2))
        raise AssertionError(f"no answer within a minute: {method} {ask}")


def _told(ask: Ask, status: int, body: dict[str, Any]) -> None:
    ask.answered, ask.status, ask.told = now(), status, body
