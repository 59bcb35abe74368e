"""HTTP for a venue's schedules as one file: taken out, looked at, and applied."""

from typing import Any
from uuid import UUID

from litestar import Request, Response, Router, get, post
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import Struct

from openyard_platform import clock
from openyard_platform.actions import schedule_files as actions
from openyard_platform.actions import schedules
from openyard_platform.actions.schedule_files import Done
from openyard_platform.domain import schedule_files as domain
from openyard_platform.domain.people import Role
from openyard_platform.domain.schedule_files import Action, ScheduleFile
from openyard_platform.web import auth
from openyard_platform.web.schedules import Diff, diff_of

# Two hundred schedules with their exceptions.
MAX_BODY = 1024 * 1024

Call = Request[Any, Any, Any]


class DoneOut(Struct, frozen=True, kw_only=True):
    """One schedule of the file, or one that is ended. ``id``: null while it is only previewed.

    ``diff``: of a preview; null for what stays as it is. ``conflicts``: slots it could not publish.
    """

    action: Action
    key: str | None
    id: UUID | None
    title: str
    revision: int
    diff: Diff | None = None
    conflicts: int | None = None


class Applied(Struct, frozen=True, kw_only=True):
    """In the order of the file; then those that are ended."""

    dry_run: bool
    schedules: list[DoneOut]


@get("/{key:str}/schedules/file", operation_id="exportSchedules")
async def export(request: Call, key: FromPath[str]) -> Response[Any]:
    """The venue's schedules as a file that can be changed and applied again."""
    known = await schedules.listed(auth.current(request), key)
    headers = {"Content-Disposition": f'attachment; filename="{key}-schedules.json"'}
    return Response(domain.document(known), media_type="application/json", headers=headers)


@post(
    "/{key:str}/schedules/file",
    operation_id="applySchedules",
    status_code=200,
    request_max_body_size=MAX_BODY,
)
async def apply(
    request: Call,
    key: FromPath[str],
    data: JSONBody[ScheduleFile],
    dry_run: FromQuery[bool] = False,  # noqa: FBT002 - a query has names
    end_others: FromQuery[bool] = False,  # noqa: FBT002 - a query has names
) -> Applied:
    """Add and change the schedules that the file names; all of it is right, or nothing counts.

    Applied again it changes nothing. ``dry_run``: say what it would do. ``end_others``: take away
    those that it does not name; without it they stay.
    """
    act = actions.preview if dry_run else actions.apply
    done = await act(
        *(auth.current(request), key, data.schedules, clock.now()), end_others=end_others
    )
    return Applied(dry_run=dry_run, schedules=[_out(one, dry_run=dry_run) for one in done])


def _out(done: Done, *, dry_run: bool) -> DoneOut:
    schedule, seen = done.schedule, done.outlook
    return DoneOut(
        action=done.action,
        key=schedule.plan.key,
        id=None if dry_run and done.action is Action.ADDED else schedule.id,
        title=schedule.plan.title,
        revision=schedule.revision,
        diff=None if seen is None else diff_of(seen),
        conflicts=None if seen is None else len(seen.conflicts),
    )


router = Router(
    "/api/v1/venues",
    route_handlers=[export, apply],
    opt=auth.require(Role.VENUE),
    tags=["schedules"],
)
