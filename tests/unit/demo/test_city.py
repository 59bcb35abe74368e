import datetime as dt
from collections import Counter
from itertools import pairwise
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openyard_events.contracts import Audience, Claim, SlotKind, SlotOffered
from openyard_events.subjects import is_token
from openyard_infra.demo import city
from openyard_infra.demo.city import SEED, City
from openyard_infra.demo.organisations import Organisation
from openyard_platform.domain import words

TODAY = dt.date(2026, 11, 23)
SHANGHAI = ZoneInfo("Asia/Shanghai")
OCCUPYING = (SlotKind.ACCESS, SlotKind.VISIT, SlotKind.ACTIVITY)

days = st.dates(min_value=dt.date(2025, 1, 1), max_value=dt.date(2035, 12, 31))


@pytest.fixture(scope="module")
def demo() -> City:
    return city.build(SEED, TODAY)


def all_slots(demo: City) -> list[SlotOffered]:
    return [slot for slots in demo.slots.values() for slot in slots]


def whole_and_parts(organisation: Organisation, key: str) -> set[str]:
    """A space with everything above and below it."""
    parents = {space.key: space.parent for space in organisation.spaces}

    def upwards(space: str | None) -> list[str]:
        return [] if space is None else [space, *upwards(parents[space])]

    return {space for space in parents if space in upwards(key) or key in upwards(space)}


def clashes(demo: City) -> list[tuple[str, str]]:
    """Pairs of slots that would take the same room at the same time.

    Two that are claimed by a booking do not, nor do two that share a room with seats for both.
    """
    found = []
    for organisation in demo.organisations:
        slots = [s for s in demo.slots.get(organisation.key, ()) if s.kind in OCCUPYING]
        for space in organisation.spaces:
            related = whole_and_parts(organisation, space.key)
            mine = [s for s in slots if s.space == space.key]
            others = [s for s in slots if s.space in related and s.space != space.key]
            met = [(a, b) for a, b in pairwise(mine) if over(a, b)]
            met += [(a, b) for a in mine for b in others if over(a, b)]
            found += [
                (a.external_id, b.external_id)
                for a, b in met
                if not a.claim == b.claim == Claim.ON_BOOKING
                and (space.room is None or a.capacity + b.capacity > space.room)
            ]
    return found


def over(a: SlotOffered, b: SlotOffered) -> bool:
    """Whether they meet, with the minutes that each takes its room before and after."""
    return begins(a) < ends(b) and begins(b) < ends(a)


def begins(slot: SlotOffered) -> dt.datetime:
    return slot.starts_at - dt.timedelta(minutes=slot.buffer_before_minutes)


def ends(slot: SlotOffered) -> dt.datetime:
    return slot.ends_at + dt.timedelta(minutes=slot.buffer_after_minutes)


def test_the_same_seed_and_day_give_the_same_city(demo):
    again = city.build(SEED, TODAY)

    assert msgspec.json.encode(again) == msgspec.json.encode(demo)


def test_another_seed_gives_other_ids(demo):
    other = city.build(SEED + 1, TODAY)

    assert not {o.id for o in other.organisations} & {o.id for o in demo.organisations}
    assert not {a.id for a in other.accounts} & {a.id for a in demo.accounts}


def test_who_there_is_does_not_depend_on_the_day(demo):
    later = city.build(SEED, TODAY + dt.timedelta(days=400))

    assert later.organisations == demo.organisations
    assert later.accounts == demo.accounts


def test_ids_are_unique_and_of_version_7(demo):
    ids = [each.id for each in (*demo.organisations, *demo.accounts, *demo.study_groups)]
    ids += [space.id for each in demo.organisations for space in each.spaces]
    ids += [child.id for each in demo.accounts for child in each.children]
    ids += [each.family_id for each in demo.accounts if each.family_id]

    assert len(set(ids)) == len(ids)
    assert {each.version for each in ids} == {7}


def test_all_ten_districts_have_organisations_under_the_promised_keys(demo):
    assert " ".join(district.key for district in demo.districts) == (
        "liubei chengzhong yufeng liunan liujiang liucheng luzhai rongan rongshui sanjiang"
    )
    assert {each.district for each in demo.organisations} == {d.key for d in demo.districts}


def test_there_are_at_least_forty_organisations_of_every_kind_and_category(demo):
    assert len(demo.organisations) >= 40
    assert {each.kind for each in demo.organisations} == set(words.ORGANISATION_KINDS)
    assert {each.category for each in demo.organisations} - {None} == set(words.CATEGORIES)


def test_every_key_may_stand_in_a_subject(demo):
    keys = [each.key for each in demo.organisations]
    keys += [space.key for each in demo.organisations for space in each.spaces]

    assert [key for key in keys if not is_token(key)] == []
    assert len({each.key for each in demo.organisations}) == len(demo.organisations)


def test_a_part_follows_its_whole(demo):
    for each in demo.organisations:
        seen = set()
        for space in each.spaces:
            assert space.parent is None or space.parent in seen
            seen.add(space.key)
        assert len(seen) == len(each.spaces)


def test_there_are_halls_with_courts(demo):
    parts = Counter(s.parent for each in demo.organisations for s in each.spaces if s.parent)

    assert max(parts.values()) >= 4


def test_no_two_slots_take_the_same_room_at_the_same_time(demo):
    assert clashes(demo) == []


