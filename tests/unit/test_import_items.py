"""What a calendar would do to a venue's slots, reckoned without any server."""

import datetime as dt
import itertools
import time
from collections.abc import Iterable
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from openyard_calendars.reading import ReadEvent
from openyard_calendars.unreadable import Unreadable
from openyard_events.contracts import SlotKind
from openyard_platform.domain import event_slots, import_items
from openyard_platform.domain.errors import Invalid
from openyard_platform.domain.import_items import REASON
from openyard_platform.domain.imports import (
    PUBLISHED,
    Around,
    Change,
    Instructions,
    Item,
    Purpose,
    Standing,
    Taken,
)
from openyard_platform.domain.slots import Space
from tests.unit.test_reading_corpus import EVER, FILES, by_name, read

NOW = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
DAY = dt.datetime(2026, 11, 28, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
SPACES = {
    "hall": Space(id=UUID(int=1), key="hall", leaves=(1, 2)),
    "court": Space(id=UUID(int=2), key="court", leaves=(1,)),
    "reading-room": Space(
        id=UUID(int=3), key="reading-room", leaves=(3,), shared={3: 50}, is_shared=True
    ),
}


def told(purpose: Purpose = Purpose.SLOTS, space: str = "hall", **changes) -> Instructions:
    capacity = 20 if purpose is Purpose.SLOTS else None
    return Instructions(
        source="cal",
        purpose=purpose,
        space=space,
        zone="Asia/Shanghai",
        until=DAY + 400 * 24 * HOUR,
        **{"capacity": capacity} | changes,
    )


def event(uid: str, start: float = 9, end: float = 11, **changes) -> ReadEvent:
    return ReadEvent(
        **{
            "uid": uid,
            "recurrence_key": None,
            "summary": f"活动 {uid}",
            "description": "",
            "location": "",
            "starts_at": DAY + start * HOUR,
            "ends_at": DAY + end * HOUR,
            "all_day": False,
            "status": "CONFIRMED",
            "sequence": 0,
            "changed_at": NOW,
        }
        | changes
    )


def applied(items: Iterable[Item], before: Iterable[Standing] = ()) -> list[Standing]:
    """What stands when all of it is published."""
    known = {one.slot.external_id: one for one in before}
    for item in items:
        live = known.get(item.external_id)
        if item.withdrawal:
            assert live is not None
            version = item.withdrawal.version
            known[item.external_id] = replace(
                live, is_open=False, reason=REASON, slot=replace(live.slot, version=version)
            )
        if item.offer:
            assert live is None or item.offer.version > live.slot.version
            known[item.external_id] = Standing(
                slot=item.offer, is_open=True, reason=None, taken=0, waiting=0
            )
    return list(known.values())


def replaced(standing: Standing, **changes) -> Standing:
    """The same with other fields of its slot."""
    return replace(standing, slot=replace(standing.slot, **changes))


def survey(
    found, instructions=None, own: Iterable[Standing] = (), others: Iterable[Standing] = ()
) -> import_items.Survey:
    taken = [
        Taken(
            leaf=leaf,
            starts_at=one.slot.starts_at,
            ends_at=one.slot.ends_at,
            seats=None if one.slot.exclusive or not space.is_shared else one.slot.capacity,
            by=one.as_other(),
        )
        for one in others
        for space in [SPACES[one.slot.space]]
        for leaf in space.leaves
    ]
    around = Around(own=list(own), taken=taken, spaces=SPACES)
    return import_items.survey(list(found), instructions or told(), around, NOW)


def changes(seen: import_items.Survey) -> dict[str, Change]:
    return {item.external_id.partition(":cal:")[2]: item.change for item in seen.items}


hours = st.integers(0, 40).map(lambda quarter: quarter / 4)
events = st.lists(
    st.builds(
        lambda start, length, **rest: event("x", start, start + length, **rest),
        start=hours,
        length=st.integers(1, 12).map(lambda quarter: quarter / 4),
        status=st.sampled_from(["CONFIRMED", "CONFIRMED", "TENTATIVE"]),
        transparent=st.sampled_from([False, False, False, True]),
    ),
    max_size=12,
).map(
    lambda some: [
        event(
            f"e{number}",
            (one.starts_at - DAY) / HOUR,
            (one.ends_at - DAY) / HOUR,
            status=one.status,
            transparent=one.transparent,
        )
        for number, one in enumerate(some)
    ]
)


def minutes(stretches) -> set[int]:
    return {
        minute
        for starts_at, ends_at in stretches
        for minute in range(*(int((at - DAY) / HOUR * 60) for at in (starts_at, ends_at)))
    }


@given(events)
def test_busy_time_is_as_long_as_its_events_and_never_twice(some):
    seen = survey(some, told(Purpose.BUSY))

    added = [(item.starts_at, item.ends_at) for item in seen.items if item.offer]
    assert minutes(added) == minutes(
        (one.starts_at, one.ends_at) for one in some if not one.transparent
    )
    for one, other in itertools.combinations(added, 2):
        assert one[1] <= other[0] or other[1] <= one[0]


@given(st.sampled_from(Purpose), events, events, events)
def test_whatever_stood_before_the_file_stands_afterwards(purpose, theirs, earlier, later):
    """And a second look finds nothing more to do, and nobody is where somebody else is."""
    others = applied(survey(theirs, told(space="court")).items)
    others = [replaced(one, external_id=f"other:{one.slot.external_id}") for one in others]
    first = applied(survey(earlier, told(purpose), others=others).items)

    seen = survey(later, told(purpose), first, others)
    after = applied(seen.items, first)
    again = survey(later, told(purpose), after, others)

    assert not [item for item in again.items if item.change in PUBLISHED]
    standing = [one.slot for one in [*after, *others] if one.is_open]
    for one, other in itertools.combinations(standing, 2):
        apart = one.ends_at <= other.starts_at or other.ends_at <= one.starts_at
        assert apart or not set(SPACES[one.space].leaves) & set(SPACES[other.space].leaves)
    named = {item.external_id.partition(":cal:")[2] for item in seen.items}
    named |= {one.where.rpartition(":")[2] for one in seen.problems}
    assert {one.uid for one in later} <= named


@given(events, events)
def test_in_the_order_of_the_items_there_is_always_room(earlier, later):
    """Unless two change places: then one of them is refused, and the next upload moves it."""
    first = applied(survey(earlier).items)
    seen = survey(later, own=first)
    room = {one.slot.external_id: (one.slot.starts_at, one.slot.ends_at) for one in first}

    for wave in import_items.waves(enumerate(seen.items), 5):
        assert len({item.change for _, item in wave}) == 1
        for _, item in wave:
            if item.change in {Change.GONE, Change.MOVED}:
                before = room.pop(item.external_id)
            if item.offer:
                taken = [
                    name
                    for name, (starts_at, ends_at) in room.items()
                    if starts_at < item.ends_at and item.starts_at < ends_at
                ]
                if taken:
                    assert item.change is not Change.CHANGED
                    room[item.external_id] = before if item.change is Change.MOVED else (DAY, DAY)
                    continue
                room[item.external_id] = (item.starts_at, item.ends_at)


def test_a_month_and_more_of_busy_time_is_several_slots_in_a_row():
    seen = survey([event("closed", 0, 24 * 70)], told(Purpose.BUSY))

    found = [(item.external_id, item.starts_at, item.ends_at) for item in seen.items]
    assert [name for name, _, _ in found] == [f"busy:cal:closed{end}" for end in ("", "+1", "+2")]
    assert found[0][1] == DAY
    assert found[2][2] == DAY + 24 * 70 * HOUR
    assert [one[2] for one in found[:2]] == [other[1] for other in found[1:]]


def test_busy_time_counts_whole_minutes():
    seconds = dt.timedelta(seconds=30)

    (item,) = survey(
        [event("a", starts_at=DAY + seconds, ends_at=DAY + HOUR + seconds)], told(Purpose.BUSY)
    ).items

    assert (item.starts_at, item.ends_at) == (DAY, DAY + HOUR + 2 * seconds)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"all_day": True}, "all_day"),
        ({"status": "TENTATIVE"}, "tentative"),
        ({"summary": ""}, "title_missing"),
        ({"starts_at": DAY + dt.timedelta(seconds=1)}, "not_whole_minutes"),
        ({"ends_at": DAY + 32 * 24 * HOUR}, "slot_too_long"),
        ({"starts_at": NOW - HOUR}, "past"),
    ],
)
def test_what_can_be_no_slot_has_its_reason(changed, code):
    seen = survey([event("a", **changed)])

    assert not seen.items
    assert [one.code for one in seen.problems] == [code]


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("cancelled", Change.GONE),
        ("no_occurrences", Change.GONE),
        ("beyond_horizon", Change.GONE),
        ("time_malformed", Change.KEPT),
        ("rule_frequency", Change.KEPT),
    ],
)
@pytest.mark.parametrize("uid", ["a", "a/b+c", "u" * 180, "  a  b ", "slots:cal:a"])
@pytest.mark.parametrize("key", [None, "20261128T010000Z"])
def test_a_slot_goes_when_that_is_meant_and_stays_when_its_event_cannot_be_read(
    uid, key, code, change
):
    first = applied(survey([event(uid, recurrence_key=key)]).items)
    broken = Unreadable(uid=uid, code=code, message="x")

    seen = survey([event("other", 20, 21), broken], own=first)

    assert [item.change for item in seen.items if item.before] == [change]


