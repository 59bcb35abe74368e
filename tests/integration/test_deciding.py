"""Commands decided against a real database, through the same action the deciders run."""

import datetime as dt
from uuid import UUID

import msgspec
import pytest

from openyard_events.commands import Cancel, OfferSlot, Outcome, Reserve, WithdrawSlot
from openyard_events.contracts import SlotOffered, SlotWithdrawn
from openyard_platform import ids
from openyard_platform.actions import deciding
from openyard_platform.domain.state import Asked
from openyard_platform.store import engine, partitions

NOW = dt.datetime(2026, 11, 20, 0, 0, tzinfo=dt.UTC)
SATURDAY = dt.datetime(2026, 11, 28, 1, 0, tzinfo=dt.UTC)


class Desk:
    """One partition's decider without the bus."""

    def __init__(self, venue_id: UUID, lease, position) -> None:
        self.venue_id = venue_id
        self.lease = lease
        self.position = position
        self.counter = 0

    async def decide(self, *commands, at: dt.datetime = NOW) -> list[Outcome]:
        after = partitions.Position(
            stream_created=NOW, sequence=self.position.sequence + 1, index=0
        )
        asked = [Asked(command, at) for command in commands]
        outcomes = await deciding.decide_batch(asked, self.lease, self.position, after)
        self.position = after
        return outcomes

    def offer(self, version: int = 1, **changes) -> OfferSlot:
        self.counter += 1
        slot = {
            "external_id": f"slot-{self.counter}",
            "version": version,
            "space": "hall",
            "starts_at": SATURDAY + dt.timedelta(hours=2 * self.counter),
            "ends_at": SATURDAY + dt.timedelta(hours=2 * self.counter + 1),
            "capacity": 10,
            "title": "周末开放",
        } | changes
        return OfferSlot(
            id=ids.new(),
            venue_id=self.venue_id,
            venue_key="library",
            receipt_id=f"ce-{ids.new()}",
            slot=msgspec.convert(slot, SlotOffered),
        )

    def withdraw(self, external_id: str, version: int) -> WithdrawSlot:
        return WithdrawSlot(
            id=ids.new(),
            venue_id=self.venue_id,
            venue_key="library",
            receipt_id=f"ce-{ids.new()}",
            slot=SlotWithdrawn(external_id=external_id, version=version, reason="闭馆检修"),
        )


def reserve(slot_id: UUID, seats: int = 1, party: UUID | None = None, **changes) -> Reserve:
    party = party or ids.new()
    return Reserve(
        **{
            "id": ids.new(),
            "slot_id": slot_id,
            "account_id": party,
            "holder_id": party,
            "parties": (party,),
            "audiences": ("family", "resident"),
            "seats": seats,
        }
        | changes
    )


def cancel(made: Reserve) -> Cancel:
    return Cancel(
        id=ids.new(),
        reservation_id=made.id,
        account_id=made.account_id,
        holder_id=made.holder_id,
    )


def codes(outcome: Outcome) -> list[str]:
    return [refusal["code"] for refusal in outcome.refusals]


@pytest.fixture
async def desk(database_url: str):
    await engine.connect(database_url, size=4)
    venue_id = ids.new()
    await engine.run_script(
        f"""
        INSERT INTO district VALUES ('chengzhong', '城中区', 1) ON CONFLICT DO NOTHING;
        INSERT INTO organisation (id, key, name, kind, district_key)
        VALUES ('{venue_id}', 'v{venue_id.hex[-12:]}', '市图书馆', 'venue', 'chengzhong');
        INSERT INTO space (id, organisation_id, key, name)
        VALUES ('{ids.new()}', '{venue_id}', 'hall', '大厅');
        INSERT INTO space (id, organisation_id, key, name, parent_id)
        SELECT '{ids.new()}', '{venue_id}', 'court-1', '一号场', id FROM space
        WHERE organisation_id = '{venue_id}' AND key = 'hall';
        INSERT INTO space (id, organisation_id, key, name, parent_id)
        SELECT '{ids.new()}', '{venue_id}', 'court-2', '二号场', id FROM space
        WHERE organisation_id = '{venue_id}' AND key = 'hall';
        UPDATE partition SET expires_at = '-infinity', sequence = 0;
        """  # noqa: S608
    )
    await partitions.ensure(1)
    lease, position = await partitions.take(0, "test", seconds=60, grace=0)
    yield Desk(venue_id, lease, position)
    await engine.disconnect()


