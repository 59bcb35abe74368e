import datetime as dt
from uuid import UUID

import msgspec
import pytest

from openyard_calendars import opening
from openyard_calendars.day_kinds import DayKinds
from openyard_events.contracts import Allotment, SlotOffered
from openyard_platform.domain import merging, schedule_slots, schedules
from openyard_platform.domain.errors import Invalid
from openyard_platform.domain.schedule_slots import REASON, Around, Changes, LiveSlot, Window
from openyard_platform.domain.schedules import SHANGHAI, Schedule

ID = UUID("018f0000-0000-7000-8000-000000000001")
SATURDAY = dt.date(2026, 3, 7)
LEAVES = {"hall": (1, 2), "court": (1,), "yard": (3,)}
PLAN = {
    "title": "周末开放",
    "spaces": ["yard"],
    "rrule": "FREQ=WEEKLY;BYDAY=SA",
    "starts_on": "2026-03-01",
    "ends_on": "2026-03-31",
    "from": "09:00",
    "to": "12:00",
    "slot_minutes": 60,
    "capacity": 20,
    "audiences": ["family"],
}


def at(hour: float, day: dt.date = SATURDAY) -> dt.datetime:
    midnight = dt.datetime.combine(day, dt.time(), SHANGHAI)
    return midnight + dt.timedelta(hours=hour)


def schedule(**changes) -> Schedule:
    ended = changes.pop("ended", False)
    return Schedule(
        id=ID,
        venue_id=ID,
        venue_key="gallery",
        district="liubei",
        plan=schedules.parse(PLAN | changes),
        revision=3,
        ended=ended,
    )


def live(number: int, hour: float, **changes) -> LiveSlot:
    fields = {
        "external_id": schedule_slots.external_id(ID, f"{SATURDAY}:yard:{number}"),
        "version": 2,
        "is_open": True,
        "reason": None,
        "title": "周末开放",
        "description": schedule_slots.PROVISIONAL,
        "starts_at": at(hour),
        "ends_at": at(hour + 1),
        "capacity": 20,
        "audiences": ["family"],
        "taken": 0,
        "waiting": 0,
        "leaves": (3,),
    }
    return LiveSlot(**(fields | changes))


def reconciled(
    wanted: Schedule,
    own: list[LiveSlot],
    others: list[LiveSlot] | None = None,
    *,
    now: dt.datetime | None = None,
    weeks: int = 1,
) -> Changes:
    planned = opening.expand(schedules.opening_of(wanted.plan), DayKinds()).slots
    now = now or at(0)
    return schedule_slots.reconcile(
        wanted,
        planned,
        Around(own=own, others=others or [], leaves=LEAVES),
        Window(now, now + dt.timedelta(weeks=weeks)),
    )


def hours(slots) -> list[float]:
    return [slot.starts_at.astimezone(SHANGHAI).hour for slot in slots]


def test_new_slots_are_added_up_to_the_horizon():
    changes = reconciled(schedule(), [])

    assert hours(changes.added) == [9, 10, 11]
    first = changes.added[0]
    assert first.external_id == f"schedule:{ID}:2026-03-07:yard:1"
    assert (first.version, first.description) == (3, schedule_slots.PROVISIONAL)


def test_what_is_as_planned_is_left_alone():
    assert reconciled(schedule(), [live(1, 9), live(2, 10), live(3, 11)]) == Changes()


def test_slots_that_make_way_for_each_other_move_in_a_turn_that_never_collides():
    day = [live(1, 9), live(2, 10), live(3, 11)]

    later = reconciled(schedule(**{"from": "10:00", "to": "13:00"}), day)
    earlier = reconciled(schedule(**{"from": "08:00", "to": "11:00"}), day)

    assert hours(move.slot for move in later.moved) == [12, 11, 10]
    assert hours(move.slot for move in earlier.moved) == [8, 9, 10]
    assert later.moved[0].slot.version == 3


def test_a_slot_that_has_begun_stays_as_it_is():
    shut = schedule(exceptions=[{"date": "2026-03-07", "kind": "closed"}])

    changes = reconciled(shut, [live(1, 9), live(2, 10)], now=at(9.5))

    assert hours(changes.closed) == [10]


def test_what_would_have_to_move_into_the_past_is_closed():
    earlier = schedule(**{"from": "08:00", "to": "10:00"})

    changes = reconciled(earlier, [live(1, 11), live(2, 12, taken=1)], now=at(10.5))

    assert (changes.moved, hours(changes.closed), hours(changes.kept)) == ([], [11], [12])