def test_a_doubt_about_one_event_is_none_about_another_that_begins_alike():
    first = applied(survey([event("ab")]).items)
    broken = Unreadable(uid="a", code="time_malformed", message="x")

    assert changes(survey([event("z", 20, 21), broken], own=first))["ab"] is Change.GONE


def test_a_slot_that_has_begun_is_left_alone_and_busy_time_is_not():
    for purpose, change in ((Purpose.SLOTS, Change.KEPT), (Purpose.BUSY, Change.GONE)):
        first = applied(survey([event("a")], told(purpose)).items)
        begun = [replaced(one, starts_at=NOW - HOUR, ends_at=NOW + HOUR) for one in first]

        assert changes(survey([event("b", 20, 21)], told(purpose), begun))["a"] is change


def test_who_cannot_move_stays_and_is_in_the_way_of_others():
    """B cannot go to ten, where somebody is: so a cannot go where b still is."""
    first = applied(survey([event("a", 6, 7), event("b", 8, 9)]).items)
    others = [
        replaced(first[0], external_id="o", starts_at=DAY + 10 * HOUR, ends_at=DAY + 11 * HOUR)
    ]

    seen = survey([event("a", 8, 9), event("b", 10, 11)], own=first, others=others)

    assert changes(seen) == {"a": Change.CONFLICT, "b": Change.CONFLICT}
    assert {item.external_id[-1]: item.others[0].external_id for item in seen.items} == {
        "a": "slots:cal:b",
        "b": "o",
    }


