"""Which feeds there are: what each is called, and the id under which its events are found."""

import functools
from collections.abc import Sequence
from uuid import UUID, uuid5

from msgspec import Struct

from openyard_platform.domain import words
from openyard_platform.domain.feeds import SlotView
from openyard_platform.domain.people import Actor, Role

# Never another one: with it, every calendar would become another.
_OURS = UUID("6f70656e-7961-7264-8000-666565640000")

# A trigger of the database knows it too.
HOLIDAYS = UUID("d15d8edf-d2e7-5838-a354-af97e84f4044")

# The names that the package chinesecalendar gives; a notice loaded by hand has Chinese ones.
_HOLIDAYS = {
    "New Year's Day": "元旦",
    "Spring Festival": "春节",
    "Tomb-sweeping Day": "清明节",
    "Labour Day": "劳动节",
    "Dragon Boat Festival": "端午节",
    "Mid-autumn Festival": "中秋节",
    "National Day": "国庆节",
    "Anti-Fascist 70th Day": "抗战胜利纪念日",
}

_SATURDAY = 5

OWN = "own"
VENUE = "venue"
_GROUP = "group-"


class PrivateFeed(Struct, frozen=True, kw_only=True):
    """A feed that an account may have. ``key``: names it in addresses of pages and the API."""

    key: str
    owner_id: UUID
    name: str


class LinkHolder(Struct, frozen=True, kw_only=True):
    """Whose link it is, as the account stands now. ``study_group``: the one the link is for."""

    role: str
    holder_id: UUID
    organisation_id: UUID | None
    organisation: str | None
    study_group: str | None


@functools.lru_cache(maxsize=4096)  # each entry of a slot needs three, the same for its venue
def _id(name: str) -> UUID:
    return uuid5(_OURS, name)


def district_id(district_key: str) -> UUID:
    return _id(f"district {district_key}")


def weekends_id(district_key: str) -> UUID:
    return _id(f"open weekends {district_key}")


def programme_id(venue_key: str, programme: str) -> UUID:
    return _id(f"programme {venue_key} {programme}")


def staff_id(venue_id: UUID) -> UUID:
    return _id(f"staff {venue_id}")


def holiday_name(notice: str) -> str:
    """What a holiday is called, given what stands beside the day in the calendar."""
    return _HOLIDAYS.get(notice, notice) or "节假日"


def public_feeds(slot: SlotView) -> list[UUID]:
    """Where a slot stands besides its venue's own feed."""
    feeds = [*slot.space_ids, district_id(slot.district_key)]
    if slot.kind == "access" and words.local(slot.starts_at).weekday() >= _SATURDAY:
        feeds.append(weekends_id(slot.district_key))
    if slot.programme:
        feeds.append(programme_id(slot.venue_key, slot.programme))
    return feeds


def choices(
    actor: Actor, organisation: str | None, study_groups: Sequence[tuple[UUID, str]]
) -> list[PrivateFeed]:
    """The feeds of one account. ``organisation``: its name, if it has spaces to offer."""
    feeds = [PrivateFeed(key=OWN, owner_id=actor.holder_id, name=_own_name(actor.role))]
    if organisation is not None and actor.organisation_id is not None:
        staff = PrivateFeed(
            key=VENUE, owner_id=staff_id(actor.organisation_id), name=_staff_name(organisation)
        )
        # Staff of a venue hardly ever book, and always want to know what is booked.
        feeds.insert(0 if actor.role is Role.VENUE else 1, staff)
    feeds += [
        PrivateFeed(key=f"{_GROUP}{group_id}", owner_id=group_id, name=_group_name(name))
        for group_id, name in study_groups
    ]
    return feeds


def private_name(holder: LinkHolder, owner_id: UUID) -> str | None:
    """What a calendar client shows as the feed's name; None: the holder may not see it any more."""
    if owner_id == holder.holder_id:
        return _own_name(holder.role)
    if holder.study_group is not None:
        return _group_name(holder.study_group)
    if holder.role not in (Role.VENUE, Role.SCHOOL) or holder.organisation_id is None:
        return None
    if owner_id == staff_id(holder.organisation_id):
        return _staff_name(holder.organisation or "")
    return None


def _own_name(role: str) -> str:
    return {
        Role.FAMILY: f"{words.PRODUCT} · 我家的预约",
        Role.SCHOOL: f"{words.PRODUCT} · 本校的预约",
        Role.VOLUNTEER: f"{words.PRODUCT} · 我的志愿服务",
    }.get(Role(role), f"{words.PRODUCT} · 我的预约")


def _staff_name(organisation: str) -> str:
    return f"{organisation} · 场次与人数"


def _group_name(study_group: str) -> str:
    return f"{study_group} · 预约"