async def opened(desk: Desk, **changes) -> UUID:
    (outcome,) = await desk.decide(desk.offer(**changes))
    assert outcome.status == "accepted"
    return outcome.slot_id


async def test_seats_go_in_order_of_acceptance_and_then_the_list_begins(desk):
    slot = await opened(desk, capacity=3)
    outcomes = await desk.decide(*(reserve(slot, 2) for _ in range(3)))
    assert [one.status for one in outcomes] == ["confirmed", "waitlisted", "waitlisted"]
    assert [one.position for one in outcomes] == [1, 2, 3]
    assert [one.waitlist_place for one in outcomes] == [None, 1, 2]


async def test_a_freed_seat_goes_to_the_first_waiting_party_that_fits(desk):
    slot = await opened(desk, capacity=3)
    first, big, small = reserve(slot, 2), reserve(slot, 3), reserve(slot, 1)
    newcomer = reserve(slot, 1)
    outcomes = await desk.decide(first, big, small, newcomer)
    assert [one.status for one in outcomes] == ["confirmed"] + ["waitlisted"] * 3
    (gone,) = await desk.decide(cancel(first))
    assert gone.status == "cancelled"
    rows = await engine.fetch(
        "SELECT status, skips FROM reservation WHERE slot_id = $1 ORDER BY position", slot
    )
    assert [row["status"] for row in rows] == ["cancelled", "offered", "waitlisted", "waitlisted"]
    taken = await engine.fetch_one("SELECT taken, waiting FROM slot WHERE id = $1", slot)
    assert tuple(taken) == (3, 2)


async def test_who_is_passed_over_on_the_list_gets_the_reason_recorded(desk):
    slot = await opened(desk, capacity=3)
    first, second, big, small = (reserve(slot, seats) for seats in (2, 1, 3, 2))
    await desk.decide(first, second, big, small)
    await desk.decide(cancel(first))
    row = await engine.fetch_one("SELECT status, skips FROM reservation WHERE id = $1", big.id)
    assert row["status"] == "waitlisted"
    assert row["skips"][0]["code"] == "insufficient_capacity"
    assert row["skips"][0]["remaining"] == 2
    row = await engine.fetch_one("SELECT status FROM reservation WHERE id = $1", small.id)
    assert row["status"] == "offered"


async def test_without_a_waiting_list_a_full_slot_refuses(desk):
    slot = await opened(desk, capacity=2)
    outcomes = await desk.decide(
        reserve(slot, 1), reserve(slot, 2, waitlist=False), reserve(slot, 1, waitlist=False)
    )
    assert codes(outcomes[1]) == ["insufficient_capacity"]
    assert outcomes[1].refusals[0]["remaining"] == 1
    (full,) = await desk.decide(reserve(slot, 1, waitlist=False))
    assert codes(full) == ["slot_full"]


async def test_every_code_that_applies_is_told(desk):
    slot = await opened(
        desk,
        audiences=["school"],
        opens_at=NOW + dt.timedelta(days=1),
        party={"min": 3, "chaperones_per": 1},
    )
    (outcome,) = await desk.decide(reserve(slot, 1))
    assert codes(outcome) == [
        "not_yet_open",
        "audience_not_allowed",
        "party_too_small",
        "chaperones_missing",
    ]


async def test_a_party_is_in_one_place_at_a_time_also_across_batches(desk):
    one = await opened(desk, space="court-1", starts_at=SATURDAY, ends_at=SATURDAY + HOUR)
    other = await opened(
        desk, space="court-2", starts_at=SATURDAY + HOUR / 2, ends_at=SATURDAY + 2 * HOUR
    )
    party = ids.new()
    first = reserve(one, party=party)
    outcomes = await desk.decide(first, reserve(other, party=party))
    assert codes(outcomes[1]) == ["overlaps_own_reservation"]
    (again,) = await desk.decide(reserve(other, party=party))
    assert again.refusals == [{"code": "overlaps_own_reservation", "reservation": first.id}]
    (same,) = await desk.decide(reserve(one, party=party))
    assert codes(same)[0] == "already_reserved"
    await desk.decide(cancel(first))
    (now_free,) = await desk.decide(reserve(other, party=party))
    assert now_free.status == "confirmed"


async def test_a_repeated_command_has_its_first_outcome(desk):
    slot = await opened(desk, capacity=1)
    asked = reserve(slot)
    (first,) = await desk.decide(asked)
    (second,) = await desk.decide(asked)
    assert (first.status, first.position) == (second.status, second.position) == ("confirmed", 1)
    row = await engine.fetch_one("SELECT taken, decided FROM slot WHERE id = $1", slot)
    assert tuple(row) == (1, 1)


