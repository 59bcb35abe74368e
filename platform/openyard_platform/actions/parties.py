"""Whom a request is for: the named children, the study group, else who asks."""

import datetime as dt
from collections.abc import Sequence
from uuid import UUID

from msgspec import Struct

from openyard_events.contracts import Audience
from openyard_platform.domain import words
from openyard_platform.domain.errors import Invalid, Refused
from openyard_platform.domain.people import Actor, Role
from openyard_platform.store import audit
from openyard_platform.store import parties as records


class Party(Struct, frozen=True, kw_only=True):
    """``refs``: who cannot be in two places. ``audiences``: what the request may book as.

    ``births``: birth years of the children. ``grade``: the study group's.
    """

    refs: tuple[UUID, ...] = ()
    audiences: tuple[str, ...]
    births: tuple[int, ...] = ()
    grade: int | None = None


def audiences_of(actor: Actor, *, with_children: bool) -> tuple[str, ...]:
    """Who brings children that are named books as a family too, whatever the account's role."""
    if with_children and Audience.FAMILY not in actor.audiences:
        return (*actor.audiences, Audience.FAMILY.value)
    return actor.audiences


async def named(
    actor: Actor,
    children: Sequence[UUID] | None,
    study_group: UUID | None,
    seats: int,
    now: dt.datetime,
) -> Party:
    """The party of a new request; who names nobody costs no query.

    Raises:
        Invalid: a child is neither the actor's own nor delegated, a study group is not the
            actor's, or there are more children than seats or more seats than the group has pupils.
    """
    if children:
        return await _children(actor, tuple(dict.fromkeys(children)), seats, now)
    if study_group is not None:
        school = actor.organisation_id if actor.role is Role.SCHOOL else None
        group = None if school is None else await records.study_group(school, study_group)
        if group is None:
            raise Invalid("This study group is not your school's.", code="study_group_unknown")
        _fits(seats, group.size)
        return Party(refs=(study_group,), audiences=actor.audiences, grade=group.grade)
    return Party(refs=(actor.family_id or actor.account_id,), audiences=actor.audiences)


async def of_reservation(
    actor: Actor, party_nos: Sequence[int], *, seats: int, asks_more: bool, now: dt.datetime
) -> Party:
    """The party of a reservation that is to be changed, which is to have so many ``seats``.

    ``asks_more``: it wants more seats or another slot, which takes the right to bring the children
    as a new request does; seats are given back without.

    Raises:
        Invalid: more seats than the study group has pupils.
        Refused: a child is no longer delegated to the actor (``delegation_ended``).
    """
    members = await records.members(
        party_nos, actor.account_id, actor.family_id, words.local(now).date()
    )
    births = tuple(one.birth_year for one in members if one.birth_year is not None)
    if asks_more and not all(one.is_nameable for one in members):
        raise Refused("Not without the right.", refusals=[{"code": "delegation_ended"}])
    group = next((one for one in members if one.grade is not None), None)
    if asks_more and group is not None and group.size is not None:
        _fits(seats, group.size)
    return Party(
        audiences=audiences_of(actor, with_children=bool(births)),
        births=births,
        grade=None if group is None else group.grade,
    )


async def _children(
    actor: Actor, children: tuple[UUID, ...], seats: int, now: dt.datetime
) -> Party:
    today = words.local(now).date()
    known = await records.children(children, actor.account_id, actor.family_id, today)
    if len(known) < len(children):
        message = "One of these children is neither your family's nor delegated to you."
        raise Invalid(message, code="child_unknown")
    if seats < len(children):
        raise Invalid("Each of these children takes a seat.", code="seats_below_children")
    for one in known:
        if one.delegation_id is not None:
            await audit.record(
                *(now, actor.account_id, "child.named", one.id), delegation=one.delegation_id
            )
    return Party(
        refs=children,
        audiences=audiences_of(actor, with_children=True),
        births=tuple(one.birth_year for one in known),
    )


def _fits(seats: int, size: int) -> None:
    if seats > size:
        message = f"The study group has {size} pupils."
        raise Invalid(message, code="seats_above_group", size=size)
