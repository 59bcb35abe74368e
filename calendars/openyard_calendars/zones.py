"""Which zone a calendar file means by a name."""

import datetime as dt
import functools
import re
import zoneinfo
from collections.abc import Iterable, Mapping

from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from openyard_calendars.components import Component, Properties
from openyard_calendars.unreadable import CannotRead

_OFFSET = re.compile(r"([+-])([01]\d|2[0-3])([0-5]\d)(?:[0-5]\d)?")


@functools.cache
def _known() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


@functools.cache
def load_all() -> Mapping[str, dt.tzinfo]:
    """Every zone of the world, kept: who may open no file later needs none then (0.15 s)."""
    return {name: zoneinfo.ZoneInfo(name) for name in _known()}


def resolve(name: str, own: Mapping[str, dt.tzinfo]) -> dt.tzinfo:
    """The zone of this name; ``own``: what the file's VTIMEZONEs define.

    Names the world knows win over what a file says they are: its rules are never run.

    Raises:
        CannotRead: nobody knows the name.
    """
    name = name.strip()
    found = _olson(name) or own.get(name)
    if not found:
        raise CannotRead("zone_unknown", f"The time zone {name[:80]!r} is not known.")
    return found


def _olson(name: str) -> dt.tzinfo | None:
    # Some programs write /vendor.example/version/Asia/Shanghai.
    parts = name.strip("/").split("/")
    starts = range(min(len(parts), 6)) if name.startswith("/") else range(1)
    for candidate in (name, WINDOWS_TO_OLSON.get(name, ""), *("/".join(parts[i:]) for i in starts)):
        if candidate in _known():
            return zoneinfo.ZoneInfo(candidate)
    return None


def defined(timezones: Iterable[Component]) -> dict[str, dt.tzinfo]:
    """The zones that VTIMEZONEs define beyond doubt: by a known location, or one fixed offset."""
    zones = {}
    for timezone in timezones:
        try:
            name, zone = _definition(timezone)
        except CannotRead:
            continue  # the events that use it will say that they do not know it
        if zone:
            zones[name] = zone
    return zones


def _definition(timezone: Component) -> tuple[str, dt.tzinfo | None]:
    properties = Properties(timezone.lines, frozenset({"TZID", "X-LIC-LOCATION"}))
    name = properties.only("TZID")
    location = properties.first("X-LIC-LOCATION")
    zone = _olson(location.value.strip()) if location else None
    return (name.value.strip() if name else ""), zone or _fixed(timezone)


def _fixed(timezone: Component) -> dt.tzinfo | None:
    found = Properties(timezone.inner, frozenset({"TZOFFSETTO"})).every("TZOFFSETTO")
    matches = {_OFFSET.fullmatch(offset.value.strip()) for offset in found}
    offsets = {match.groups() if match else None for match in matches}
    only = offsets.pop() if len(offsets) == 1 else None
    if not only:
        return None
    sign, hours, minutes = only
    offset = dt.timedelta(hours=int(hours), minutes=int(minutes))
    return dt.timezone(offset if sign == "+" else -offset)
