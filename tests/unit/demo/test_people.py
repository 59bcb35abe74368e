import datetime as dt
import re
from collections import Counter

import pytest

from openyard_infra.demo import city
from openyard_infra.demo.city import SEED, City
from openyard_infra.demo.organisations import offering, schools
from openyard_platform.domain import feed_kinds
from openyard_platform.domain.people import Actor, Role

TODAY = dt.date(2026, 11, 23)


@pytest.fixture(scope="module")
def demo() -> City:
    return city.build(SEED, TODAY)


def of_role(demo: City, role: Role) -> list:
    return [each for each in demo.accounts if each.role is role]


def test_there_are_four_hundred_families_with_one_to_three_children(demo):
    families = of_role(demo, Role.FAMILY)

    assert len(families) >= 400
    assert len({each.family_id for each in families}) == len(families)
    assert set(Counter(len(each.children) for each in families)) == {1, 2, 3}


def test_children_are_of_school_age_and_go_to_a_school_of_the_city(demo):
    ids = {each.id for each in schools(demo.organisations)}

    for family in of_role(demo, Role.FAMILY):
        for child in family.children:
            assert 4 <= child.age <= 15
            assert child.school_id in ids


def test_every_school_has_staff_and_study_groups(demo):
    staffed = {each.organisation.id for each in of_role(demo, Role.SCHOOL)}
    grouped = {each.organisation_id for each in demo.study_groups}

    assert len(staffed) >= 20
    assert staffed == grouped == {each.id for each in schools(demo.organisations)}


def test_a_study_group_has_an_adult_for_every_ten_pupils(demo):
    assert all(group.adults * 10 >= group.size for group in demo.study_groups)


def test_every_organisation_that_offers_slots_has_staff(demo):
    staffed = {each.organisation.key for each in of_role(demo, Role.VENUE)}

    assert staffed == {each.key for each in offering(demo.organisations)}


def test_there_are_volunteers_and_supervisors_of_the_city_and_each_district(demo):
    supervised = [each.district for each in of_role(demo, Role.SUPERVISOR)]

    assert len(of_role(demo, Role.VOLUNTEER)) >= 30
    assert supervised.count(None) == 1
    assert {each.key for each in supervised if each} == {each.key for each in demo.districts}


def test_logins_are_unique_lower_case_addresses_that_no_mail_can_reach(demo):
    logins = [each.login for each in demo.accounts]

    assert len(set(logins)) == len(logins)
    assert all(re.fullmatch(r"[a-z0-9-]+@demo\.example", each) for each in logins)


def test_an_account_holds_its_reservations_as_the_platform_says(demo):
    for each in demo.accounts:
        actor = Actor(
            account_id=each.id,
            role=each.role,
            display_name=each.name,
            family_id=each.family_id,
            organisation_id=each.organisation.id if each.organisation else None,
        )
        assert each.holder_id == actor.holder_id


def test_the_link_an_account_gets_is_the_one_the_platform_gives_first(demo):
    for each in demo.accounts:
        organisation = each.organisation
        actor = Actor(
            account_id=each.id,
            role=each.role,
            display_name=each.name,
            family_id=each.family_id,
            organisation_id=organisation.id if organisation else None,
        )
        name = organisation.name if organisation and organisation.spaces else None
        assert each.feed_id == feed_kinds.choices(actor, name, [])[0].owner_id
