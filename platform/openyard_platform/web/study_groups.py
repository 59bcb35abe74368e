"""HTTP for a school's study groups."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, Response, Router, delete, get, post
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct

from openyard_platform import clock, ids
from openyard_platform.actions import study_groups as actions
from openyard_platform.domain.accounts import NewStudyGroup
from openyard_platform.domain.people import Role
from openyard_platform.store import study_groups as records
from openyard_platform.web import auth
from openyard_platform.web.fields import Name, Text


class StudyGroupIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``grade``: 0 is kindergarten. ``needs``: what a venue should know beforehand."""

    name: Name
    grade: Annotated[int, Meta(ge=0, le=12)]
    size: Annotated[int, Meta(ge=1, le=2000)]
    adults: Annotated[int, Meta(ge=0, le=500)] = 0
    needs: Text = ""


class StudyGroupOut(Struct, frozen=True, kw_only=True):
    id: UUID
    name: str
    grade: int
    size: int
    adults: int
    needs: str


class StudyGroups(Struct, frozen=True, kw_only=True):
    items: list[StudyGroupOut]


@get("/", operation_id="list_study_groups")
async def index(request: Request[Any, Any, Any]) -> StudyGroups:
    rows = await records.of_school(actions.school_of(auth.current(request)))
    return StudyGroups(items=msgspec.convert(rows, list[StudyGroupOut], from_attributes=True))


@post("/", operation_id="add_study_group")
async def create(
    request: Request[Any, Any, Any], data: JSONBody[StudyGroupIn]
) -> Response[StudyGroupOut]:
    group = NewStudyGroup(id=ids.new(), **msgspec.structs.asdict(data))
    await actions.add(auth.current(request), group, clock.now())
    return Response(StudyGroupOut(**msgspec.structs.asdict(group)), status_code=201)


@delete("/{group_id:uuid}", operation_id="remove_study_group")
async def remove(request: Request[Any, Any, Any], group_id: FromPath[UUID]) -> None:
    await actions.remove(auth.current(request), group_id, clock.now())


router = Router(
    "/api/v1/study-groups",
    route_handlers=[index, create, remove],
    opt=auth.require(Role.SCHOOL),
    tags=["accounts"],
)
