"""One VEVENT as values: times with their zone, length, rule and texts."""

import datetime as dt
import re
from collections.abc import Mapping
from typing import NamedTuple

from msgspec import Struct

from openyard_calendars import components, recurrence, text, zones
from openyard_calendars.components import Calendar, Component, Properties, Property
from openyard_calendars.recurrence import FIRST_YEAR, LAST_YEAR, Rule
from openyard_calendars.unreadable import CannotRead

MAX_DATES = 1_000  # of RDATE and EXDATE together
MAX_TITLE = 200  # longer texts are cut; a series would repeat them thousands of times
MAX_TEXT = 4_000
MAX_STATED = 40  # properties of ours
MAX_LENGTH = dt.timedelta(days=366)

_NAMES = frozenset(
    {"UID", "SUMMARY", "DESCRIPTION", "LOCATION", "STATUS", "TRANSP"}
    | {"DTSTART", "DTEND", "DURATION", "RRULE", "EXRULE", "RDATE", "EXDATE", "RECURRENCE-ID"}
    | {"SEQUENCE", "LAST-MODIFIED", "DTSTAMP"}
)
_OURS = "X-OPENYARD-"
_CALENDAR_NAMES = frozenset({"X-WR-TIMEZONE", "METHOD"})
_METHODS = {"", "PUBLISH", "REQUEST", "ADD"}
_STATUSES = {"CONFIRMED", "TENTATIVE"}
_WHEN = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(\d\d)(Z?))?", re.ASCII)
_DURATION = re.compile(
    r"\+?P(?:(\d{1,3})W|(?:(\d{1,3})D)?(?:T(?:(\d{1,5})H)?(?:(\d{1,6})M)?(?:(\d{1,8})S)?)?)",
    re.ASCII,
)
_NUMBER = re.compile(r"\d{1,9}", re.ASCII)
_NEVER = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class When(NamedTuple):
    """A local time in a zone; an all-day one is midnight."""

    local: dt.datetime
    zone: dt.tzinfo
    all_day: bool

    def utc(self) -> dt.datetime:
        return self.local.replace(tzinfo=self.zone).astimezone(dt.UTC)

    def day(self) -> str:
        return f"{self.local:%Y%m%d}"

    def key(self, *, all_day: bool = False) -> str:
        """The same for the same occurrence, whatever zone it is written in.

        ``all_day``: of a series of whole days; some programs write a time even there.
        """
        return self.day() if all_day or self.all_day else f"{self.utc():%Y%m%dT%H%M%SZ}"


class Context(Struct, frozen=True, kw_only=True):
    """What a calendar says for all its events. ``zone``: of times that name none, or why not."""

    method: str
    zone: dt.tzinfo | CannotRead
    zones: Mapping[str, dt.tzinfo]


class Body(Struct, frozen=True, kw_only=True):
    """``length``: exact; of all-day events whole days, counted by the calendar.

    ``stated``: what its ``X-OPENYARD-…`` properties say, by the rest of their names.
    """

    start: When
    length: dt.timedelta
    rule: Rule | None
    rdates: list[When]
    exdates: list[When]
    summary: str
    description: str
    location: str
    status: str
    stated: dict[str, str]
    transparent: bool


class Draft(Struct, frozen=True, kw_only=True):
    """An event as far as it can be read.

    ``recurrence``: which occurrence of its series it replaces; None: it is the series, or alone.
    A CannotRead there leaves open what it replaces, so that nothing of its UID can be trusted.
    """

    uid: str
    sequence: int
    changed_at: dt.datetime
    recurrence: When | CannotRead | None
    body: Body | CannotRead

    def age(self) -> tuple[int, dt.datetime]:
        return self.sequence, self.changed_at


