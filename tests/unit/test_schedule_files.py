import uuid

import msgspec
import pytest

from openyard_platform.domain import schedule_files
from openyard_platform.domain.errors import Invalid
from openyard_platform.domain.schedule_files import Action, Entry, ScheduleFile
from openyard_platform.domain.schedules import Plan, Schedule

ID = uuid.UUID("018f0000-0000-7000-8000-000000000001")
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


def entry(**changes) -> Entry:
    return msgspec.convert(PLAN | changes, Entry)


def standing(number: int = 1, **changes) -> Schedule:
    return Schedule(
        id=uuid.UUID(int=ID.int + number),
        venue_id=ID,
        venue_key="gallery",
        district="liubei",
        plan=msgspec.convert(PLAN | changes, Plan),
        revision=3,
    )


def actions(*entries: Entry, known: tuple[Schedule, ...] = (), **options) -> list[str]:
    return [one.action.value for one in schedule_files.steps(entries, known, **options)]


def faults(*entries: Entry, known: tuple[Schedule, ...] = ()) -> list[tuple[str, str]]:
    with pytest.raises(Invalid) as caught:
        schedule_files.steps(entries, known)
    return [(one.path, one.code) for one in caught.value.parameters["errors"]]


def test_an_entry_with_a_new_key_is_added_and_one_with_a_known_key_is_changed():
    known = standing(key="yard")

    found = schedule_files.steps([entry(key="hall"), entry(key="yard", capacity=30)], [known])

    assert [(one.action, one.before) for one in found] == [("added", None), ("changed", known)]
    assert [one.plan.capacity for one in found] == [20, 30]


def test_what_is_said_already_stays_the_same_however_it_is_written():
    known = standing(key="yard")

    assert actions(entry(key="yard", gap_minutes=0, exceptions=[]), known=(known,)) == ["same"]
    assert actions(entry(key="yard", **{"from": "09:00:00"}), known=(known,)) == ["same"]


def test_what_no_entry_names_stays_unless_it_is_said_that_it_ends():
    known = (standing(1, key="yard"), standing(2, key="hall"), standing(3))

    assert actions(entry(key="yard"), known=known) == ["same"]
    assert actions(entry(key="yard"), known=known, end_others=True) == ["same", "ended", "ended"]


def test_a_schedule_without_a_key_is_named_by_its_id_and_may_be_given_one():
    known = standing()

    same, named = (
        schedule_files.steps([entry(id=f"{known.id}", **more)], [known])[0]
        for more in ({}, {"key": "yard"})
    )

    assert (same.action, named.action) == (Action.SAME, Action.CHANGED)
    assert (named.before, named.plan.key) == (known, "yard")


def test_an_id_does_not_take_the_key_away():
    known = standing(key="yard")

    assert actions(entry(id=f"{known.id}"), known=(known,)) == ["same"]


def test_every_entry_that_names_nothing_sensible_is_told_with_its_place():
    first, second = standing(1, key="yard"), standing(2, key="hall")

    found = faults(
        entry(),
        entry(id=f"{ID}"),
        entry(key="yard"),
        entry(key="yard"),
        entry(id=f"{first.id}"),
        entry(id=f"{second.id}", key="yard"),
        entry(key="new"),
        known=(first, second),
    )

    assert found == [
        ("schedules[0].key", "missing_field"),
        ("schedules[1].id", "schedule_unknown"),
        ("schedules[3].key", "twice"),
        ("schedules[4].id", "twice"),
        ("schedules[5].key", "twice"),
    ]


def test_a_key_that_another_schedule_has_cannot_be_given_away():
    first, second = standing(1, key="yard"), standing(2)

    assert faults(entry(id=f"{second.id}", key="yard"), known=(first, second)) == [
        ("schedules[0].key", "twice")
    ]


def test_a_file_taken_out_says_the_same_when_it_is_read_again():
    exception = {"date": "2026-03-07", "kind": "extra", "from": "10:00", "to": "12:00"}
    kept = {"audience": "family", "seats": 5, "release_hours": 24}
    known = [
        standing(1, key="yard", exceptions=[exception], allotments=[kept], touched="change"),
        standing(2, day_policy={"holiday": "open"}, in_term_only=True),
    ]

    text = msgspec.json.encode(schedule_files.document(known))
    read = msgspec.json.decode(text, type=ScheduleFile)

    assert actions(*read.schedules, known=tuple(known)) == ["same", "same"]


def test_a_file_taken_out_leaves_out_what_goes_without_saying():
    (plain,) = schedule_files.document([standing()])["schedules"]

    assert plain == {"id": f"{standing().id}"} | PLAN
