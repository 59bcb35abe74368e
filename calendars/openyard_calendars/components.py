"""An .ics file as components and properties, each apart, so that a broken one spoils no other."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from msgspec import Struct, field

from openyard_calendars.unreadable import CannotRead

MAX_DEPTH = 8

# None of these ever stands inside another of them: a second BEGIN ends an unfinished first.
_OUTER = {"VEVENT", "VTODO", "VJOURNAL", "VFREEBUSY", "VTIMEZONE"}

_PARAMETERS = r'(?:;[^=:;"\r\n]++=(?:"[^"]*+"|[^";:]++)*+)*+'
_CONTENT_LINE = re.compile(rf"([A-Za-z0-9-]++)({_PARAMETERS}):(.*+)", re.DOTALL)
_PARAMETER = re.compile(r';([^=:;"]++)=((?:"[^"]*+"|[^";:]++)*+)')


class Property(NamedTuple):
    """``parameters``: upper-case names, values without quotes. ``value``: as it stands."""

    name: str
    parameters: Mapping[str, str]
    value: str


class Component(Struct, kw_only=True):
    """``lines``: its own, unfolded; ``inner``: those of the components inside it."""

    name: str
    lines: list[bytes] = field(default_factory=list)
    inner: list[bytes] = field(default_factory=list)
    whole: bool = True


class Calendar(Struct, kw_only=True):
    """One VCALENDAR, or what stood outside any."""

    lines: list[bytes] = field(default_factory=list)
    components: list[Component] = field(default_factory=list)


def split(data: bytes) -> list[Calendar]:
    """The calendars in a file, in order. Takes any bytes; no line is decoded yet."""
    splitter = _Splitter()
    for line in _unfolded(data.removeprefix(b"\xef\xbb\xbf")):
        stripped = line.strip()
        if stripped[:6].upper() == b"BEGIN:":
            splitter.begin(_name(stripped[6:]))
        elif stripped[:4].upper() == b"END:":
            splitter.end(_name(stripped[4:]))
        else:
            splitter.line(line)
    splitter.break_off()
    return splitter.calendars


def _unfolded(data: bytes) -> Iterator[bytes]:
    """Whole content lines. Some programs leave empty lines inside a folded one."""
    pieces: list[bytes] = []
    for line in data.split(b"\n"):
        stripped = line.rstrip(b"\r")
        if stripped[:1] in (b" ", b"\t"):
            pieces.append(stripped[1:])
        elif stripped:
            yield b"".join(pieces)
            pieces = [stripped]
    yield b"".join(pieces)


def _name(text: bytes) -> str:
    return text.strip().upper().decode("ascii", "replace")


class _Splitter:
    """Goes down the lines of a file; ``_open`` are the components we are inside of."""

    def __init__(self) -> None:
        self.calendars = [Calendar()]
        self._open: list[str] = []

    def begin(self, name: str) -> None:
        if name == "VCALENDAR":
            self.break_off()
            self.calendars.append(Calendar())
            return
        if self._open and name in _OUTER:
            self.break_off()
        if not self._open:
            self.calendars[-1].components.append(Component(name=name))
        elif len(self._open) == MAX_DEPTH:
            self._current.whole = False
            return
        self._open.append(name)

    def end(self, name: str) -> None:
        if name == "VCALENDAR":
            self.break_off()
        elif name in self._open:
            if self._open[-1] != name:
                self._current.whole = False
            while self._open.pop() != name:
                pass
        elif self._open:
            self._current.whole = False

    def line(self, line: bytes) -> None:
        if not self._open:
            self.calendars[-1].lines.append(line)
        elif len(self._open) == 1:
            self._current.lines.append(line)
        else:
            self._current.inner.append(line)

    def break_off(self) -> None:
        """Whatever is open now never came to its END."""
        if self._open:
            self._current.whole = False
            self._open.clear()

    @property
    def _current(self) -> Component:
        return self.calendars[-1].components[-1]


class Properties:
    """The properties of these names; other lines are not even decoded."""

    def __init__(self, lines: Iterable[bytes], names: frozenset[str]) -> None:
        self._found: dict[str, list[bytes]] = {}
        for line in lines:
            name = re.split(rb"[:;]", line, maxsplit=1)[0].decode("ascii", "replace").upper()
            if name in names:
                self._found.setdefault(name, []).append(line)

    def every(self, name: str) -> list[Property]:
        """All of this name.

        Raises:
            CannotRead: one is not UTF-8, or is no content line.
        """
        return [_property(line) for line in self._found.get(name, [])]

    def first(self, name: str) -> Property | None:
        lines = self._found.get(name)
        return _property(lines[0]) if lines else None

    def only(self, name: str) -> Property | None:
        """The one of this name.

        Raises:
            CannotRead: there are several, and no telling which one is meant.
        """
        if len(self._found.get(name, [])) > 1:
            raise CannotRead("repeated", f"{name} stands there more than once.")
        return self.first(name)


def extensions(lines: Iterable[bytes], prefix: str) -> dict[str, str]:
    """The values of all properties whose name begins so, by the rest of their name.

    Raises:
        CannotRead: one stands there twice, is not UTF-8, or is no content line.
    """
    found: dict[str, str] = {}
    for line in lines:
        if line[: len(prefix)].upper() == prefix.encode():
            extension = _property(line)
            name = extension.name[len(prefix) :]
            if name in found:
                raise CannotRead("repeated", f"{extension.name} stands there more than once.")
            found[name] = extension.value
    return found


def _property(line: bytes) -> Property:
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        raise CannotRead("not_utf8", f"{line[:40]!r} is not UTF-8.") from error
    match = _CONTENT_LINE.fullmatch(text)
    if not match:
        raise CannotRead("malformed_line", f"{text[:80]!r} is not a content line.")
    name, parameters, value = match.groups()
    return Property(
        name.upper(),
        {key.upper(): given.replace('"', "") for key, given in _PARAMETER.findall(parameters)},
        value,
    )
