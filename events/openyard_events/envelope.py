"""How an event travels: CloudEvents 1.0 in binary mode, its attributes as message headers."""

import datetime as dt
from collections.abc import Mapping
from urllib.parse import quote, unquote

import msgspec
from msgspec import Struct

from openyard_events import subjects
from openyard_events.contracts import FieldError

_VERSION = "1.0"
_LONGEST = 512
_times = msgspec.json.Decoder(dt.datetime)


class BadEnvelope(Exception):
    """The headers are no CloudEvents 1.0. ``errors``: every one of them that is wrong."""

    def __init__(self, errors: list[FieldError]) -> None:
        super().__init__("; ".join(error.message for error in errors))
        self.errors = errors


class Envelope(Struct, frozen=True, kw_only=True):
    """What stands around the event itself; only ``id`` is always there."""

    id: str
    type: str | None = None
    source: str | None = None
    time: dt.datetime | None = None
    subject: str | None = None


def headers(
    event_id: str, type_: str, source: str, time: dt.datetime, subject: str | None = None
) -> dict[str, str]:
    """The headers of one event with a JSON body."""
    attributes = {
        "ce-specversion": _VERSION,
        "ce-id": subjects.token(event_id),
        "ce-type": type_,
        "ce-source": source,
        "ce-time": time.astimezone(dt.UTC).isoformat().replace("+00:00", "Z"),
        "content-type": "application/json",
    }
    if subject is not None:
        # Header values are printable ASCII; the specification percent-encodes the rest.
        attributes["ce-subject"] = quote(subject, safe="!#$&'()*+,/:;=?@[]^`{|}~")
    return attributes


def event_id(received: Mapping[str, str] | None) -> str | None:
    """The ``ce-id`` where it is there and legal, whatever else is wrong."""
    text = _lower(received).get("ce-id")
    return text if text is not None and subjects.is_token(text) else None


def read(received: Mapping[str, str] | None) -> Envelope:
    """The envelope of a message; header names in any case.

    Raises:
        BadEnvelope: ``ce-id`` is missing or may not stand in a subject, or one of the others is
            there but not well-formed.
    """
    attributes = _lower(received)
    errors = []
    identity = attributes.get("ce-id", "")
    if not identity:
        errors.append(_error("ce-id", "ce_id_missing", "The header ce-id is missing."))
    elif not subjects.is_token(identity):
        message = "ce-id is not 1 to 64 letters, digits, '_' or '-'."
        errors.append(_error("ce-id", "ce_id_illegal", message))
    if attributes.get("ce-specversion", _VERSION) != _VERSION:
        errors.append(_error("ce-specversion", "wrong_value", "ce-specversion is not 1.0."))
    errors += [
        _error(name, "out_of_range", f"{name} is empty or too long.")
        for name in ("ce-type", "ce-source", "ce-subject")
        if name in attributes and not 1 <= len(attributes[name]) <= _LONGEST
    ]
    time = _time(attributes.get("ce-time"), errors)
    if errors:
        raise BadEnvelope(errors)
    subject = attributes.get("ce-subject")
    return Envelope(
        id=identity,
        type=attributes.get("ce-type"),
        source=attributes.get("ce-source"),
        time=time,
        subject=None if subject is None else unquote(subject),
    )


def _time(text: str | None, errors: list[FieldError]) -> dt.datetime | None:
    if text is None:
        return None
    try:
        time = _times.decode(msgspec.json.encode(text))
    except msgspec.DecodeError:
        errors.append(_error("ce-time", "wrong_format", "ce-time is not RFC 3339."))
        return None
    if time.tzinfo is None:
        errors.append(_error("ce-time", "zone_missing", "ce-time has no offset."))
    return time


def _lower(received: Mapping[str, str] | None) -> dict[str, str]:
    return {name.lower(): value for name, value in (received or {}).items()}


def _error(path: str, code: str, message: str) -> FieldError:
    return FieldError(path=path, code=code, message=message)
