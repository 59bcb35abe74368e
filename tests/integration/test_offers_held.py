"""Seats that came free are offered and held: taken, let go, or given to the next in line."""

import datetime as dt
from uuid import UUID

from openyard_events.commands import AcceptOffer, DeclineOffer, Reserve
from openyard_platform import ids
from openyard_platform.domain import waitlist
from openyard_platform.store import engine
from tests.integration.test_allotments import ring, statuses
from tests.integration.test_deciding import (
    HOUR,
    NOW,
    SATURDAY,
    Desk,
    cancel,
    codes,
    desk,
    opened,
    reserve,
)

__all__ = ["desk"]

TWO_HOURS = dt.timedelta(hours=2)


def accept(made: Reserve) -> AcceptOffer:
    return AcceptOffer(
        id=ids.new(),
        reservation_id=made.id,
        account_id=made.account_id,
        holder_id=made.holder_id,
    )


def decline(made: Reserve) -> DeclineOffer:
    return DeclineOffer(
        id=ids.new(),
        reservation_id=made.id,
        account_id=made.account_id,
        holder_id=made.holder_id,
    )


async def waiting_behind_one(desk: Desk, *sizes: int, **slot) -> tuple[UUID, list[Reserve]]:
    """A slot of two seats whose holder has just left; these parties wait."""
    known = await opened(desk, capacity=2, **slot)
    holder, line = reserve(known, 2), [reserve(known, size) for size in sizes]
    await desk.decide(holder, *line)
    await desk.decide(cancel(holder))
    return known, line


async def expiry(made: Reserve) -> dt.datetime:
    row = await engine.fetch_one("SELECT offer_expires_at FROM reservation WHERE id = $1", made.id)
    assert row is not None
    return row["offer_expires_at"]


async def told_ends(made: Reserve) -> list[dt.datetime]:
    """Until when its holder was told that seats are held, each time."""
    rows = await engine.fetch(
        """SELECT (body::jsonb->>'expires_at')::timestamptz AS until FROM outbox
           WHERE type = 'openyard.reservation.offered.v1'
           AND body::jsonb->>'reservation_id' = $1 ORDER BY id""",
        str(made.id),
    )
    return [row["until"] for row in rows]


async def test_offered_seats_are_held_for_two_hours_and_nobody_else_gets_them(desk):
    slot, (first,) = await waiting_behind_one(desk, 2)
    assert await expiry(first) == NOW + TWO_HOURS
    (newcomer,) = await desk.decide(reserve(slot, 1, waitlist=False), at=NOW + HOUR)
    assert codes(newcomer) == ["slot_full"]
    (taken,) = await desk.decide(accept(first), at=NOW + TWO_HOURS - dt.timedelta(seconds=1))
    assert taken.status == "confirmed"


async def test_who_says_nothing_loses_them_to_the_next_in_line(desk):
    slot, (first, _) = await waiting_behind_one(desk, 2, 2)
    await desk.decide(ring(slot), at=NOW + TWO_HOURS)
    assert await statuses(slot) == ["cancelled", "offer_expired", "offered"]
    (late,) = await desk.decide(accept(first), at=NOW + TWO_HOURS)
    assert codes(late) == ["offer_expired"]


async def test_accepting_too_late_is_too_late_though_the_clock_has_not_rung(desk):
    slot, (first, _) = await waiting_behind_one(desk, 2, 2)
    (late,) = await desk.decide(accept(first), at=NOW + TWO_HOURS)
    assert codes(late) == ["offer_expired"]
    assert await statuses(slot) == ["cancelled", "offer_expired", "offered"]


async def test_who_declines_may_ask_again_and_the_next_is_offered_them(desk):
    slot, (first, _) = await waiting_behind_one(desk, 2, 2)
    (gone,) = await desk.decide(decline(first))
    assert gone.status == "declined"
    again, twice = await desk.decide(reserve(slot, 1, party=first.account_id), decline(first))
    assert (again.status, twice.status) == ("waitlisted", "declined")
    assert await statuses(slot) == ["cancelled", "declined", "offered", "waitlisted"]


async def test_a_second_tap_on_accept_is_no_error_and_waiting_is_nothing_to_accept(desk):
    slot, (first, second) = await waiting_behind_one(desk, 2, 2)
    once, twice, early = await desk.decide(accept(first), accept(first), accept(second))
    assert [once.status, twice.status] == ["confirmed", "confirmed"]
    assert codes(early) == ["not_offered"]
    (foreign,) = await desk.decide(
        AcceptOffer(
            id=ids.new(), reservation_id=second.id, account_id=ids.new(), holder_id=ids.new()
        )
    )
    assert foreign.status == "failed"
    assert await statuses(slot) == ["cancelled", "confirmed", "waitlisted"]


