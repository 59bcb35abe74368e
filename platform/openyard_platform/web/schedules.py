"""HTTP for a venue's opening schedules, and what one would do before it counts."""

import datetime as dt
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from litestar import Request, Response, Router, delete, get, patch, post
from litestar.params import FromPath, FromQuery, HeaderParameter, JSONBody
from msgspec import Struct

from openyard_calendars.day_kinds import DayKind
from openyard_calendars.opening import PlannedSlot
from openyard_events.contracts import Allotment
from openyard_platform import clock
from openyard_platform.actions import schedules as actions
from openyard_platform.actions.schedules import Outlook
from openyard_platform.domain.people import Role
from openyard_platform.domain.schedule_slots import LiveSlot
from openyard_platform.domain.schedules import Plan, Schedule
from openyard_platform.web import auth, versions

_PATH = "/api/v1/venues"

Call = Request[Any, Any, Any]
Match = Annotated[
    str | None,
    HeaderParameter(name="If-Match", description='The revision it starts from, e.g. "3".'),
]
Touched = FromQuery[Literal["keep", "change"] | None]


class ScheduleOut(Plan, frozen=True, kw_only=True):
    """As the venue stated it, with what it left out. ``revision`` rises with every change."""

    id: UUID
    revision: int


class Schedules(Struct, frozen=True, kw_only=True):
    items: list[ScheduleOut]


class AllotmentOut(Allotment, frozen=True, kw_only=True, omit_defaults=False):
    """Seats that are kept until ``releases_at``."""

    releases_at: dt.datetime


class SlotOut(Struct, frozen=True, kw_only=True):
    """``provisional``: the notice about the holidays of its year is not out yet."""

    key: str
    space: str
    starts_at: dt.datetime
    ends_at: dt.datetime
    provisional: bool
    allotments: list[AllotmentOut]


class SkippedOut(Struct, frozen=True, kw_only=True):
    date: dt.date
    kind: DayKind
    reason: str


class OtherOut(Struct, frozen=True, kw_only=True):
    """``external_id``: of a slot, null when it is one of the same schedule, or ``closure:…``."""

    external_id: str | None
    starts_at: dt.datetime
    ends_at: dt.datetime


class ConflictOut(Struct, frozen=True, kw_only=True):
    """The slot will not be published: ``other`` takes its space."""

    slot: SlotOut
    other: OtherOut


class AddedOut(Struct, frozen=True, kw_only=True):
    external_id: str
    space: str
    starts_at: dt.datetime
    ends_at: dt.datetime


class LiveOut(Struct, frozen=True, kw_only=True):
    """A slot as it stands. ``taken``, ``waiting``: seats and parties a change touches."""

    external_id: str
    starts_at: dt.datetime
    ends_at: dt.datetime
    taken: int
    waiting: int


class MovedOut(LiveOut, frozen=True, kw_only=True):
    new_starts_at: dt.datetime
    new_ends_at: dt.datetime


class Diff(Struct, frozen=True, kw_only=True):
    """Within the horizon, against what is live. ``seats_touched``: of those moved and closed.

    ``kept``: reserved, and no longer as planned; ``touched: change`` would close or move them.
    """

    added: list[AddedOut]
    moved: list[MovedOut]
    changed: list[LiveOut]
    closed: list[LiveOut]
    kept: list[LiveOut]
    seats_touched: int


class Preview(Struct, frozen=True, kw_only=True):
    """All of the schedule, past days and days beyond the horizon included."""

    slots: list[SlotOut]
    skipped: list[SkippedOut]
    conflicts: list[ConflictOut]
    diff: Diff


@post("/{key:str}/schedules", operation_id="addSchedule", status_code=201)
async def create(request: Call, key: FromPath[str], data: JSONBody[Plan]) -> Response[ScheduleOut]:
    """State a new opening schedule; its slots follow within seconds."""
    made = await actions.add(auth.current(request), key, data, clock.now())
    return _respond(made, 201)


@get("/{key:str}/schedules", operation_id="listSchedules")
async def index(request: Call, key: FromPath[str]) -> Schedules:
    """The venue's schedules, the oldest first."""
    found = await actions.listed(auth.current(request), key)
    return Schedules(items=[_out(one) for one in found])


@get("/{key:str}/schedules/{schedule_id:uuid}", operation_id="getSchedule")
async def look(
    request: Call, key: FromPath[str], schedule_id: FromPath[UUID]
) -> Response[ScheduleOut]:
    """One schedule; ``ETag`` is its revision."""
    return _respond(await actions.look(auth.current(request), key, schedule_id), 200)


