"""Eight weeks of slots from what each organisation offers week after week."""

import datetime as dt
from collections.abc import Iterator
from zoneinfo import ZoneInfo

from msgspec import Struct

from openyard_events.contracts import SlotOffered
from openyard_infra.demo.bases import BASES
from openyard_infra.demo.culture import CULTURE
from openyard_infra.demo.neighbourhood import NEIGHBOURHOOD, SPECIALS
from openyard_infra.demo.offers import FRIDAY, Offer, Opens
from openyard_infra.demo.organisations import Organisation
from openyard_infra.demo.science import SCIENCE
from openyard_infra.demo.stable import number
from openyard_infra.demo.youth import YOUTH

WEEKS = 8
OFFERS = CULTURE | YOUTH | SCIENCE | BASES | NEIGHBOURHOOD

_SHANGHAI = ZoneInfo("Asia/Shanghai")
_EIGHT_O_CLOCK = dt.time(8)


class _Instance(Struct, frozen=True, kw_only=True):
    """One offer on one day in one space."""

    offer: Offer
    day: dt.date
    begins: dt.time
    ends: dt.time
    space: str


def slots_of(seed: int, organisation: Organisation, today: dt.date) -> tuple[SlotOffered, ...]:
    """Everything one organisation offers from tomorrow on, in the order of time."""
    slots = (_slot(instance) for instance in _instances(seed, organisation, today))
    # What closes today may be closed before anybody can see it.
    bookable = (slot for slot in slots if not (slot.closes_at and slot.closes_at.date() <= today))
    return tuple(sorted(bookable, key=lambda slot: (slot.starts_at, slot.external_id)))


def _instances(seed: int, organisation: Organisation, today: dt.date) -> Iterator[_Instance]:
    for offer in (*OFFERS.get(organisation.layout, ()), *SPECIALS.get(organisation.key, ())):
        phase = number(seed, offer.every, organisation.key, offer.key)
        for day in _days(today):
            if day.weekday() not in offer.days or _week(day) % offer.every != phase:
                continue
            for space in offer.spaces:
                for begins, ends in offer.times:
                    yield _Instance(offer=offer, day=day, begins=begins, ends=ends, space=space)


def _days(today: dt.date) -> Iterator[dt.date]:
    # Today's own slots might have begun before anybody could see them.
    return (today + dt.timedelta(days=ahead) for ahead in range(1, WEEKS * 7 + 1))


def _week(day: dt.date) -> int:
    # Counted through, because a calendar week 53 would put two odd weeks side by side.
    return (day.toordinal() - 1) // 7


def _slot(instance: _Instance) -> SlotOffered:
    offer = instance.offer
    starts_at = dt.datetime.combine(instance.day, instance.begins, _SHANGHAI)
    return SlotOffered(
        external_id=f"{offer.key}-{instance.space}-{starts_at:%Y%m%d-%H%M}",
        version=1,
        space=instance.space,
        starts_at=starts_at,
        ends_at=dt.datetime.combine(instance.day, instance.ends, _SHANGHAI),
        capacity=offer.capacity,
        title=offer.title,
        audiences=list(offer.audiences),
        kind=offer.kind,
        exclusive=offer.exclusive,
        programme=offer.programme,
        description=offer.text,
        party=offer.party,
        opens_at=_opens_at(offer.opens, instance.day),
        closes_at=starts_at - dt.timedelta(hours=offer.closes_hours)
        if offer.closes_hours
        else None,
        cancel_until_hours=offer.cancel_hours,
        claim=offer.claim,
        allotments=list(offer.allotments) or None,
        ages=offer.ages,
        buffer_before_minutes=offer.buffer,
        buffer_after_minutes=offer.buffer,
    )


def _opens_at(opens: Opens, day: dt.date) -> dt.datetime | None:
    if opens is Opens.AT_ONCE:
        return None
    friday = day - dt.timedelta(days=(day.weekday() - FRIDAY) % 7 or 7)
    if opens is Opens.FRIDAY_AHEAD:
        friday -= dt.timedelta(days=7)
    return dt.datetime.combine(friday, _EIGHT_O_CLOCK, _SHANGHAI)
