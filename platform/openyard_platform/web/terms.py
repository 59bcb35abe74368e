"""HTTP for the term calendar of each district."""

import datetime as dt
from typing import Any

from litestar import Request, Router, delete, get, put
from litestar.params import FromPath, JSONBody
from msgspec import Struct

from openyard_events import subjects
from openyard_platform import clock
from openyard_platform.actions import terms as actions
from openyard_platform.domain.errors import NotFound
from openyard_platform.domain.people import Role
from openyard_platform.store import terms as records
from openyard_platform.store.terms import Term
from openyard_platform.web import auth
from openyard_platform.web.fields import Name


class TermIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Both days belong to it."""

    name: Name
    starts_on: dt.date
    ends_on: dt.date


class Terms(Struct, frozen=True, kw_only=True):
    items: list[Term]


@get("/{district:str}", operation_id="listTerms", opt=auth.PUBLIC)
async def index(district: FromPath[str]) -> Terms:
    """A district's terms in their order; none where nobody has stated any."""
    return Terms(items=await records.of_district(district))


@put("/{district:str}/{key:str}", operation_id="stateTerm", opt=auth.require(Role.SUPERVISOR))
async def state(
    request: Request[Any, Any, Any],
    district: FromPath[str],
    key: FromPath[str],
    data: JSONBody[TermIn],
) -> Term:
    """Say when a term is; schedules that open in terms only follow at once."""
    if not subjects.is_token(key):
        raise NotFound("A term's key has 1 to 64 letters, digits, '_' or '-'.")
    term = Term(key=key, name=data.name, starts_on=data.starts_on, ends_on=data.ends_on)
    await actions.state(auth.current(request), district, term, clock.now())
    return term


@delete("/{district:str}/{key:str}", operation_id="takeBackTerm", opt=auth.require(Role.SUPERVISOR))
async def take_back(
    request: Request[Any, Any, Any], district: FromPath[str], key: FromPath[str]
) -> None:
    """Forget a term."""
    await actions.take_back(auth.current(request), district, key, clock.now())


router = Router("/api/v1/terms", route_handlers=[index, state, take_back], tags=["calendars"])