@pytest.mark.parametrize(
    ("some", "met"),
    [
        ([("a", 9, 11), ("b", 10, 12)], set()),
        ([("a", 9, 11), ("b", 10, 12), ("c", 10, 11)], {"c"}),
        ([("a", 9, 10), ("b", 10, 11), ("c", 9, 11)], set()),
        ([("a", 9, 12), ("b", 9, 10), ("c", 11, 12)], set()),
    ],
)
def test_a_shareable_space_has_room_for_several_at_one_time(some, met):
    """For fifty people at its fullest moment, of twenty each."""
    seen = survey([event(*one) for one in some], told(space="reading-room"))

    assert {name for name, change in changes(seen).items() if change is Change.CONFLICT} == met


def test_busy_time_in_a_shareable_space_is_for_nobody_else():
    one = applied(survey([event("a")], told(space="reading-room")).items)
    others = [replaced(one[0], external_id="o")]
    busy = told(Purpose.BUSY, space="reading-room")

    assert changes(survey([event("b")], busy, others=others)) == {"b": Change.CONFLICT}
    taken = applied(survey([event("b")], busy).items)
    seen = survey([event("c")], told(space="reading-room"), others=taken)
    assert changes(seen) == {"c": Change.CONFLICT}


def test_who_has_a_slot_already_goes_before_who_is_new():
    first = applied(survey([event("z", 9, 10)]).items)

    seen = survey([event("a", 9, 10), event("z", 9, 11)], own=first)

    assert changes(seen) == {"a": Change.CONFLICT, "z": Change.MOVED}


OURS = [
    ({"PARTY-MAX": "6", "AGE-MIN": "8"}, {"AGE-MIN": "10", "PARTY-MAX": "6"}),
    ({}, {"ALLOTMENTS": "school:5:24"}),
    ({"BUFFER-AFTER-MINUTES": "15"}, {}),
]


@pytest.mark.parametrize(("before", "after"), OURS)
def test_what_an_event_states_of_its_slot_is_taken_over_and_compared(before, after):
    first = survey([event("a", stated=before)])
    standing = applied(first.items)

    assert first.items[0].offer.party is None or first.items[0].offer.party.max == 6
    assert changes(survey([event("a", stated=before)], own=standing)) == {"a": Change.SAME}
    assert changes(survey([event("a", stated=after)], own=standing)) == {"a": Change.CHANGED}


