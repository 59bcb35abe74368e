"""The whole city as plain structs: the same seed and day give the same city."""

import datetime as dt

from msgspec import Struct

from openyard_events.contracts import SlotOffered
from openyard_infra.demo import people, programme
from openyard_infra.demo.districts import DISTRICTS, District
from openyard_infra.demo.organisations import Organisation, offering, organisations
from openyard_infra.demo.people import Account, StudyGroup

SEED = 2025


class City(Struct, frozen=True, kw_only=True):
    """``slots``: by the key of the organisation that offers them."""

    districts: tuple[District, ...]
    organisations: tuple[Organisation, ...]
    accounts: tuple[Account, ...]
    study_groups: tuple[StudyGroup, ...]
    slots: dict[str, tuple[SlotOffered, ...]]


def build(seed: int, today: dt.date) -> City:
    """A city whose programme begins on the day after ``today``."""
    all_of_them = organisations(seed)
    return City(
        districts=DISTRICTS,
        organisations=all_of_them,
        accounts=people.accounts(seed, all_of_them),
        study_groups=people.study_groups(seed, all_of_them),
        slots={each.key: programme.slots_of(seed, each, today) for each in offering(all_of_them)},
    )
