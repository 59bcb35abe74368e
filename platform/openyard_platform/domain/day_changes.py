"""Days that turn out to be of another kind than people had to think, and what they are told."""

import datetime as dt
from collections.abc import Mapping

from msgspec import Struct

from openyard_calendars.day_kinds import DayKind
from openyard_platform.domain import words
from openyard_platform.domain.reservations import HOLDING

# Of each district on each day.
Kinds = Mapping[tuple[str, dt.date], DayKind]

_SATURDAY = 5
_NAMES = {
    DayKind.WORKDAY: "工作日",
    DayKind.WEEKEND: "周末",
    DayKind.HOLIDAY: "法定节假日",
    DayKind.ADJUSTED_WORKDAY: "调休上班日",
}


class DayChange(Struct, frozen=True, kw_only=True):
    """``before``: unknown where the notice of its year has only now come."""

    date: dt.date
    before: DayKind
    after: DayKind


class Changed(Struct, frozen=True, kw_only=True):
    district: str
    change: DayChange


def between(before: Kinds, after: Kinds) -> list[Changed]:
    """What people have to be told: nothing of days that are as everybody expected."""
    return [
        Changed(
            district=district,
            change=DayChange(date=date, before=before[district, date], after=kind),
        )
        for (district, date), kind in after.items()
        if _expected(date, before[district, date]) is not _expected(date, kind)
    ]


def sentence(change: DayChange | None, status: str) -> str:
    """What has changed, and what becomes of a reservation of this status."""
    what = "这一天的放假、调休安排有变。"
    if change is not None:
        what = _sentence(change)
    kept = "预约" if status in HOLDING else "候补"
    return (
        f"{what}您这一天的{kept}目前不变；场馆如因此改时间或取消，会另外通知您。"
        "如果来不了，请尽早取消，把名额让给别人。"
    )


def _sentence(change: DayChange) -> str:
    day, kind = words.day(change.date), _NAMES.get(change.after)
    if kind is None:
        return f"{day}的放假、调休安排还要再定。"
    if change.before is DayKind.UNKNOWN:
        return f"放假安排公布了，{day}是{kind}。"
    return f"{day}由{_NAMES[change.before]}改为{kind}。"


def _expected(date: dt.date, kind: DayKind) -> DayKind:
    """A day that nobody has told about is taken for what the week makes of it."""
    if kind is not DayKind.UNKNOWN:
        return kind
    return DayKind.WEEKEND if date.weekday() >= _SATURDAY else DayKind.WORKDAY
