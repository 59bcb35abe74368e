"""A venue's .ics file as plain events; what we do not take over is named, with its reason."""

import datetime as dt

from msgspec import Struct, field

from openyard_calendars import components, drafts, occurrences
from openyard_calendars.components import Calendar
from openyard_calendars.drafts import Body, Draft, When
from openyard_calendars.unreadable import CannotRead, Unreadable

MAX_BYTES = 5_000_000
MAX_EVENTS = 5_000
MAX_OCCURRENCES = 10_000  # of all series of a file together
MAX_COST = 1_000_000  # of following a file's rules, about a second: see _Series.cost


_OCCURRENCE_COST = 10
_SUPERSEDED = CannotRead("superseded", "Another event of the same UID is newer.")


class ReadEvent(Struct, frozen=True, kw_only=True, tag="event"):
    """One event, or one occurrence of a series. Times are in UTC.

    ``recurrence_key``: which occurrence, by the start its series gives it; None: not of a series.
    ``sequence``, ``changed_at``: the greatest of its UID, since a change to a series may be written
    down in any of its parts. ``status``: ``CONFIRMED`` or ``TENTATIVE``.
    ``all_day``: from midnight to midnight in the event's zone. ``stated``: what its
    ``X-OPENYARD-…`` properties say, by the rest of their names.
    ``transparent``: it stands in the calendar and makes nobody busy.
    """

    uid: str
    recurrence_key: str | None
    summary: str
    description: str
    location: str
    starts_at: dt.datetime
    ends_at: dt.datetime
    all_day: bool
    status: str
    sequence: int
    changed_at: dt.datetime
    stated: dict[str, str] = {}
    transparent: bool = False


class _Series(Struct, kw_only=True):
    """What came of one UID so far.

    ``cost``: of what was read so far, in days looked at, each occurrence as ten.
    """

    uid: str
    sequence: int
    changed_at: dt.datetime
    events: list[ReadEvent] = field(default_factory=list)
    unreadable: list[Unreadable] = field(default_factory=list)
    cost: int = 0

    def refuse(self, reason: CannotRead) -> None:
        self.unreadable.append(reason.of(self.uid))

    def add(self, body: Body, start: When, key: str | None) -> None:
        if start.all_day:
            ends_at = start._replace(local=start.local + body.length).utc()
        else:
            ends_at = start.utc() + body.length
        self.events.append(
            ReadEvent(
                uid=self.uid,
                recurrence_key=key,
                summary=body.summary,
                description=body.description,
                location=body.location,
                starts_at=start.utc(),
                ends_at=ends_at,
                all_day=start.all_day,
                status=body.status,
                sequence=self.sequence,
                changed_at=self.changed_at,
                stated=body.stated,
                transparent=body.transparent,
            )
        )


def read(
    data: bytes, *, zone: str | None = None, until: dt.datetime | None = None
) -> list[ReadEvent | Unreadable]:
    """Every event of a file, or the reason why not; never raises, whatever the bytes are.

    ``zone``: what times without one mean where the file does not say it.
    ``until``: how far series are followed; without it, those that never end are refused.
    """
    if len(data) > MAX_BYTES:
        message = f"The file has {len(data):,} bytes; at most {MAX_BYTES:,} are read."
        return [CannotRead("too_large", message).of("")]
    calendars = components.split(data)
    count = sum(len(calendar.components) for calendar in calendars)
    if count > MAX_EVENTS:
        message = f"The file has {count:,} components; at most {MAX_EVENTS:,} are read."
        return [CannotRead("too_many_events", message).of("")]
    found = [one for calendar in calendars for one in _drafts(calendar, zone)]
    if not found:
        return [CannotRead("no_events", "There is no event in it, or it is no calendar.").of("")]
    unreadable = [one for one in found if isinstance(one, Unreadable)]
    return [*unreadable, *_read_each([one for one in found if isinstance(one, Draft)], until)]


def _drafts(calendar: Calendar, zone: str | None) -> list[Draft | Unreadable]:
    context = drafts.context(calendar, zone)
    found: list[Draft | Unreadable] = []
    for component in calendar.components:
        if component.name == "VTIMEZONE":
            continue
        try:
            found.append(drafts.draft(component, context))
        except CannotRead as error:
            found.append(error.of(drafts.uid_of(component)))
    return found