async def test_a_repeated_key_leads_to_the_first_reservation(desk):
    slot = await opened(desk)
    account = ids.new()
    first = reserve(slot, party=account, key="k", fingerprint=b"a")
    again = reserve(slot, party=account, key="k", fingerprint=b"a")
    other = reserve(slot, party=account, key="k", fingerprint=b"b")
    outcomes = await desk.decide(first, again, other)
    assert outcomes[1].reservation_id == first.id
    assert codes(outcomes[2]) == ["idempotency_key_reused"]
    (later,) = await desk.decide(reserve(slot, party=account, key="k", fingerprint=b"a"))
    assert later.reservation_id == first.id


async def test_no_two_slots_overlap_on_a_space_or_on_what_it_contains(desk):
    start = SATURDAY + dt.timedelta(days=1)
    hall = desk.offer(space="hall", starts_at=start, ends_at=start + HOUR)
    court = desk.offer(space="court-1", starts_at=start, ends_at=start + HOUR)
    outcomes = await desk.decide(court, hall)
    assert [one.status for one in outcomes] == ["accepted", "refused"]
    assert outcomes[1].errors[0].code == "space_occupied"
    (later,) = await desk.decide(desk.offer(space="hall", starts_at=start, ends_at=start + HOUR))
    assert later.errors[0].code == "space_occupied"
    (shift,) = await desk.decide(
        desk.offer(space="hall", starts_at=start, ends_at=start + HOUR, kind="shift")
    )
    assert shift.status == "accepted"


async def test_a_lower_version_and_a_repeated_message_change_nothing(desk):
    offer = desk.offer(version=5, external_id="x")
    (first,) = await desk.decide(offer)
    outcomes = await desk.decide(offer, desk.offer(version=4, external_id="x", title="旧"))
    assert outcomes[0].status == "accepted"
    assert outcomes[0].slot_id == first.slot_id
    assert (outcomes[1].status, outcomes[1].version) == ("duplicate", 5)
    row = await engine.fetch_one("SELECT title FROM slot WHERE id = $1", first.slot_id)
    assert row["title"] == "周末开放"


async def test_a_moved_slot_keeps_its_reservations_and_asks_them_anew(desk):
    slot = await opened(desk, external_id="moving", starts_at=SATURDAY, ends_at=SATURDAY + HOUR)
    made = reserve(slot)
    await desk.decide(made)
    await desk.decide(
        desk.offer(
            version=2,
            external_id="moving",
            starts_at=SATURDAY + HOUR,
            ends_at=SATURDAY + 2 * HOUR,
        )
    )
    row = await engine.fetch_one(
        "SELECT status, needs_reconfirm FROM reservation WHERE id = $1", made.id
    )
    assert tuple(row) == ("confirmed", True)
    row = await engine.fetch_one("SELECT sequence, taken FROM slot WHERE id = $1", slot)
    assert tuple(row) == (1, 1)
    (other,) = await desk.decide(
        desk.offer(external_id="old-place", starts_at=SATURDAY, ends_at=SATURDAY + HOUR)
    )
    assert other.status == "accepted"


async def test_who_is_confirmed_and_moved_in_one_batch_is_asked_anew_too(desk):
    start = SATURDAY + dt.timedelta(days=11)
    slot = await opened(desk, external_id="hurried", starts_at=start, ends_at=start + HOUR)
    made = reserve(slot)
    times = {"starts_at": start + HOUR, "ends_at": start + 2 * HOUR}
    await desk.decide(made, desk.offer(version=2, external_id="hurried", **times))
    row = await engine.fetch_one(
        "SELECT status, needs_reconfirm FROM reservation WHERE id = $1", made.id
    )
    assert tuple(row) == ("confirmed", True)


async def test_more_capacity_is_handed_on_and_less_than_taken_is_refused(desk):
    start = SATURDAY + dt.timedelta(days=3)
    times = {"starts_at": start, "ends_at": start + HOUR, "external_id": "growing"}
    slot = await opened(desk, capacity=1, **times)
    first, second = reserve(slot), reserve(slot)
    await desk.decide(first, second)
    await desk.decide(desk.offer(version=2, capacity=2, **times))
    row = await engine.fetch_one("SELECT taken, waiting FROM slot WHERE id = $1", slot)
    assert tuple(row) == (2, 0)
    (less,) = await desk.decide(desk.offer(version=3, capacity=1, **times))
    assert less.errors[0].code == "capacity_below_taken"


