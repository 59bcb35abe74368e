"""The hub of live seats: what it passes on, and whom it lets in."""

from uuid import UUID

import msgspec
import pytest
from nats.aio.client import Client

from openyard_platform.domain.errors import TooMany, Unavailable
from openyard_platform.store.seats import Seats
from openyard_platform.web import live

SLOT = UUID(int=1)


def seats(revision: int, taken: int) -> Seats:
    return Seats(
        slot_id=SLOT, revision=revision, status="open", capacity=40, taken=taken, waiting=0
    )


def test_a_newer_revision_wakes_the_reader():
    hub = live.Hub(Client())
    with hub.reading(seats(1, 0), "a") as (channel, reader):
        hub.tell(seats(2, 3))
        assert channel.latest.taken == 3
        assert reader.changed.is_set()


@pytest.mark.parametrize("revision", [4, 5])
def test_an_older_or_equal_revision_is_dropped(revision):
    """Facts are not in the order of commit; the revision is."""
    hub = live.Hub(Client())
    with hub.reading(seats(5, 9), "a") as (channel, reader):
        hub.tell(seats(revision, 1))
        assert channel.latest.taken == 9
        assert not reader.changed.is_set()


def test_what_nobody_watches_is_not_kept():
    hub = live.Hub(Client())
    hub.tell(seats(1, 1))
    with hub.reading(seats(0, 0), "a") as (channel, _):
        assert channel.latest.revision == 0
    assert hub.readers == 0


def test_an_address_has_room_for_so_many_and_no_more():
    hub = live.Hub(Client())
    with_all = [hub.reading(seats(1, 0), "a") for _ in range(live.PER_ADDRESS)]
    for reading in with_all:
        reading.__enter__()
    with pytest.raises(TooMany):
        hub.check_room("a")
    hub.check_room("b")
    with_all[0].__exit__(None, None, None)
    hub.check_room("a")


def test_a_process_has_room_for_so_many_and_no_more(monkeypatch):
    monkeypatch.setattr(live, "PER_PROCESS", 1)
    hub = live.Hub(Client())
    with hub.reading(seats(1, 0), "a"), pytest.raises(Unavailable):
        hub.check_room("b")


def test_closing_sends_every_reader_home_and_lets_nobody_in():
    hub = live.Hub(Client())
    with hub.reading(seats(1, 0), "a") as (_, reader):
        hub.close()
        assert reader.gone
        assert reader.changed.is_set()
    with pytest.raises(Unavailable):
        hub.check_room("a")


def test_an_event_is_one_line_of_json():
    event = live._event("update", seats(7, 10), ("family",))  # noqa: SLF001 - the wire itself
    head, number, data, *rest = event.decode().split("\n")
    assert (head, number, rest) == ("event: update", "id: 7", ["", ""])
    told = msgspec.json.decode(data.removeprefix("data: "))
    assert (told["remaining"], told["capacity"], told["revision"]) == (30, 40, 7)