def context(calendar: Calendar, stated_zone: str | None) -> Context:
    """``stated_zone``: what times without a zone mean where the file does not say it."""
    own = zones.defined(one for one in calendar.components if one.name == "VTIMEZONE")
    properties = Properties(calendar.lines, _CALENDAR_NAMES)
    zone: dt.tzinfo | CannotRead = CannotRead("zone_missing", "A time has no zone, nor its file.")
    if named := _lenient(properties, "X-WR-TIMEZONE") or stated_zone:
        try:
            zone = zones.resolve(named, own)
        except CannotRead as error:
            zone = error
    return Context(method=_lenient(properties, "METHOD").upper(), zone=zone, zones=own)


def draft(component: Component, context: Context) -> Draft:
    """A draft of a component; whatever is wrong with it stands in its place.

    Raises:
        CannotRead: it is no event, or has no UID.
    """
    properties = Properties(component.lines, _NAMES)
    uid = uid_of(component)
    if component.name != "VEVENT":
        raise CannotRead("not_an_event", f"{component.name[:40]} is not an event.")
    if not uid:
        raise CannotRead("uid_missing", "The event has no UID: it could not be found again.")
    return Draft(
        uid=uid,
        sequence=_sequence(properties),
        changed_at=max(_stamp(properties, "LAST-MODIFIED"), _stamp(properties, "DTSTAMP")),
        recurrence=_recurrence(component, properties, context),
        body=_body(component, properties, context),
    )


def uid_of(component: Component) -> str:
    """The UID, or nothing where it cannot be read."""
    try:
        return _text(Properties(component.lines, frozenset({"UID"})), "UID").strip()
    except CannotRead:
        return ""


def _recurrence(
    component: Component, properties: Properties, context: Context
) -> When | CannotRead | None:
    try:
        if not component.whole:
            raise CannotRead("unfinished", "The event does not come to its END:VEVENT.")  # noqa: TRY301 - one handler turns every fault into its reason
        found = properties.only("RECURRENCE-ID")
        if not found:
            return None
        if "RANGE" in found.parameters:
            raise CannotRead("range", "Changes to this and all later ones are not taken over.")  # noqa: TRY301 - one handler turns every fault into its reason
        return _when(found, context)
    except CannotRead as error:
        return error


def _body(component: Component, properties: Properties, context: Context) -> Body | CannotRead:
    try:
        status = _status(properties, context)
        found = properties.only("DTSTART")
        if not found:
            raise CannotRead("start_missing", "The event has no DTSTART.")  # noqa: TRY301 - one handler turns every fault into its reason
        start = _when(found, context)
        return Body(
            start=start,
            length=_length(properties, start, context),
            rule=_rule(properties, start),
            rdates=_dates(properties, "RDATE", context),
            exdates=_dates(properties, "EXDATE", context),
            summary=_cut(_text(properties, "SUMMARY"), MAX_TITLE),
            description=_cut(_text(properties, "DESCRIPTION"), MAX_TEXT),
            location=_cut(_text(properties, "LOCATION"), MAX_TITLE),
            status=status,
            stated=_stated(component),
            transparent=_lenient(properties, "TRANSP").upper() == "TRANSPARENT",
        )
    except CannotRead as error:
        return error


def _stated(component: Component) -> dict[str, str]:
    found = components.extensions(component.lines, _OURS)
    if len(found) > MAX_STATED or any(len(value) > MAX_TITLE for value in found.values()):
        raise CannotRead("extensions_too_long", f"There is too much of {_OURS}… properties.")
    return {name: text.unescape(value) for name, value in found.items()}


def _status(properties: Properties, context: Context) -> str:
    status = _text(properties, "STATUS").strip().upper() or "CONFIRMED"
    if context.method == "CANCEL" or status == "CANCELLED":
        raise CannotRead("cancelled", "The event is cancelled.")
    if context.method not in _METHODS:
        raise CannotRead("method", f"METHOD is {context.method[:20]!r}: not an announcement.")
    if status not in _STATUSES:
        raise CannotRead("status_unknown", f"STATUS is {status[:20]!r}.")
    return status


def _when(found: Property, context: Context) -> When:
    return _moment(found.value, found.parameters.get("TZID"), context)