def _read_each(found: list[Draft], until: dt.datetime | None) -> list[ReadEvent | Unreadable]:
    by_uid: dict[str, list[Draft]] = {}
    for draft in found:
        by_uid.setdefault(draft.uid, []).append(draft)
    results: list[ReadEvent | Unreadable] = []
    cost = 0
    for uid, group in by_uid.items():
        series = _Series(
            uid=uid,
            changed_at=max(draft.changed_at for draft in group),
            sequence=max(draft.sequence for draft in group),
            cost=cost,
        )
        try:
            _read_series(series, group, until)
            if len(results) + len(series.events) > MAX_OCCURRENCES:
                raise CannotRead("too_many_events", "The file gives too many occurrences.")  # noqa: TRY301 - one handler turns every fault into its reason
            results += [*series.events, *series.unreadable]
        except CannotRead as error:
            results.append(error.of(uid))
        cost = series.cost + _OCCURRENCE_COST * len(series.events)
    return results


def _read_series(series: _Series, group: list[Draft], until: dt.datetime | None) -> None:
    """All that a file says under one UID.

    Raises:
        CannotRead: it cannot be trusted as a whole, or follows no rule of ours.
    """
    mains = [draft for draft in group if draft.recurrence is None]
    main = _newest(series, mains)
    all_day = main is not None and isinstance(main.body, Body) and main.body.start.all_day
    by_key: dict[str, list[Draft]] = {}
    for draft in group:
        if isinstance(draft.recurrence, CannotRead):
            raise draft.recurrence
        if draft.recurrence:
            by_key.setdefault(draft.recurrence.key(all_day=all_day), []).append(draft)
    changes = {key: newest for key, some in by_key.items() if (newest := _newest(series, some))}
    if main:
        changes = _follow(series, main, changes, until)
    for key, change in changes.items():
        _add(series, change, key)
    if not series.events and not series.unreadable:
        raise CannotRead("no_occurrences", "The series leaves out each of its occurrences.")


def _newest(series: _Series, drafts_of_one: list[Draft]) -> Draft | None:
    for _ in drafts_of_one[1:]:
        series.refuse(_SUPERSEDED)
    # Of equally old ones the later in the file.
    return max(reversed(drafts_of_one), key=Draft.age, default=None)


def _follow(
    series: _Series, main: Draft, changes: dict[str, Draft], until: dt.datetime | None
) -> dict[str, Draft]:
    """Add each occurrence, changed or not; returns the changes to none of them.

    Raises:
        CannotRead: the series itself is not taken over.
    """
    if isinstance(main.body, CannotRead):
        raise main.body
    alone = not changes and main.body.rule is None and not main.body.rdates
    all_day = main.body.start.all_day
    excluded = {moment.key(all_day=all_day) for moment in main.body.exdates}
    left = dict(changes)
    for start in _starts(series, main.body, until):
        keys = {start.key(), start.day()}
        if keys & excluded:
            continue
        change = left.pop(start.key(), None) or left.pop(start.day(), None)
        if change:
            _add(series, change, start.key())
        else:
            series.add(main.body, start, None if alone else start.key())
    for key in [key for key, change in left.items() if change.sequence < main.sequence]:
        # A newer series no longer has the occurrence that was changed.
        series.refuse(_SUPERSEDED)
        del left[key]
    return left


def _starts(series: _Series, body: Body, until: dt.datetime | None) -> list[When]:
    zone = body.start.zone
    if any(moment.all_day != body.start.all_day for moment in body.rdates):
        raise CannotRead("dates_malformed", "Of DTSTART and RDATE, one is a day and one a time.")
    times = {moment.utc().astimezone(zone).replace(tzinfo=None) for moment in body.rdates}
    if body.rule:
        if series.cost > MAX_COST:
            raise CannotRead("too_costly", "The rules of this file take too long.")
        horizon = until.astimezone(zone).replace(tzinfo=None) if until else None
        followed = occurrences.starts(body.rule, body.start.local, horizon)
        times.update(followed.times)
        series.cost += followed.looked
        if followed.cut:
            series.refuse(CannotRead("beyond_horizon", f"Not followed after {until:%Y-%m-%d}."))
    else:
        times.add(body.start.local)
    if not times:
        raise CannotRead("no_occurrences", "The rule ends before the event starts.")
    return [body.start._replace(local=local) for local in sorted(times)]


def _add(series: _Series, draft: Draft, key: str) -> None:
    """One occurrence that is written down by itself."""
    if isinstance(draft.body, CannotRead):
        series.refuse(draft.body)
    else:
        series.add(draft.body, draft.body.start, key)