def test_who_waits_keeps_a_slot_like_who_holds_a_seat():
    shut = schedule(exceptions=[{"date": "2026-03-07", "kind": "closed"}])
    day = [live(1, 9, waiting=1), live(2, 10, taken=1), live(3, 11)]

    kept = reconciled(shut, day)
    closed = reconciled(msgspec.structs.replace(shut, plan=replaced(shut, touched="change")), day)

    assert (hours(kept.kept), hours(kept.closed)) == ([9, 10], [11])
    assert (hours(closed.kept), hours(closed.closed)) == ([], [9, 10, 11])


def replaced(one: Schedule, **changes):
    return msgspec.structs.replace(one.plan, **changes)


def test_a_kept_slot_is_not_overlapped_by_what_is_planned():
    later = schedule(**{"from": "09:30", "to": "12:30"})

    changes = reconciled(later, [live(1, 9, taken=1), live(2, 10), live(3, 11)])

    assert hours(changes.kept) == [9]
    assert [move.slot.starts_at for move in changes.moved] == [at(11.5), at(10.5)]


def test_the_capacity_never_falls_below_what_is_taken():
    day = [live(1, 9, taken=15), live(2, 10), live(3, 11)]

    changes = reconciled(schedule(capacity=10), day)

    assert [move.slot.capacity for move in changes.changed] == [15, 10, 10]


KEPT = {"audience": "school", "seats": 12, "release_hours": 72}


@pytest.mark.parametrize(
    ("stated", "standing"),
    [
        ([KEPT], []),
        ([], [KEPT]),
        ([KEPT], [KEPT | {"seats": 11}]),
        ([KEPT], [KEPT | {"release_hours": 48}]),
        ([KEPT], [KEPT | {"per_school": 6}]),
        ([KEPT, KEPT | {"audience": "family", "seats": 8}], [KEPT]),
    ],
)
def test_other_allotments_are_another_slot(stated, standing):
    audiences = ["school", "family"]
    there = {"audiences": audiences, "allotments": msgspec.convert(standing, list[Allotment])}
    day = [live(number, 8 + number, **there) for number in (1, 2, 3)]

    changes = reconciled(schedule(audiences=audiences, allotments=stated), day)
    same = reconciled(schedule(audiences=audiences, allotments=standing), day)

    assert [msgspec.to_builtins(move.slot.allotments or []) for move in changes.changed] == [
        stated
    ] * 3
    assert same == Changes()


def test_new_slots_keep_the_seats_that_the_schedule_keeps():
    changes = reconciled(schedule(audiences=["school", "family"], allotments=[KEPT]), [])

    assert {one.seats for slot in changes.added for one in slot.allotments} == {12}


def test_only_what_the_schedule_closed_is_opened_again():
    shut = {"is_open": False}
    day = [live(1, 9, reason="雨", **shut), live(2, 10, reason=REASON, version=8, **shut)]

    changes = reconciled(schedule(to="11:00"), day)

    assert [(one.starts_at, one.version) for one in changes.added] == [(at(10), 9)]


def test_an_ended_schedule_wants_nothing():
    changes = reconciled(schedule(ended=True), [live(1, 9), live(2, 10, taken=1)])

    assert (changes.added, hours(changes.closed), hours(changes.kept)) == ([], [9], [10])


def test_a_hall_and_its_court_cannot_both_be_planned_at_one_time():
    changes = reconciled(schedule(spaces=["hall", "court", "yard"], to="10:00"), [])

    assert [slot.space for slot in changes.added] == ["hall", "yard"]


def test_what_another_slot_takes_is_not_published():
    other = live(1, 9.5, external_id="lecture", ends_at=at(34))

    changes = reconciled(schedule(), [], [other])

    assert changes.added == []


def test_what_a_schedule_will_publish_can_be_met_like_a_slot_that_is_there():
    planned = opening.expand(schedules.opening_of(schedule().plan), DayKinds()).slots
    foreseen = [schedule_slots.foreseen(schedule(), slot, LEAVES) for slot in planned]

    met = schedule_slots.conflicts(planned[:2], LEAVES, foreseen)

    assert [one.other for one in met] == foreseen[:2]


@pytest.mark.parametrize(("now", "then"), [(at(1), at(2)), (at(2), at(26)), (at(23), at(26))])
def test_a_schedule_is_looked_at_again_at_two_in_the_night(now, then):
    assert schedules.next_night(now.astimezone(dt.UTC)) == then


def test_hours_of_an_exception_are_read_like_those_of_the_schedule():
    exceptions = [
        {"date": "2026-03-08", "kind": "extra", "from": "10:00", "to": "24:00"},
        {"date": "2026-03-07", "kind": "closed"},
    ]
    found = schedules.opening_of(schedule(exceptions=exceptions).plan).exceptions

    assert [(one.opens, one.closes) for one in found] == [(600, 1440), (None, None)]


