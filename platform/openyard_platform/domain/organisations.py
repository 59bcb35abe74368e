"""Organisations and their spaces as they are made."""

from collections.abc import Sequence
from typing import Literal
from uuid import UUID

from msgspec import Struct

from openyard_platform.domain.errors import Invalid

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
    """``parent_id``: the hall a court lies in.

    ``shareable``: slots may take it at the same time, for ``capacity`` people together at most.
    """

    id: UUID
    organisation_id: UUID
    key: str
    name: str
    parent_id: UUID | None = None
    shareable: bool = False
    capacity: int | None = None


class ListedSpace(Struct, frozen=True, kw_only=True):
    """A space as its venue's staff see it. ``parent``: key of the space it lies in."""

    key: str
    name: str
    parent: str | None
    shareable: bool
    capacity: int | None


def check_spaces(spaces: Sequence[NewSpace]) -> None:
    """Whether spaces that are made together can be shared as they say.

    Raises:
        Invalid: a shareable space has no capacity (``space_without_capacity``), or another space
            lies in it (``space_shared_not_leaf``).
    """
    shared = {space.id: space for space in spaces if space.shareable}
    for space in shared.values():
        if space.capacity is None or space.capacity < 1:
            text = f"{space.key}: a shareable space says for how many it has room."
            raise Invalid(text, code="space_without_capacity")
    for space in spaces:
        whole = None if space.parent_id is None else shared.get(space.parent_id)
        if whole is not None:
            text = f"{space.key}: no space lies in {whole.key}, which is shared by people."
            raise Invalid(text, code="space_shared_not_leaf")