@patch("/{key:str}/schedules/{schedule_id:uuid}", operation_id="changeSchedule")
async def change(
    request: Call,
    key: FromPath[str],
    schedule_id: FromPath[UUID],
    data: JSONBody[dict[str, Any]],
    if_match: Match = None,
) -> Response[ScheduleOut]:
    """Change some fields (a JSON merge patch); only slots that differ are published again."""
    made = await actions.change(
        *(auth.current(request), key, schedule_id, data),
        *(versions.of_header(if_match), clock.now()),
    )
    return _respond(made, 200)


@delete("/{key:str}/schedules/{schedule_id:uuid}", operation_id="endSchedule")
async def end(
    request: Call,
    key: FromPath[str],
    schedule_id: FromPath[UUID],
    touched: Touched = None,
    if_match: Match = None,
) -> None:
    """Take a schedule away and close its slots; reserved ones only with ``touched=change``."""
    await actions.end(
        *(auth.current(request), key, schedule_id, touched),
        *(versions.of_header(if_match), clock.now()),
    )


@post("/{key:str}/schedules/preview", operation_id="previewSchedule", status_code=200)
async def preview(
    request: Call,
    key: FromPath[str],
    data: JSONBody[Plan],
    replaces: FromQuery[UUID | None] = None,
) -> Preview:
    """What a schedule would do; ``replaces``: the id of the one in whose place it would stand."""
    seen = await actions.preview(auth.current(request), key, data, replaces, clock.now())
    return Preview(
        slots=[_slot(one, data) for one in seen.expansion.slots],
        skipped=[
            SkippedOut(date=one.date, kind=one.kind, reason=one.reason)
            for one in seen.expansion.skipped
        ],
        conflicts=[
            ConflictOut(slot=_slot(one.slot, data), other=_other(one.other))
            for one in seen.conflicts
        ],
        diff=diff_of(seen),
    )


def diff_of(seen: Outlook) -> Diff:
    """What is different, in the words of the API."""
    changes = seen.changes
    befores = [one.before for one in changes.moved]
    return Diff(
        added=[
            AddedOut(
                external_id=one.external_id,
                space=one.space,
                starts_at=one.starts_at,
                ends_at=one.ends_at,
            )
            for one in changes.added
        ],
        moved=[
            MovedOut(
                **_live(one.before), new_starts_at=one.slot.starts_at, new_ends_at=one.slot.ends_at
            )
            for one in changes.moved
        ],
        changed=[LiveOut(**_live(one.before)) for one in changes.changed],
        closed=[LiveOut(**_live(one)) for one in changes.closed],
        kept=[LiveOut(**_live(one)) for one in changes.kept],
        seats_touched=sum(one.taken for one in [*befores, *changes.closed]),
    )


def _live(slot: LiveSlot) -> dict[str, Any]:
    return {
        "external_id": slot.external_id,
        "starts_at": slot.starts_at.astimezone(clock.SHANGHAI),
        "ends_at": slot.ends_at.astimezone(clock.SHANGHAI),
        "taken": slot.taken,
        "waiting": slot.waiting,
    }


def _slot(slot: PlannedSlot, plan: Plan) -> SlotOut:
    allotments = [
        AllotmentOut(
            **msgspec.structs.asdict(one),
            releases_at=slot.starts_at - dt.timedelta(hours=one.release_hours),
        )
        for one in plan.allotments
    ]
    return SlotOut(**slot._asdict(), allotments=allotments)


def _other(other: LiveSlot | PlannedSlot) -> OtherOut:
    return OtherOut(
        external_id=other.external_id if isinstance(other, LiveSlot) else None,
        starts_at=other.starts_at.astimezone(clock.SHANGHAI),
        ends_at=other.ends_at.astimezone(clock.SHANGHAI),
    )


def _out(schedule: Schedule) -> ScheduleOut:
    plan = {name: getattr(schedule.plan, name) for name in Plan.__struct_fields__}
    return ScheduleOut(id=schedule.id, revision=schedule.revision, **plan)


def _respond(schedule: Schedule, status: int) -> Response[ScheduleOut]:
    return Response(
        _out(schedule),
        status_code=status,
        headers={
            "Location": f"{_PATH}/{schedule.venue_key}/schedules/{schedule.id}",
            "ETag": f'"{schedule.revision}"',
        },
    )


router = Router(
    _PATH,
    route_handlers=[create, index, look, change, end, preview],
    opt=auth.require(Role.VENUE),
    tags=["schedules"],
)