def test_a_foolish_plan_names_its_field():
    with pytest.raises(Invalid) as caught:
        schedules.opening_of(schedule(to="09:30").plan)

    assert caught.value.parameters["errors"][0].path == "to"


def test_a_merge_patch_takes_away_replaces_and_goes_into_objects():
    document = {"a": 1, "b": {"c": 1, "d": 2}, "e": [1, 2]}
    patch = {"a": None, "b": {"c": None, "x": {"y": 1}}, "e": [3]}

    assert merging.merge(document, patch) == {"b": {"d": 2, "x": {"y": 1}}, "e": [3]}


# Shifts ---------------------------------------------------------------------------------------

GUIDES = {"volunteers": [{"role": "引导", "needed": 2}]}


def shift(number: int, hour: float, **changes) -> LiveSlot:
    main = live(number, hour)
    fields = {
        "external_id": f"{main.external_id}:引导",
        "title": "周末开放 · 引导",
        "capacity": 2,
        "audiences": ["volunteer"],
        "leaves": (),
    }
    return live(number, hour, **(fields | changes))


def a_day(**changes) -> list[LiveSlot]:
    return [
        live(1, 9, **changes),
        live(2, 10),
        live(3, 11),
        shift(1, 9),
        shift(2, 10),
        shift(3, 11),
    ]


def names(slots) -> list[str]:
    return [slot.external_id.removeprefix(f"schedule:{ID}:{SATURDAY}:yard:") for slot in slots]


def test_beside_each_slot_stands_a_shift_for_each_role():
    roles = [{"role": "引导", "needed": 2}, {"role": "讲解", "needed": 1}]
    changes = reconciled(schedule(volunteers=roles), [])
    assert sorted(names(changes.added)) == sorted(
        f"{number}{role}" for number in (1, 2, 3) for role in ("", ":引导", ":讲解")
    )
    made = next(one for one in changes.added if one.external_id.endswith("1:讲解"))
    assert (made.kind, made.capacity, made.audiences) == ("shift", 1, ["volunteer"])
    assert (made.title, made.starts_at) == ("周末开放 · 讲解", at(9))


def test_shifts_as_planned_are_left_alone_and_meet_nobody_in_the_space():
    assert reconciled(schedule(**GUIDES), a_day()) == Changes()


def test_more_volunteers_change_only_shifts():
    changes = reconciled(schedule(volunteers=[{"role": "引导", "needed": 3}]), a_day())
    assert names(move.slot for move in changes.changed) == ["1:引导", "2:引导", "3:引导"]
    assert changes.added == changes.moved == changes.closed == []


def test_a_role_that_is_needed_no_more_is_closed_unless_somebody_has_signed_up():
    day = a_day()
    day[3] = shift(1, 9, taken=1)
    kept = reconciled(schedule(), day)
    assert (names(kept.closed), names(kept.kept)) == (["2:引导", "3:引导"], ["1:引导"])
    changed = reconciled(schedule(touched="change"), day)
    assert names(changed.closed) == ["1:引导", "2:引导", "3:引导"]


def test_beside_what_people_have_closed_nobody_is_needed():
    closed = reconciled(schedule(**GUIDES), a_day(is_open=False, reason="停电"))
    assert names(closed.closed) == ["1:引导"]
    assert closed.added == []
    none = reconciled(schedule(**GUIDES), [live(1, 9, is_open=False, reason="停电")])
    assert "1:引导" not in names(none.added)


def test_a_shift_stays_beside_a_slot_that_stays_where_it_is():
    later = {"from": "10:00", "to": "13:00", **GUIDES}
    changes = reconciled(schedule(**later), a_day(taken=2))
    assert names(changes.kept) == ["1"]
    # The second would be where the first still is.
    assert names(move.slot for move in changes.moved) == ["3", "3:引导", "2", "2:引导"]


def test_beside_a_slot_that_another_takes_the_space_of_there_is_no_shift():
    other = live(9, 10, external_id="other")
    changes = reconciled(schedule(**GUIDES), [], [other])
    assert names(changes.added) == ["1", "3", "1:引导", "3:引导"]


def test_a_role_stands_once_in_a_plan():
    twice = [{"role": "引导", "needed": 1}, {"role": "引导", "needed": 2}]
    with pytest.raises(Invalid) as refused:
        schedules.opening_of(schedule(volunteers=twice).plan)
    (error,) = refused.value.parameters["errors"]
    assert (error.path, error.code) == ("volunteers[1].role", "twice")


def test_the_longest_titles_make_a_title():
    plan = {"title": "开" * 200, "volunteers": [{"role": "引" * 40, "needed": 1}]}
    made = reconciled(schedule(**plan), []).added
    msgspec.convert(msgspec.to_builtins(made), list[SlotOffered])
