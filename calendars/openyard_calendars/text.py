"""Content lines of iCalendar: values that cannot break out, lines that never exceed 75 octets."""

import functools
import re

MAX_OCTETS = 75
_CONTINUATION = 0x80  # the two high bits of every byte of a character but its first
_HIGH_BITS = 0xC0
_BACKSLASH = 0x5C

# Python's own ``splitlines`` and several clients end a line at each of these.
_BREAKS = re.compile("\r\n|[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]")
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1b\x1f\x7f-\x9f\ud800-\udfff]")
_UNCLEAN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_SPECIAL = re.compile(r"[\\;,\n]")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = {"\\": r"\\", ";": r"\;", ",": r"\,", "\n": r"\n"}
_PARAMETER_ESCAPES = {"^": "^^", "\n": "^n", '"': "^'"}
_SPECIAL_IN_PARAMETER = re.compile(r'[\^\n"]')
_UNSAFE_IN_URI = re.compile(r"[^A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]")


def clean(value: str) -> str:
    r"""The text a calendar can carry: every line break is ``\n``, no other control character."""
    if not _UNCLEAN.search(value):
        return value
    return _CONTROLS.sub("", _BREAKS.sub("\n", value).replace("\t", " "))


@functools.lru_cache(maxsize=1024)  # a venue's words stand in every one of its entries
def escape(value: str) -> str:
    """A TEXT value (RFC 5545, 3.3.11) of whatever somebody typed."""
    cleaned = clean(value)
    if not _SPECIAL.search(cleaned):
        return cleaned
    return _SPECIAL.sub(lambda match: _ESCAPES[match.group()], cleaned)


def unescape(value: str) -> str:
    """What a TEXT value says, clean whatever it was."""
    return clean(_ESCAPED.sub(_unescaped, value)) if "\\" in value else clean(value)


def _unescaped(match: re.Match[str]) -> str:
    character = match.group(1)
    return "\n" if character in "nN" else character


def parameter(value: str) -> str:
    """A quoted parameter value of whatever somebody typed; RFC 6868 says how quotes are written."""
    escaped = _SPECIAL_IN_PARAMETER.sub(
        lambda match: _PARAMETER_ESCAPES[match.group()], clean(value)
    )
    return f'"{escaped}"'


def uri(value: str) -> str:
    """A URI value: what may not stand in one is percent-encoded, so it ends no line either."""
    return _UNSAFE_IN_URI.sub(_percent, value)


def _percent(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match.group().encode("utf-8", "replace"))


def line(content: str) -> bytes:
    """One content line, folded where it is longer than 75 octets, with its CRLF."""
    data = content.encode()
    if len(data) <= MAX_OCTETS:
        return data + b"\r\n"
    return fold(data) + b"\r\n"


def fold(data: bytes) -> bytes:
    """Break a line into pieces of at most 75 octets, never inside a character or an escape."""
    pieces = []
    start, room = 0, MAX_OCTETS
    while len(data) - start > room:
        end = start + room
        while data[end] & _HIGH_BITS == _CONTINUATION:
            end -= 1
        if _ends_inside_escape(data, start, end):
            end -= 1
        pieces.append(data[start:end])
        start, room = end, MAX_OCTETS - 1  # the space that marks a continuation counts
    pieces.append(data[start:])
    return b"\r\n ".join(pieces)


def _ends_inside_escape(data: bytes, start: int, end: int) -> bool:
    """Whether ``data[start:end]`` ends with a backslash that belongs to what follows."""
    first = end
    while first > start and data[first - 1] == _BACKSLASH:
        first -= 1
    return (end - first) % 2 == 1