@settings(max_examples=10, deadline=None)
@given(day=days)
def test_on_no_day_do_two_slots_clash_or_leave_the_promised_bounds(day):
    demo = city.build(SEED, day)

    assert clashes(demo) == []
    for slots in demo.slots.values():
        assert 0 < len(slots) <= 800
        assert len({slot.external_id for slot in slots}) == len(slots)
    for slot in all_slots(demo):
        starts_at, ends_at = slot.starts_at.astimezone(SHANGHAI), slot.ends_at.astimezone(SHANGHAI)
        assert starts_at.time() >= dt.time(7)
        assert starts_at.date() == ends_at.date()
        assert day < starts_at.date() <= day + dt.timedelta(weeks=8)
        assert starts_at < ends_at


def test_every_slot_passes_the_form_that_venues_must_keep(demo):
    for slot in all_slots(demo):
        assert msgspec.json.decode(msgspec.json.encode(slot), type=SlotOffered) == slot


def test_every_slot_names_a_space_of_its_organisation(demo):
    for each in demo.organisations:
        assert {s.space for s in demo.slots.get(each.key, ())} <= {s.key for s in each.spaces}


def test_access_is_at_weekends_and_visits_are_on_school_days(demo):
    for slot in all_slots(demo):
        if slot.kind is SlotKind.ACCESS:
            assert slot.starts_at.weekday() >= 5
        if slot.kind in (SlotKind.VISIT, SlotKind.OUTREACH):
            assert slot.starts_at.weekday() < 5
            assert slot.audiences[0] is Audience.SCHOOL


def test_a_visit_is_the_schools_first_until_three_days_before(demo):
    """The green channel: one that no class takes whole keeps four of five seats."""
    largest = max(group.size for group in demo.study_groups)
    visits = [slot for slot in all_slots(demo) if slot.kind is SlotKind.VISIT]

    for slot in visits:
        if slot.exclusive:
            assert slot.audiences == [Audience.SCHOOL]
            continue
        (kept,) = slot.allotments
        assert (kept.audience, kept.release_hours) == (Audience.SCHOOL, 72)
        assert slot.capacity * 3 / 4 < kept.seats < slot.capacity
        assert kept.per_school >= largest
        assert Audience.FAMILY in slot.audiences
    assert sum(slot.exclusive for slot in visits) < len(visits) / 2


def test_a_hall_and_its_courts_are_offered_side_by_side_somewhere(demo):
    by_claim = [slot for slot in all_slots(demo) if slot.claim is Claim.ON_BOOKING]
    starts = Counter(slot.starts_at for slot in by_claim)

    assert {slot.space for slot in by_claim} == {
        "main-hall",
        *(f"court-{number}" for number in range(1, 5)),
    }
    assert set(starts.values()) == {5}


def test_a_reading_room_is_shared_by_slots_that_it_has_seats_for(demo):
    for each in demo.organisations:
        for space in each.spaces:
            if space.room is not None:
                there = [slot for slot in demo.slots[each.key] if slot.space == space.key]
                met = [(a, b) for a, b in pairwise(there) if over(a, b)]
                assert len(met) >= 8
                assert all(a.capacity + b.capacity <= space.room for a, b in met)
    assert sum(s.room is not None for each in demo.organisations for s in each.spaces) == 4


def test_a_workshop_is_for_children_of_six_to_twelve_and_some_of_every_family_are(demo):
    aged = [slot for slot in all_slots(demo) if slot.ages is not None]

    assert {(slot.title, slot.ages.min, slot.ages.max) for slot in aged} == {
        ("小小科学家工作坊", 6, 12)
    }
    assert 0 < len(aged) < 20
    fitting = [
        family for family in demo.accounts if any(6 <= child.age <= 12 for child in family.children)
    ]
    assert len(fitting) > 200


def test_a_room_that_is_set_up_for_a_class_is_taken_before_and_after(demo):
    buffered = [slot for slot in all_slots(demo) if slot.buffer_before_minutes]

    assert {slot.space for slot in buffered} == {"moot-court"}
    assert all(slot.exclusive and slot.buffer_after_minutes == 30 for slot in buffered)


def test_all_kinds_are_offered_and_both_coming_weekend_days_are_full_of_them(demo):
    saturday = dt.date(2026, 11, 28)
    by_day = Counter(slot.starts_at.date() for slot in all_slots(demo))

    assert {slot.kind for slot in all_slots(demo)} == set(SlotKind) - {SlotKind.BUSY}
    assert by_day[saturday] > 100
    assert by_day[saturday + dt.timedelta(days=1)] > 100


def test_some_booking_opens_on_a_friday_at_eight(demo):
    opening = [slot for slot in all_slots(demo) if slot.opens_at is not None]

    assert len(opening) > 500
    for slot in opening:
        assert (slot.opens_at.weekday(), slot.opens_at.time()) == (4, dt.time(8))
        assert slot.opens_at < slot.starts_at


def test_a_booking_window_closes_after_it_opens_and_not_after_the_start(demo):
    for slot in all_slots(demo):
        if slot.closes_at is not None:
            assert slot.closes_at.date() > TODAY
            assert slot.closes_at <= slot.starts_at
            assert slot.opens_at is None or slot.opens_at < slot.closes_at


def test_a_party_of_the_allowed_size_fits_into_the_slot(demo):
    for slot in all_slots(demo):
        if slot.party is not None:
            assert (slot.party.min or 1) <= (slot.party.max or slot.capacity) <= slot.capacity


def test_every_class_of_the_city_fits_into_every_visit(demo):
    largest = max(group.size for group in demo.study_groups)

    assert all(slot.capacity >= largest for slot in all_slots(demo) if slot.kind is SlotKind.VISIT)
