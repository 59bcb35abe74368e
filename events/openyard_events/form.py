"""What is wrong with a message that did not decode, as a path, a code and a sentence."""

import re

import msgspec

from openyard_events.contracts import FieldError

_AT = re.compile(r"^(?P<what>.*?)(?: - at `(?:key in )?\$(?P<path>[^`]*)`)?$", re.DOTALL)
_FIELD = re.compile(r"^Object (?:contains unknown|missing required) field `(?P<name>[^`]*)`")

# The first that occurs in msgspec's sentence names the code.
_CODES = (
    ("contains unknown field", "unknown_field"),
    ("missing required field", "missing_field"),
    ("timezone component", "zone_missing"),
    ("matching regex", "wrong_format"),
    ("Invalid enum value", "unknown_value"),
    ("Invalid value", "unknown_value"),
    ("Invalid RFC3339", "wrong_format"),
    ("Invalid UUID", "wrong_format"),
    ("Invalid ", "wrong_format"),
    ("out of range", "out_of_range"),
    ("of length", "out_of_range"),
    ("Expected `int` ", "out_of_range"),
    ("Expected `float` ", "out_of_range"),
    ("Expected ", "wrong_type"),
)


def explain(error: msgspec.DecodeError) -> FieldError:
    """The first thing msgspec met. ``path``: like ``party.min`` or ``children[1].name``."""
    if not isinstance(error, msgspec.ValidationError):
        return FieldError(path="", code="malformed_json", message=str(error))
    return describe(str(error))


def describe(sentence: str) -> FieldError:
    """The same from the sentence of a msgspec.ValidationError."""
    match = _AT.match(sentence)
    what, path = (match["what"], match["path"] or "") if match else (sentence, "")
    path = path.removeprefix(".")
    field = _FIELD.match(what)
    if field:
        path = f"{path}.{field['name']}".removeprefix(".")
    code = next((code for part, code in _CODES if part in what), "wrong_value")
    return FieldError(path=path, code=code, message=what)