async def test_a_withdrawn_slot_ends_its_reservations_and_frees_its_space(desk):
    slot = await opened(desk, external_id="gone", capacity=1)
    held, waiting = reserve(slot), reserve(slot)
    await desk.decide(held, waiting)
    (outcome,) = await desk.decide(desk.withdraw("gone", 2))
    assert outcome.status == "accepted"
    rows = await engine.fetch(
        "SELECT status, cancelled_by FROM reservation WHERE slot_id = $1", slot
    )
    assert {tuple(row) for row in rows} == {("cancelled", "venue")}
    (late,) = await desk.decide(reserve(slot))
    assert codes(late) == ["slot_cancelled"]
    counts = await engine.fetch_one(
        "SELECT (SELECT count(*) FROM slot_occupancy WHERE slot_id = $1), taken FROM slot"
        " WHERE id = $1",
        slot,
    )
    assert tuple(counts) == (0, 0)


async def test_withdrawing_the_unknown_leaves_a_tombstone_for_late_offers(desk):
    (outcome,) = await desk.decide(desk.withdraw("never", 7))
    assert outcome.status == "accepted"
    outcomes = await desk.decide(
        desk.offer(version=3, external_id="never"), desk.offer(version=8, external_id="never")
    )
    assert [one.status for one in outcomes] == ["duplicate", "accepted"]
    row = await engine.fetch_one("SELECT status, title FROM slot WHERE id = $1", outcome.slot_id)
    assert tuple(row) == ("open", "周末开放")


async def test_an_exclusive_slot_is_one_partys_alone(desk):
    slot = await opened(desk, exclusive=True, capacity=50)
    outcomes = await desk.decide(reserve(slot, 20), reserve(slot, 1))
    assert [one.status for one in outcomes] == ["confirmed", "waitlisted"]


async def test_volunteers_sign_up_for_a_shift_and_others_do_not(desk):
    slot = await opened(desk, kind="shift")
    outcomes = await desk.decide(reserve(slot, audiences=("volunteer", "resident")), reserve(slot))
    assert outcomes[0].status == "confirmed"
    assert codes(outcomes[1]) == ["audience_not_allowed"]


async def test_seats_cannot_be_given_back_after_the_deadline(desk):
    slot = await opened(desk, cancel_until_hours=24, starts_at=SATURDAY, ends_at=SATURDAY + HOUR)
    made = reserve(slot)
    await desk.decide(made)
    (late,) = await desk.decide(cancel(made), at=SATURDAY - dt.timedelta(hours=23))
    assert codes(late) == ["cancellation_closed"]
    (in_time,) = await desk.decide(cancel(made), at=SATURDAY - dt.timedelta(hours=25))
    assert in_time.status == "cancelled"


async def test_a_foreign_reservation_cannot_be_cancelled(desk):
    slot = await opened(desk)
    made = reserve(slot)
    await desk.decide(made)
    stranger = Cancel(
        id=ids.new(), reservation_id=made.id, account_id=ids.new(), holder_id=ids.new()
    )
    (outcome,) = await desk.decide(stranger)
    assert outcome.status == "failed"


async def test_an_old_decider_is_fenced_off(desk):
    slot = await opened(desk)
    await partitions.release(desk.lease)
    newer, position = await partitions.take(0, "newer", seconds=60, grace=0)
    made = reserve(slot)
    with pytest.raises(partitions.LeaseLost):
        await desk.decide(made)
    assert await engine.fetch_one("SELECT 1 FROM reservation WHERE id = $1", made.id) is None
    desk.lease, desk.position = newer, position
    (outcome,) = await desk.decide(made)
    assert outcome.status == "confirmed"


async def test_the_database_itself_refuses_to_oversell(desk):
    slot = await opened(desk, capacity=1)
    with pytest.raises(Exception, match="slot_not_oversold"):
        await engine.fetch("UPDATE slot SET taken = 2 WHERE id = $1", slot)


async def test_a_repeated_message_of_an_earlier_batch_has_its_first_receipt(desk):
    offer = desk.offer(external_id="twice")
    withdrawal = desk.withdraw("twice", 5)
    await desk.decide(offer, withdrawal)
    outcomes = await desk.decide(offer, withdrawal)
    assert [one.status for one in outcomes] == ["accepted", "accepted"]
    row = await engine.fetch_one(
        "SELECT status, version FROM slot WHERE id = $1", outcomes[0].slot_id
    )
    assert tuple(row) == ("withdrawn", 5)