def _moment(value: str, zone_name: str | None, context: Context) -> When:
    match = _WHEN.fullmatch(value.strip())
    try:
        if not match:
            raise ValueError(value)  # noqa: TRY301 - one handler turns every fault into its reason
        *numbers, utc = match.groups()
        local = dt.datetime(*(int(number or 0) for number in numbers))  # type: ignore[arg-type] # noqa: DTZ001 - local time, its zone comes later
    except ValueError as error:
        raise CannotRead("time_malformed", f"{value[:40]!r} is not a time.") from error
    if not FIRST_YEAR <= local.year <= LAST_YEAR:
        raise CannotRead("year", f"The year {local.year} is not in {FIRST_YEAR} to {LAST_YEAR}.")
    zone = dt.UTC if utc else zones.resolve(zone_name, context.zones) if zone_name else context.zone
    if isinstance(zone, CannotRead):
        raise zone
    return When(local, zone, all_day=numbers[3] is None)


def _length(properties: Properties, start: When, context: Context) -> dt.timedelta:
    end, duration = properties.only("DTEND"), properties.only("DURATION")
    if end:
        ends = _when(end, context)
        if ends.all_day != start.all_day:
            raise CannotRead("end_malformed", "Of start and end, one is a day and one a time.")
        length = ends.local - start.local if start.all_day else ends.utc() - start.utc()
    elif duration:
        length = _duration(duration.value)
    elif start.all_day:
        length = dt.timedelta(days=1)
    else:
        raise CannotRead("end_missing", "The event has neither DTEND nor DURATION.")
    if length <= dt.timedelta(0):
        raise CannotRead("ends_before_start", "The event does not end after it starts.")
    if length > MAX_LENGTH or (start.all_day and length % dt.timedelta(days=1)):
        raise CannotRead("length", "The event is longer than a year, or not of whole days.")
    return length


def _duration(value: str) -> dt.timedelta:
    match = _DURATION.fullmatch(value.strip().upper())
    if not match or not any(match.groups()):
        raise CannotRead("duration_malformed", f"{value[:40]!r} is not a duration.")
    weeks, days, hours, minutes, seconds = (int(number or 0) for number in match.groups())
    return dt.timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)


def _rule(properties: Properties, start: When) -> Rule | None:
    if properties.first("EXRULE"):
        raise CannotRead("exrule", "Rules of exclusion (EXRULE) are not taken over.")
    found = properties.only("RRULE")
    return recurrence.parse(found.value, start.zone) if found else None


def _dates(properties: Properties, name: str, context: Context) -> list[When]:
    dates: list[When] = []
    for found in properties.every(name):
        if found.value.count(",") + len(dates) >= MAX_DATES:
            raise CannotRead("dates_too_many", f"{name} holds more than {MAX_DATES:,} dates.")
        if "/" in found.value:
            raise CannotRead("period", f"Periods in {name} are not taken over.")
        values = filter(None, found.value.split(","))
        dates += [_moment(value, found.parameters.get("TZID"), context) for value in values]
    return dates


def _cut(value: str, most: int) -> str:
    value = value.strip()
    return value if len(value) <= most else value[: most - 1] + "…"


def _sequence(properties: Properties) -> int:
    value = _lenient(properties, "SEQUENCE")
    return int(value) if _NUMBER.fullmatch(value) else 0


def _stamp(properties: Properties, name: str) -> dt.datetime:
    """When it was changed; what cannot be read counts as never."""
    try:
        local = dt.datetime.strptime(_lenient(properties, name)[:15], "%Y%m%dT%H%M%S")  # noqa: DTZ007 - local time, its zone comes later
    except ValueError:
        return _NEVER
    return min(max(local.replace(tzinfo=dt.UTC), _NEVER), _NEVER.replace(year=LAST_YEAR))


def _lenient(properties: Properties, name: str) -> str:
    try:
        return _text(properties, name).strip()
    except CannotRead:
        return ""


def _text(properties: Properties, name: str) -> str:
    found = properties.first(name)
    return text.unescape(found.value) if found else ""
