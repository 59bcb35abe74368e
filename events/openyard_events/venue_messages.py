"""What a venue may say: its messages decoded, and everything wrong with them as coded errors."""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence

import msgspec
from msgspec import Struct

from openyard_events import contracts, envelope, form, subjects
from openyard_events.contracts import (
    Allotment,
    Audience,
    FieldError,
    SlotOffered,
    SlotWithdrawn,
)
from openyard_events.envelope import BadEnvelope

MAX_BYTES = 64 * 1024
LONGEST_SLOT = dt.timedelta(days=31)
FIRST_YEAR, LAST_YEAR = 2001, 2199
_LONGEST_PATH, _LONGEST_MESSAGE = 200, 500

_TYPES = {
    "offered": contracts.SLOT_OFFERED,
    "changed": contracts.SLOT_CHANGED,
    "withdrawn": contracts.SLOT_WITHDRAWN,
}
_offered = msgspec.json.Decoder(SlotOffered)
_withdrawn = msgspec.json.Decoder(SlotWithdrawn)


class Accepted(Struct, frozen=True, kw_only=True):
    """A message whose form is right. ``receipt_id``: its ce-id."""

    receipt_id: str
    slot: SlotOffered | SlotWithdrawn


class Rejected(Struct, frozen=True, kw_only=True):
    """``receipt_id``: its ce-id, None where that is missing or illegal."""

    receipt_id: str | None
    errors: list[FieldError]


def venue_of(subject: str) -> str | None:
    """The venue's key in ``venue.<key>.slot.<verb>``; None: not such a subject."""
    parts = subject.split(".")
    is_ours = len(parts) == 4 and (parts[0], parts[2]) == ("venue", "slot")  # noqa: PLR2004 - venue.<key>.slot.<verb>
    return parts[1] if is_ours and subjects.is_token(parts[1]) else None


def check(subject: str, headers: Mapping[str, str] | None, data: bytes) -> Accepted | Rejected:
    """Decode one message of ``venue.<key>.slot.<verb>`` and look at all that needs no database."""
    verb = subject.rpartition(".")[2]
    checked = _check(subject, verb, headers, data)
    if isinstance(checked, Accepted):
        return checked
    return Rejected(receipt_id=envelope.event_id(headers), errors=[_tame(one) for one in checked])


def _check(
    subject: str, verb: str, headers: Mapping[str, str] | None, data: bytes
) -> Accepted | list[FieldError]:
    errors: list[FieldError] = []
    receipt_id = None
    try:
        around = envelope.read(headers)
        receipt_id = around.id
        if around.type is not None and around.type != _TYPES.get(verb):
            message = f"ce-type {around.type!r} does not belong on {subject}."
            errors.append(_error("ce-type", "subject_mismatch", message))
    except BadEnvelope as bad:
        errors += bad.errors
    if verb not in _TYPES:
        message = f"{verb[:80]!r} is none of {', '.join(_TYPES)}."
        return [*errors, _error("", "subject_mismatch", message)]
    if len(data) > MAX_BYTES:
        message = f"The message has {len(data)} bytes, {MAX_BYTES} are allowed."
        return [*errors, _error("", "too_large", message)]
    slot = _decode(verb, data)
    if isinstance(slot, FieldError):
        return [*errors, slot]
    errors += faults(slot)
    if errors or receipt_id is None:
        return errors
    return Accepted(receipt_id=receipt_id, slot=slot)


def faults(slot: SlotOffered | SlotWithdrawn) -> list[FieldError]:
    """What the types alone do not forbid."""
    if isinstance(slot, SlotWithdrawn):
        return list(_characters(slot, ("external_id", "reason")))
    found = [
        *_characters(slot, ("external_id", "title", "programme", "series", "description")),
        *_years(slot),
    ]
    # A moment so far away that it cannot be reckoned with must not be compared either.
    if not any(error.code == "out_of_range" for error in found):
        found += [*_times(slot), *_busy(slot), *_party(slot), *_allotments(slot), *_ranges(slot)]
    return found


def _decode(verb: str, data: bytes) -> SlotOffered | SlotWithdrawn | FieldError:
    try:
        return _withdrawn.decode(data) if verb == "withdrawn" else _offered.decode(data)
    except msgspec.DecodeError as error:
        return form.explain(error)
    except (UnicodeDecodeError, RecursionError) as error:
        return _error("", "malformed_json", str(error))