async def test_withdrawing_again_raises_the_version_and_an_old_one_nothing(desk):
    slot = await opened(desk, external_id="again", version=2)
    outcomes = await desk.decide(
        desk.withdraw("again", 1), desk.withdraw("again", 3), desk.withdraw("again", 4)
    )
    assert [one.status for one in outcomes] == ["duplicate", "accepted", "accepted"]
    row = await engine.fetch_one("SELECT status, version FROM slot WHERE id = $1", slot)
    assert tuple(row) == ("withdrawn", 4)


async def test_a_slot_in_an_unknown_space_is_refused(desk):
    (outcome,) = await desk.decide(desk.offer(space="nowhere"))
    assert (outcome.status, outcome.errors[0].code) == ("refused", "space_unknown")


async def test_a_shift_may_be_moved_into_an_occupied_space(desk):
    times = {"starts_at": SATURDAY, "ends_at": SATURDAY + HOUR}
    await opened(desk, external_id="visit", space="hall", **times)
    shift = await opened(desk, external_id="shift", kind="shift")
    (moved,) = await desk.decide(
        desk.offer(external_id="shift", version=2, kind="shift", space="hall", **times)
    )
    assert (moved.status, moved.slot_id) == ("accepted", shift)


async def test_a_party_that_a_move_puts_in_two_places_decides_itself(desk):
    early = {"starts_at": SATURDAY, "ends_at": SATURDAY + HOUR}
    late = {"starts_at": SATURDAY + 2 * HOUR, "ends_at": SATURDAY + 3 * HOUR}
    one = await opened(desk, external_id="one", space="court-1", **early)
    other = await opened(desk, external_id="other", space="court-2", **late)
    party = ids.new()
    first, second = reserve(one, party=party), reserve(other, party=party)
    await desk.decide(first, second)
    await desk.decide(desk.offer(external_id="other", version=2, space="court-2", **early))
    rows = await engine.fetch(
        "SELECT isempty(during) AS suspended FROM party_occupancy WHERE reservation_id = $1",
        second.id,
    )
    assert [row["suspended"] for row in rows] == [True]
    # Flagged, it may be given back at any time without a strike.
    (gone,) = await desk.decide(cancel(second), at=SATURDAY + HOUR)
    assert gone.status == "cancelled"


async def test_what_has_begun_cannot_be_given_back(desk):
    slot = await opened(desk, starts_at=SATURDAY, ends_at=SATURDAY + HOUR)
    made = reserve(slot)
    await desk.decide(made)
    (late,) = await desk.decide(cancel(made), at=SATURDAY)
    assert codes(late) == ["slot_started"]
    (newcomer,) = await desk.decide(reserve(slot), at=SATURDAY)
    assert codes(newcomer) == ["slot_started"]


HOUR = dt.timedelta(hours=1)


async def test_busy_time_takes_its_space_and_nobody_books_it(desk):
    (busy,) = await desk.decide(desk.offer(kind="busy", external_id="meeting"))
    over = {"starts_at": SATURDAY + dt.timedelta(hours=2), "external_id": "late"}

    refused, asked = await desk.decide(desk.offer(**over), reserve(busy.slot_id))

    assert busy.status == "accepted"
    assert [error.code for error in refused.errors] == ["space_occupied"]
    assert "'meeting'" in refused.errors[0].message
    assert codes(asked) == ["not_bookable"]


@pytest.mark.parametrize("kinds", [("busy", "access"), ("access", "busy")])
async def test_busy_time_never_becomes_a_slot_nor_a_slot_busy_time(desk, kinds):
    """Else a reservation would stand on what nobody may book."""
    before, after = kinds
    offered = desk.offer(kind=before, external_id="x")
    withdrawn = desk.withdraw("x", 2)
    same = {"starts_at": offered.slot.starts_at, "ends_at": offered.slot.ends_at}
    await desk.decide(offered)

    (changed,) = await desk.decide(desk.offer(2, kind=after, external_id="x", **same))
    _, reopened = await desk.decide(withdrawn, desk.offer(3, kind=after, external_id="x", **same))
    (again,) = await desk.decide(desk.offer(4, kind=before, external_id="x", **same))

    assert [error.code for error in changed.errors] == ["kind_fixed"]
    assert [error.code for error in reopened.errors] == ["kind_fixed"]
    assert again.status == "accepted"
