"""A venue, or some of its spaces, closed for a while in one act."""

import datetime as dt
import hashlib

import msgspec
from msgspec import Struct

from openyard_events.contracts import FieldError
from openyard_platform.domain import schedule_slots
from openyard_platform.domain.errors import Invalid
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