def _characters(slot: SlotOffered | SlotWithdrawn, fields: tuple[str, ...]) -> Iterator[FieldError]:
    for field in fields:
        allowed = "\n\t\r" if field in ("description", "reason") else ""
        text = getattr(slot, field) or ""
        if any((ch < " " or ch == "\x7f") and ch not in allowed for ch in text):
            yield _error(field, "illegal_character", f"{field} holds a control character.")


def _years(slot: SlotOffered) -> Iterator[FieldError]:
    for field in ("starts_at", "ends_at", "opens_at", "closes_at"):
        instant: dt.datetime | None = getattr(slot, field)
        if instant is not None and not FIRST_YEAR <= instant.year <= LAST_YEAR:
            message = f"{field} is not between {FIRST_YEAR} and {LAST_YEAR}."
            yield _error(field, "out_of_range", message)


def _times(slot: SlotOffered) -> Iterator[FieldError]:
    for field in ("starts_at", "ends_at"):
        instant: dt.datetime = getattr(slot, field)
        if instant.second or instant.microsecond:
            yield _error(field, "not_whole_minutes", f"{field} is not a whole minute.")
    if slot.ends_at <= slot.starts_at:
        yield _error("ends_at", "ends_before_start", "The slot ends before it starts.")
    elif slot.ends_at - slot.starts_at > LONGEST_SLOT:
        message = f"The slot is longer than {LONGEST_SLOT.days} days."
        yield _error("ends_at", "slot_too_long", message)
    if slot.opens_at and slot.closes_at and slot.closes_at <= slot.opens_at:
        yield _error("closes_at", "closes_before_opening", "Booking closes before it opens.")


def _busy(slot: SlotOffered) -> Iterator[FieldError]:
    if slot.kind == contracts.SlotKind.BUSY and slot.claim == contracts.Claim.ON_BOOKING:
        message = "Nobody books busy time: it takes its space when it is offered."
        yield _error("claim", "claim_impossible", message)


def _party(slot: SlotOffered) -> Iterator[FieldError]:
    smallest = slot.party.min if slot.party else None
    if slot.party is None or smallest is None:
        return
    if slot.party.max is not None and slot.party.max < smallest:
        yield _error("party.max", "party_impossible", "party.max is below party.min.")
    if smallest > slot.capacity:
        yield _error("party.min", "party_impossible", "party.min is above the capacity.")


def allotment_faults(
    allotments: Sequence[Allotment], audiences: Sequence[Audience] | None, capacity: int
) -> Iterator[FieldError]:
    """What is wrong with the allotments of a slot for these audiences (None: everybody)."""
    named = [one.audience for one in allotments]
    for number, one in enumerate(allotments):
        path = f"allotments[{number}]"
        if one.audience in named[:number]:
            message = f"There is another allotment for {one.audience} before this one."
            yield _error(f"{path}.audience", "allotment_repeated", message)
        if audiences is not None and one.audience not in audiences:
            message = f"{one.audience} is not among the slot's audiences."
            yield _error(f"{path}.audience", "allotment_for_nobody", message)
    if sum(one.seats for one in allotments) > capacity:
        message = "The allotments have more seats together than the slot."
        yield _error("allotments", "allotments_above_capacity", message)


def _allotments(slot: SlotOffered) -> Iterator[FieldError]:
    yield from allotment_faults(slot.allotments or (), slot.audiences, slot.capacity)
    if slot.allotments and slot.exclusive:
        message = "One party takes an exclusive slot whole: there is nothing to keep a part of."
        yield _error("allotments", "allotments_of_exclusive", message)


def _ranges(slot: SlotOffered) -> Iterator[FieldError]:
    for name, of in (("ages", slot.ages), ("grades", slot.grades)):
        if of is not None and of.min is not None and of.max is not None and of.max < of.min:
            yield _error(f"{name}.max", "range_impossible", f"{name}.max is below {name}.min.")


def _tame(error: FieldError) -> FieldError:
    """What the venue wrote comes back in it: no longer than needed, nothing that cannot be kept."""
    path = "".join(ch if ch.isprintable() else "�" for ch in error.path[:_LONGEST_PATH])
    message = "".join(ch if ch.isprintable() else "�" for ch in error.message[:_LONGEST_MESSAGE])
    return FieldError(path=path, code=error.code, message=message)


def _error(path: str, code: str, message: str) -> FieldError:
    return FieldError(path=path, code=code, message=message)
