"""Files of opening schedules: what one says, and what is to be done about each schedule in it."""

import json
import tomllib
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import NODEFAULT, Meta, Struct

from openyard_events import form
from openyard_events.contracts import FieldError
from openyard_platform.domain import schedules
from openyard_platform.domain.errors import Invalid
from openyard_platform.domain.schedules import Plan, Schedule

MOST = 200  # schedules of a venue
_MOST_DOTS = 50  # in a line of TOML


class Entry(Plan, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A plan, and which schedule it is of: by its ``key``, or by the ``id`` of one without a key.

    With both, the schedule of that id gets the key.
    """

    id: UUID | None = None


class ScheduleFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a file of schedules holds. Schedules it does not name stay as they are."""

    schedules: Annotated[list[Entry], Meta(min_length=1, max_length=MOST)]


class Action(StrEnum):
    ADDED = "added"
    CHANGED = "changed"
    SAME = "same"
    ENDED = "ended"


class Step(Struct, frozen=True, kw_only=True):
    """What becomes of one schedule. ``before``: None where it is added."""

    action: Action
    before: Schedule | None
    plan: Plan


def read(text: str) -> ScheduleFile:
    """What a file says, in TOML or in JSON.

    Raises:
        Invalid: with ``errors``: where it is no such file, or what stands there is no schedule.
    """
    try:
        return msgspec.convert(parsed(text), ScheduleFile)
    except msgspec.ValidationError as error:
        raise refused([form.explain(error)]) from error


def parsed(text: str) -> Any:
    """Plain values. Raises Invalid, with ``errors``: where the text stops making sense."""
    try:
        if text.lstrip().startswith("{"):
            return json.loads(text)
        for number, line in enumerate(text.split("\n"), 1):
            # The memory that the parser takes for a dotted key grows with the square of its parts.
            if line.count(".") > _MOST_DOTS:
                raise ValueError(f"Too many dots (at line {number}).")  # noqa: TRY301 - one handler
        # Its own dates and times become what JSON has for them.
        return msgspec.to_builtins(tomllib.loads(text))
    except (ValueError, RecursionError) as error:
        said = str(error) if isinstance(error, ValueError) else "It is nested too deep."
        raise refused([FieldError(path="", code="malformed_file", message=said)]) from error


def steps(
    entries: Sequence[Entry], known: Sequence[Schedule], *, end_others: bool = False
) -> list[Step]:
    """One for each entry, in their order, then one for each schedule that is ended.

    ``known``: the schedules of the venue. ``end_others``: those that no entry names come to an end.

    Raises:
        Invalid: with ``errors``: an entry names no schedule, an unknown one, or another's.
    """
    by_id = {one.id: one for one in known}
    by_key = {one.plan.key: one for one in known if one.plan.key is not None}
    faults: list[FieldError] = []
    found: list[Step] = []
    named: set[UUID] = set()
    keys: set[str] = set()
    for number, entry in enumerate(entries):
        before = _before(entry, by_id, by_key)
        fault = _fault(entry, before, by_key, named, keys)
        if fault is not None:
            name, code, message = fault
            faults.append(
                FieldError(path=f"schedules[{number}].{name}", code=code, message=message)
            )
            continue
        named |= set() if before is None else {before.id}
        keys |= set() if entry.key is None else {entry.key}
        found.append(_step(before, plan_of(entry)))
    if faults:
        raise refused(faults)
    if end_others:
        rest = [one for one in known if one.id not in named]
        found += [Step(action=Action.ENDED, before=one, plan=one.plan) for one in rest]
    return found


def plan_of(entry: Entry) -> Plan:
    """What an entry says, without the id."""
    plan = Plan(**{name: getattr(entry, name) for name in Plan.__struct_fields__})
    return schedules.tidied(plan)


def document(known: Sequence[Schedule]) -> dict[str, Any]:
    """The file of these schedules: what is said, and nothing that goes without saying."""
    return {"schedules": [_entry(one) for one in known]}


def located(number: int, error: Invalid) -> list[FieldError]:
    """The faults of the entry with this number (from 0), with where in the file they are."""
    return [
        msgspec.structs.replace(one, path=f"schedules[{number}].{one.path}".rstrip("."))
        for one in error.parameters.get("errors", ())
    ]


def refused(faults: list[FieldError]) -> Invalid:
    return Invalid("The file is refused; nothing is changed.", errors=faults)


def _before(
    entry: Entry, by_id: dict[UUID, Schedule], by_key: dict[str, Schedule]
) -> Schedule | None:
    return by_id.get(entry.id) if entry.id is not None else by_key.get(entry.key or "")


def _fault(
    entry: Entry,
    before: Schedule | None,
    by_key: dict[str, Schedule],
    named: set[UUID],
    keys: set[str],
) -> tuple[str, str, str] | None:
    """The field that cannot be so, a code and a sentence."""
    if entry.id is None and entry.key is None:
        text = "A key is needed: without one, the file would add it anew each time."
        return "key", "missing_field", text
    if entry.id is not None and before is None:
        return "id", "schedule_unknown", f"The venue has no schedule {entry.id}."
    if entry.key in keys:
        return "key", "twice", f"{entry.key!r} stands in the file twice."
    if before is not None and before.id in named:
        return "id", "twice", f"{before.id} stands in the file twice."
    other = by_key.get(entry.key or "")
    if other is not None and other != before:
        return "key", "twice", f"{entry.key!r} is the key of the schedule {other.id}."
    return None


def _step(before: Schedule | None, plan: Plan) -> Step:
    if before is None:
        return Step(action=Action.ADDED, before=None, plan=plan)
    if plan.key is None:
        plan = msgspec.structs.replace(plan, key=before.plan.key)
    action = Action.SAME if plan == schedules.tidied(before.plan) else Action.CHANGED
    return Step(action=action, before=before, plan=plan)


def _entry(schedule: Schedule) -> dict[str, Any]:
    name = {"id": str(schedule.id)} if schedule.plan.key is None else {}
    said = msgspec.to_builtins(schedule.plan)
    return name | {field: value for field, value in said.items() if value != _USUAL.get(field, ...)}


# What a plan says where its venue says nothing.
_USUAL = {
    field.encode_name: msgspec.to_builtins(
        field.default if field.default is not NODEFAULT else field.default_factory()
    )
    for field in msgspec.structs.fields(Plan)
    if not field.required
}
