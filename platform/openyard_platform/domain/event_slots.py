"""An event of a venue's calendar as a slot that could be published, or what is in the way."""

import datetime as dt
import hashlib
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import msgspec
from msgspec import Struct

from openyard_calendars.reading import ReadEvent
from openyard_events import form, venue_messages
from openyard_events.contracts import SlotOffered
from openyard_platform.domain import slot_cells
from openyard_platform.domain.slot_cells import CellMalformed

MAX_ID = 200
_MAX_SEQUENCE = 9_999


class Problem(Struct, frozen=True, kw_only=True):
    """Something in a file that becomes no slot. ``where``: ``line 3``, or an event's id."""

    where: str
    code: str
    message: str


Row: TypeAlias = SlotOffered | Problem


def of_event(
    event: ReadEvent, name: str, version: int, given: Mapping[str, Any], zone: dt.tzinfo
) -> list[SlotOffered] | list[Problem]:
    """One slot, or every problem.

    ``given``: what the event does not say itself, e.g. the capacity. ``zone``: of the times in
    properties of ours, which are written as in a table.
    """
    if event.all_day:
        return [_problem(name, "all_day", "An event of whole days names no hours to come at.")]
    if event.status == "TENTATIVE":
        return [_problem(name, "tentative", "The event is not certain yet.")]
    if not event.summary:
        return [_problem(name, "title_missing", "The event has no SUMMARY.")]
    fields = {
        "external_id": name,
        "version": version,
        "starts_at": event.starts_at,
        "ends_at": event.ends_at,
        "title": title(event),
    }
    if event.description:
        fields["description"] = event.description
    try:
        fields |= slot_cells.stated(event.stated, zone)
    except CellMalformed as error:
        return [_problem(name, error.code, str(error))]
    return slot(name, {**given, **fields})


def slot(
    where: str, fields: Mapping[str, Any], column: Callable[[str], str] | None = None
) -> list[SlotOffered] | list[Problem]:
    """The slot of these fields, or every problem with them.

    ``column``: from the path of what is wrong to the cell in which it was written.
    """
    try:
        found = msgspec.convert(fields, SlotOffered)
    except msgspec.ValidationError as error:
        fault = form.explain(error)
        path = fault.path if column is None else column(fault.path)
        message = f"{path}: {fault.message}" if path else fault.message
        return [_problem(where, fault.code, message)]
    problems = []
    for fault in venue_messages.faults(found):
        path = "" if column is None else column(fault.path)
        message = fault.message if fault.message.startswith(path) else f"{path}: {fault.message}"
        problems.append(_problem(where, fault.code, message))
    return problems or [found]


def title(event: ReadEvent) -> str:
    """The summary on one line."""
    return " ".join(event.summary.split())


def external_id(event: ReadEvent, prefix: str = "") -> str:
    """The UID, with the occurrence where there are several; a long one ends in its digest."""
    whole = event.uid if event.recurrence_key is None else f"{event.uid}/{event.recurrence_key}"
    fitting = prefix + " ".join(whole.split())
    if len(fitting) <= MAX_ID:
        return fitting
    digest = hashlib.sha256(whole.encode()).hexdigest()[:32]
    return f"{fitting[: MAX_ID - len(digest) - 1]}~{digest}"


def version(event: ReadEvent) -> int:
    """Rises when the event was changed later, or its SEQUENCE is higher at the same time."""
    return int(event.changed_at.timestamp()) * (_MAX_SEQUENCE + 1) + min(
        event.sequence, _MAX_SEQUENCE
    )


def _problem(where: str, code: str, message: str) -> Problem:
    return Problem(where=where, code=code, message=message)