async def test_no_offer_lasts_past_the_closing_and_none_is_made_after_it(desk):
    slot, (first, _) = await waiting_behind_one(desk, 2, 2, closes_at=NOW + HOUR)
    assert await expiry(first) == NOW + HOUR
    await desk.decide(ring(slot), at=NOW + HOUR)
    assert await statuses(slot) == ["cancelled", "offer_expired", "waitlisted"]


async def test_the_venue_says_how_long_seats_are_held(desk):
    _, (first,) = await waiting_behind_one(desk, 1, offer_minutes=30)
    assert await expiry(first) == NOW + dt.timedelta(minutes=30)


async def test_who_holds_an_offer_is_nowhere_else_at_that_time(desk):
    starts_at = SATURDAY + dt.timedelta(days=30)
    times = {"starts_at": starts_at, "ends_at": starts_at + HOUR}
    _, (first,) = await waiting_behind_one(desk, 1, space="court-1", **times)
    other = await opened(desk, space="court-2", **times)
    (outcome,) = await desk.decide(reserve(other, 1, party=first.account_id))
    assert outcome.refusals == [{"code": "overlaps_own_reservation", "reservation": first.id}]


async def test_cancelling_an_offer_hands_it_on(desk):
    slot, (first, _) = await waiting_behind_one(desk, 2, 2)
    await desk.decide(cancel(first))
    assert await statuses(slot) == ["cancelled", "cancelled", "offered"]


async def test_a_withdrawn_slot_with_a_long_line_is_emptied_bit_by_bit(desk, monkeypatch):
    monkeypatch.setattr(waitlist, "REACH", 3)
    slot, _ = await waiting_behind_one(desk, *[1] * 8, external_id="long")
    await desk.decide(desk.withdraw("long", 2))
    gone = await statuses(slot)
    assert gone.count("cancelled") == 4
    (newcomer,) = await desk.decide(reserve(slot, 1))
    assert codes(newcomer) == ["slot_cancelled"]
    for _ in range(3):
        await desk.decide(ring(slot))
    assert set(await statuses(slot)) == {"cancelled", "refused"}
    row = await engine.fetch_one("SELECT taken, waiting, due_at FROM slot WHERE id = $1", slot)
    assert row is not None
    assert tuple(row) == (0, 0, None)


async def test_a_long_line_is_served_bit_by_bit_in_its_order(desk, monkeypatch):
    monkeypatch.setattr(waitlist, "REACH", 3)
    slot = await opened(desk, capacity=8)
    holder, line = reserve(slot, 8), [reserve(slot, 1) for _ in range(9)]
    await desk.decide(holder, *line)
    await desk.decide(cancel(holder))
    assert (await statuses(slot)).count("offered") == 3
    for _ in range(4):
        await desk.decide(ring(slot))
    assert await statuses(slot) == ["cancelled"] + ["offered"] * 8 + ["waitlisted"]


async def test_an_offer_ends_with_a_closing_that_the_venue_states_earlier(desk):
    slot, (first, second) = await waiting_behind_one(desk, 2, 2, external_id="early")
    stated = {"external_id": "early", "capacity": 2}
    sooner = NOW + dt.timedelta(minutes=30)
    await desk.decide(desk.offer(version=2, **stated, closes_at=sooner), at=NOW)
    assert await expiry(first) == sooner
    assert await told_ends(first) == [NOW + TWO_HOURS, sooner]
    await desk.decide(ring(slot), at=sooner)
    assert await statuses(slot) == ["cancelled", "offer_expired", "waitlisted"]
    await desk.decide(desk.offer(version=3, **stated), at=sooner)
    assert await statuses(slot) == ["cancelled", "offer_expired", "offered"]
    await desk.decide(desk.offer(version=4, **stated, closes_at=NOW), at=sooner)
    assert await statuses(slot) == ["cancelled", "offer_expired", "offer_expired"]
    (late,) = await desk.decide(accept(second), at=sooner)
    assert codes(late) == ["offer_expired"]
    assert len(await told_ends(second)) == 1


async def test_a_later_closing_prolongs_no_offer_and_tells_nobody(desk):
    closes_at = NOW + HOUR
    _, (first,) = await waiting_behind_one(desk, 2, external_id="late", closes_at=closes_at)
    stated = {"external_id": "late", "capacity": 2}
    await desk.decide(desk.offer(version=2, **stated, closes_at=closes_at + HOUR), at=NOW)
    assert await expiry(first) == closes_at
    assert await told_ends(first) == [closes_at]
