"""Delegated guardians: who else may bring a child, e.g. one whose parents work far away."""

import datetime as dt
from enum import StrEnum
from uuid import UUID

from msgspec import Struct

from openyard_platform.domain.errors import Invalid

MAX_DELEGATIONS = 6  # of one child at a time


class Relation(StrEnum):
    GRANDPARENT = "grandparent"
    RELATIVE = "relative"
    SCHOOL_WORKER = "school_worker"
    COMMUNITY_WORKER = "community_worker"


class NewDelegation(Struct, frozen=True, kw_only=True):
    """The right to bring a child, for whoever has the account of ``email``, today or later.

    ``ends_on``: the last day on which it can be used; None: until it is revoked.
    """

    id: UUID
    child_id: UUID
    email: str
    relation: Relation
    ends_on: dt.date | None = None


class Delegation(NewDelegation, frozen=True, kw_only=True):
    granted_at: dt.datetime


class Entrusted(Struct, frozen=True, kw_only=True):
    """A child as its delegate sees it: what a reservation needs, and nothing else."""

    child_id: UUID
    delegation_id: UUID
    display_name: str
    birth_year: int
    relation: Relation
    ends_on: dt.date | None


def check(new: NewDelegation, today: dt.date) -> None:
    """Raises Invalid: it would have ended before it began (``ends_in_the_past``)."""
    if new.ends_on is not None and new.ends_on < today:
        raise Invalid("A delegation ends today at the earliest.", code="ends_in_the_past")
