import datetime as dt

import pytest

from openyard_events.contracts import FieldError, SlotOffered, SlotWithdrawn
from openyard_events.publisher import Publisher
from openyard_events.testing import RecordingPublisher

NINE = dt.datetime(2026, 12, 5, 1, tzinfo=dt.UTC)


def slot(version: int = 1, external_id: str = "a", **changes) -> SlotOffered:
    return SlotOffered(
        external_id=external_id,
        version=version,
        space="hall",
        starts_at=NINE,
        ends_at=changes.pop("ends_at", NINE + dt.timedelta(hours=1)),
        capacity=10,
        title="开放",
        **changes,
    )


@pytest.fixture
def venue() -> Publisher:
    return RecordingPublisher("museum")


async def test_a_slot_is_accepted_once_by_version(venue):
    first = await venue.offer(slot())
    assert (first.status, first.version) == ("accepted", 1)
    assert (await venue.offer(slot())).status == "duplicate"
    second = await venue.change(slot(version=2))
    assert (second.status, second.slot_id) == ("accepted", first.slot_id)
    assert (await venue.offer(slot(version=1))).version == 2
    assert len(venue.published) == 4


async def test_a_repeated_id_has_the_first_answer(venue):
    first = await venue.offer(slot(), ce_id="x")
    assert await venue.offer(slot(version=5), ce_id="x") == first


async def test_the_form_is_checked(venue):
    receipt = await venue.offer(slot(ends_at=NINE))
    assert receipt.status == "refused"
    assert [error.code for error in receipt.errors] == ["ends_before_start"]


async def test_a_withdrawal_closes_by_version(venue):
    await venue.offer(slot())
    withdrawn = SlotWithdrawn(external_id="a", version=2)
    assert (await venue.withdraw(withdrawn)).status == "accepted"
    assert (await venue.withdraw(withdrawn)).status == "duplicate"


async def test_a_refusal_can_be_arranged():
    taken = [FieldError(path="space", code="venue_capacity_conflict", message="Taken.")]
    venue = RecordingPublisher("museum", refusals={"b": taken})
    assert (await venue.offer(slot())).status == "accepted"
    assert (await venue.offer(slot(external_id="b"))).errors == taken