@pytest.mark.parametrize(
    ("stated", "code"),
    [
        ({"COLOUR": "red"}, "unknown_field"),
        ({"CAPACITY": "many"}, "wrong_type"),
        ({"SPACE": "nowhere"}, "space_unknown"),
    ],
)
def test_what_an_event_states_wrongly_has_its_reason(stated, code):
    seen = survey([event("a", stated=stated)])

    assert not seen.items
    assert [one.code for one in seen.problems] == [code]


def test_events_may_state_spaces_of_their_own():
    room = {"SPACE": "reading-room"}

    seen = survey([event("a"), event("b", stated=room), event("c"), event("d", stated=room)])

    assert changes(seen) == {
        "a": Change.ADDED,
        "b": Change.ADDED,
        "c": Change.CONFLICT,
        "d": Change.ADDED,
    }


def test_buffers_are_in_the_way_and_claims_on_booking_are_not():
    after = {"BUFFER-AFTER-MINUTES": "30"}
    claimed = {"CLAIM": "on_booking"}

    seen = survey(
        [
            event("a", stated=after),
            event("b", 11, 12),
            event("c", 13, 14),
            event("d", 13, 14, stated=claimed),
        ]
    )

    assert [name for name, change in changes(seen).items() if change is Change.CONFLICT] == ["b"]


def test_shifts_take_no_space_and_have_no_conflicts():
    seen = survey([event("a"), event("b")], told(kind=SlotKind.SHIFT))

    assert set(changes(seen).values()) == {Change.ADDED}


def test_two_events_with_one_id_are_told():
    seen = survey([event("a  b"), event("a b", 20, 21)])

    assert changes(seen) == {"a b": Change.ADDED}
    assert [one.code for one in seen.problems] == ["repeated_id"]


@pytest.mark.parametrize("path", FILES, ids=by_name)
@pytest.mark.parametrize("purpose", Purpose)
def test_every_real_file_is_imported_or_explained(path, purpose):
    """As if it were uploaded long ago, when its events were still to come."""
    found = read(path)
    around = Around(own=[], taken=[], spaces=SPACES)

    seen = import_items.survey(found, told(purpose), around, EVER)
    later = import_items.survey(found, told(purpose), around, NOW)

    for result in (seen, later):
        told_of = {one.where for one in result.problems}
        told_of |= {item.external_id for item in result.items}
        for one in found:
            if isinstance(one, ReadEvent):
                name = event_slots.external_id(one, f"{purpose}:cal:")
                assert name in told_of or one.uid in told_of
            else:
                assert (one.uid or "file") in told_of
        for problem in result.problems:
            assert problem.code.isidentifier()
            assert problem.message


def side_by_side() -> list[ReadEvent]:
    return [event(f"e{n}", 9, 10 + n % 2) for n in range(5_000)]


def one_after_the_other(start: int) -> list[ReadEvent]:
    """Each moves to where the next one is."""
    return [event(f"e{n:04}", start + n, start + n + 1) for n in range(2_000)]


def test_what_would_take_too_long_to_reckon_is_refused():
    big = Space(id=UUID(int=9), key="big", leaves=(9,), shared={9: 99_999}, is_shared=True)
    crowd = Around(own=[], taken=[], spaces={"big": big})
    own = applied(survey(one_after_the_other(0)).items)
    end = DAY + 2_000 * HOUR
    others = [replaced(own[-1], external_id="o", starts_at=end, ends_at=end + HOUR)]
    started = time.process_time()

    for attempt in (
        lambda: import_items.survey(side_by_side(), told(space="big", capacity=1), crowd, NOW),
        lambda: survey(one_after_the_other(1), own=own, others=others),
    ):
        with pytest.raises(Invalid) as refused:
            attempt()
        assert refused.value.parameters["errors"][0].code == "too_costly"

    assert time.process_time() - started < 20


def test_a_school_year_is_reckoned_in_a_moment():
    """Five thousand occurrences, with five thousand slots on the courts below."""
    some = [
        event(f"e{n}", 24 * (n // 10) + n % 10, 24 * (n // 10) + n % 10 + 1) for n in range(5000)
    ]
    others = applied(survey(some, told(space="court")).items)
    own = applied(survey(some).items)
    started = time.process_time()

    same = survey(some, own=own)
    met = survey(
        some, others=[replaced(one, external_id=f"o{one.slot.external_id}") for one in others]
    )

    assert time.process_time() - started < 5
    assert set(changes(same).values()) == {Change.SAME}
    assert set(changes(met).values()) == {Change.CONFLICT}
