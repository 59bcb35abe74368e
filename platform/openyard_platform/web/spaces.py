"""HTTP for the spaces of a venue: what its slots can name, and which of them are shared."""

from typing import Any

from litestar import Request, Router, get
from litestar.params import FromPath
from msgspec import Struct

from openyard_platform.actions import venues
from openyard_platform.domain.organisations import ListedSpace
from openyard_platform.domain.people import Role
from openyard_platform.store import spaces as records
from openyard_platform.web import auth


class Spaces(Struct, frozen=True, kw_only=True):
    items: list[ListedSpace]


@get("/{key:str}/spaces", operation_id="listSpaces")
async def index(request: Request[Any, Any, Any], key: FromPath[str]) -> Spaces:
    """The venue's spaces as a tree by ``parent``.

    Slots in a ``shareable`` one may meet there, for no more people at a time than its ``capacity``.
    """
    return Spaces(items=await records.listed(venues.venue_of(auth.current(request), key)))


router = Router(
    "/api/v1/venues", route_handlers=[index], opt=auth.require(Role.VENUE), tags=["venues"]
)
