"""Organisations and their spaces as they are made."""

from typing import Literal
from uuid import UUID

from msgspec import Struct

Kind = Literal["school", "venue", "community", "department", "university", "company", "association"]


class NewOrganisation(Struct, frozen=True, kw_only=True):
    """``key``: its token in subjects and addresses, for ever."""

    id: UUID
    key: str
    name: str
    kind: Kind
    category: str | None = None
    district_key: str
    address: str = ""
    latitude: float | None = None
    longitude: float | None = None
    description: str = ""


class NewSpace(Struct, frozen=True, kw_only=True):
    """``parent_id``: the hall a court lies in."""

    id: UUID
    organisation_id: UUID
    key: str
    name: str
    parent_id: UUID | None = None
