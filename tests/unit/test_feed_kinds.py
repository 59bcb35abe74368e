"""Which feeds an account may have, and where a slot stands."""

import datetime as dt
from uuid import UUID

import msgspec
import pytest

from openyard_platform.domain import feed_kinds
from openyard_platform.domain.feed_kinds import LinkHolder
from openyard_platform.domain.feeds import Place, SlotView
from openyard_platform.domain.people import Actor, Role

ACCOUNT = UUID(int=1)
ORGANISATION = UUID(int=2)
SPACE = UUID(int=3)
GROUP = UUID(int=4)
SATURDAY = dt.datetime(2026, 11, 28, 1, tzinfo=dt.UTC)
TEACHER = Actor(
    account_id=ACCOUNT, role=Role.SCHOOL, display_name="某老师", organisation_id=ORGANISATION
)
SLOT = SlotView(
    id=UUID(int=5),
    owner_id=ORGANISATION,
    status="open",
    kind="access",
    title="周末开放",
    description=None,
    programme=None,
    starts_at=SATURDAY,
    ends_at=SATURDAY + dt.timedelta(hours=2),
    capacity=10,
    taken=0,
    waiting=0,
    exclusive=False,
    audiences=None,
    reason=None,
    sequence=0,
    revision=1,
    updated_at=SATURDAY,
    place=Place(venue="市图书馆", space="大厅"),
    venue_key="library",
    district_key="liubei",
    space_ids=[SPACE],
)
HOLDER = LinkHolder(
    role=Role.SCHOOL,
    holder_id=ORGANISATION,
    organisation_id=ORGANISATION,
    organisation="某学校",
    study_group=None,
)


def of_slot(**changes) -> SlotView:
    return msgspec.structs.replace(SLOT, **changes)


def keys(actor: Actor, organisation: str | None, *groups: tuple[UUID, str]) -> list[str]:
    return [feed.key for feed in feed_kinds.choices(actor, organisation, groups)]


@pytest.mark.parametrize(
    ("starts_at", "kind", "weekend"),
    [
        (SATURDAY, "access", True),
        (SATURDAY + dt.timedelta(days=1), "access", True),
        (SATURDAY, "visit", False),
        (SATURDAY - dt.timedelta(days=1), "access", False),
        # Friday in London, Saturday on the city's clocks.
        (dt.datetime(2026, 11, 27, 17, tzinfo=dt.UTC), "access", True),
        (dt.datetime(2026, 11, 29, 17, tzinfo=dt.UTC), "access", False),
    ],
)
def test_an_open_weekend_is_a_saturday_or_sunday_of_the_city(starts_at, kind, weekend):
    feeds = feed_kinds.public_feeds(of_slot(starts_at=starts_at, kind=kind))
    assert feeds[:2] == [SPACE, feed_kinds.district_id("liubei")]
    assert (feed_kinds.weekends_id("liubei") in feeds) is weekend


def test_a_programme_of_a_venue_has_a_feed_which_no_other_venue_shares():
    reading = feed_kinds.programme_id("library", "阅读")
    assert reading in feed_kinds.public_feeds(of_slot(programme="阅读"))
    assert reading not in feed_kinds.public_feeds(of_slot(programme="阅读", venue_key="museum"))
    assert reading not in feed_kinds.public_feeds(of_slot())


def test_ids_of_feeds_never_change():
    """Every link and every stored event rests on them."""
    assert str(feed_kinds.weekends_id("liubei")) == "bf807532-7699-5820-929b-9e5d0faec8c3"
    assert str(feed_kinds.staff_id(ORGANISATION)) == "78deb4c8-c52f-5548-9a8d-4c8d7efeaa1f"


def test_a_family_has_its_own_feed_only():
    family = Actor(
        account_id=ACCOUNT, role=Role.FAMILY, display_name="某家长", family_id=UUID(int=9)
    )
    assert keys(family, None) == ["own"]


def test_a_school_has_a_feed_for_each_study_group_and_for_its_own_slots():
    assert keys(TEACHER, "某学校", (GROUP, "三年级一班")) == ["own", "venue", f"group-{GROUP}"]
    assert keys(TEACHER, None) == ["own"]


def test_staff_of_a_venue_find_its_slots_first():
    assert keys(msgspec.structs.replace(TEACHER, role=Role.VENUE), "某馆") == ["venue", "own"]


@pytest.mark.parametrize(
    ("role", "name"),
    [("family", "我家"), ("school", "本校"), ("volunteer", "志愿"), ("venue", "我的")],
)
def test_a_private_feed_is_named_for_whose_it_is(role, name):
    holder = msgspec.structs.replace(HOLDER, role=role)
    assert name in feed_kinds.private_name(holder, ORGANISATION)


def test_a_link_shows_nothing_once_its_holder_works_elsewhere():
    staff = feed_kinds.staff_id(ORGANISATION)
    assert feed_kinds.private_name(HOLDER, staff) == "某学校 · 场次与人数"
    moved = msgspec.structs.replace(HOLDER, organisation_id=UUID(int=8), holder_id=UUID(int=8))
    assert feed_kinds.private_name(moved, staff) is None
    assert feed_kinds.private_name(moved, ORGANISATION) is None
    assert feed_kinds.private_name(HOLDER, GROUP) is None
    in_group = msgspec.structs.replace(HOLDER, study_group="三年级一班")
    assert feed_kinds.private_name(in_group, GROUP) == "三年级一班 · 预约"
