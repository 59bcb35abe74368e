"""A venue, or some of its spaces, closed for a while in one act."""

import datetime as dt
import hashlib
from collections.abc import Mapping
from uuid import UUID

import msgspec
from msgspec import Struct

from openyard_events.contracts import FieldError
from openyard_platform.domain import schedule_slots, words
from openyard_platform.domain.errors import Invalid
from openyard_platform.domain.schedule_slots import LiveSlot
from openyard_platform.domain.schedules import SHANGHAI

LONGEST = dt.timedelta(days=31)
_DAY = dt.timedelta(days=1)


class Closure(Struct, frozen=True, kw_only=True):
    """Every slot that lies in this stretch, in part or whole, is withdrawn for the ``reason``.

    ``spaces``: keys; None: the whole venue. A space closes what is inside it and what contains it.
    """

    starts_at: dt.datetime
    ends_at: dt.datetime
    reason: str
    spaces: tuple[str, ...] | None = None


class Standing(Struct, frozen=True, kw_only=True):
    """A closure that is remembered until it is over or lifted."""

    id: UUID
    starts_at: dt.datetime
    ends_at: dt.datetime
    reason: str
    spaces: list[str] | None

    @property
    def when(self) -> str:
        """Its days, or its hours where it is closed for a part of one."""
        first = words.local(self.starts_at).date()
        last = words.local(self.ends_at - _DAY).date()
        if of_days(first, last) == (self.starts_at, self.ends_at):
            return words.days(first.isoformat(), last.isoformat())
        return words.span(self.starts_at, self.ends_at)


def of_days(first: dt.date, last: dt.date) -> tuple[dt.datetime, dt.datetime]:
    """Whole days of the city's calendar, both included."""
    starts_at = dt.datetime.combine(first, dt.time(), SHANGHAI)
    return starts_at, dt.datetime.combine(last + _DAY, dt.time(), SHANGHAI)


def check(closure: Closure, now: dt.datetime) -> None:
    """Raises Invalid, with the field that is wrong."""
    if closure.ends_at <= closure.starts_at:
        raise _wrong("to", "ends_before_start", "It ends before it starts.")
    if closure.ends_at <= now:
        raise _wrong("to", "in_the_past", "It is over already.")
    if closure.ends_at - closure.starts_at > LONGEST:
        raise _wrong("to", "too_long", f"At most {LONGEST.days} days are closed in one act.")
    if closure.spaces == ():
        raise _wrong("spaces", "out_of_range", "Left out, it is the whole venue.")
    if not closure.reason.strip():
        raise _wrong("reason", "missing_field", "Those who have seats are told why.")
    if closure.reason.strip() == schedule_slots.REASON:
        # Opening schedules offer again what was withdrawn for this reason.
        raise _wrong("reason", "reason_reserved", "This reason is the opening schedules' own.")


def as_slot(closure: Standing, leaves: Mapping[str, tuple[int, ...]]) -> LiveSlot:
    """A closure, as a slot that takes all that it closes."""
    keys = leaves if closure.spaces is None else [key for key in closure.spaces if key in leaves]
    return LiveSlot(
        external_id=f"closure:{closure.id}",
        version=0,
        is_open=False,
        reason=closure.reason,
        title=f"临时闭馆：{closure.reason}",
        description=None,
        starts_at=closure.starts_at,
        ends_at=closure.ends_at,
        capacity=0,
        audiences=None,
        taken=0,
        waiting=0,
        leaves=tuple({leaf for key in keys for leaf in leaves[key]}),
    )


def unknown_space(key: str) -> Invalid:
    return _wrong("spaces", "space_unknown", f"No space {key!r} here.")


def message_id(closure: Closure, external_id: str, version: int) -> str:
    """The ce-id under which a slot is withdrawn: the same when the same closure is asked again."""
    spaces = None if closure.spaces is None else sorted(set(closure.spaces))
    text = msgspec.msgpack.encode(
        (
            closure.starts_at.timestamp(),
            closure.ends_at.timestamp(),
            closure.reason,
            spaces,
            external_id,
            version,
        )
    )
    return f"closure-{hashlib.blake2b(text, digest_size=20).hexdigest()}"


def _wrong(path: str, code: str, message: str) -> Invalid:
    error = FieldError(path=path, code=code, message=message)
    return Invalid("This is no closure.", errors=[error])
