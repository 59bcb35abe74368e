"""The reckoning: everything that was asked in a yard, against everything that is stored of it."""

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

import asyncpg
import msgspec
from msgspec import Struct

from openyard_events.contracts import ReservationAmended, ReservationFact
from openyard_platform.domain import notifications
from openyard_platform.domain.reservations import HOLDING, LIVE
from tests.races.books import Books, Journal, Story, open_books, read
from tests.races.watches import Heard, Told
from tests.races.yards import Ask, Statement, Yard

# What a reservation has become when it was done.
_ENDS = {"cancel": "cancelled", "accept": "confirmed", "decline": "declined"}


class Finding(Struct, frozen=True):
    """Something that does not add up. ``of``: what was asked, where one can say."""

    kind: Literal["lost", "twice", "order", "wrong"]
    text: str
    of: Ask | Statement | None = None


async def reckon(
    connection: asyncpg.Connection,
    yard: Yard,
    facts: Mapping[str, Sequence[Told]],
    line: Mapping[str, Sequence[Heard]],
) -> list[Finding]:
    """Everything that does not add up, once all is quiet."""
    books = await open_books(connection, yard)
    journal = read(books, yard)
    told = {slot: _once(facts.get(slot, ())) for slot in books.slots}
    return [
        *(Finding("wrong", strange) for strange in yard.strange),
        *_asks(yard, books, journal),
        *_changes(yard, journal),
        *_statements(yard, books, journal),
        *_lines(books, journal, line),
        *_counts(books, journal),
        *_facts(books, journal, told),
        *_notifications(books, told),
        *_calendars(books, journal),
    ]


def _asks(yard: Yard, books: Books, journal: Journal) -> Iterator[Finding]:
    """Each request has one outcome, and the one that was told."""
    known = books.reservations.keys() | books.aliases
    wanted = set()
    for ask in yard.asks:
        if ask.answered is None:
            yield Finding("lost", f"never answered: {ask}", ask)
            continue
        story = journal.stories[ask.reservation]
        wanted.add(ask.reservation)
        if ask.reservation not in books.reservations:
            yield Finding("lost", f"not in the tables: {ask}", ask)
        elif ask.kind == "reserve":
            yield from _reserved(ask, books, story)
        elif ask.kind in _ENDS and ask.status == 200 and _ENDS[ask.kind] not in story.statuses:
            yield Finding("lost", f"not done: {ask}, {story}", ask)
        for promised in set(ask.queued) - known:
            yield Finding("lost", f"202 for {promised}, and no decision: {ask}", ask)
    for extra in books.reservations.keys() - wanted:
        yield Finding("twice", f"nobody was told of {books.reservations[extra]}")


def _reserved(ask: Ask, books: Books, story: Story) -> Iterator[Finding]:
    row, told = books.reservations[ask.reservation], ask.told
    if story.decided != 1:
        yield Finding("twice" if story.decided else "lost", f"{story}: {ask}", ask)
    if books.keys[ask.key] != [ask.reservation]:
        yield Finding("wrong", f"the key leads to {books.keys[ask.key]}: {ask}", ask)
    if str(row["seats"]) != str(ask.seats) and not story.amended:
        yield Finding("wrong", f"{row['seats']} seats: {ask}", ask)
    if ask.status == 409:
        codes = [refusal["code"] for refusal in msgspec.json.decode(row["refusals"])]
        if row["status"] != "refused" or codes != [one["code"] for one in told["refusals"]]:
            yield Finding("wrong", f"{row['status']} {codes}: {ask}", ask)
    elif told["status"] not in story.statuses:
        yield Finding("wrong", f"it never was what was told: {ask}, {story}", ask)
    if story.places and told["position"] != story.places[0][1]:
        yield Finding("wrong", f"position {story.places[0][1]}: {ask}", ask)


def _changes(yard: Yard, journal: Journal) -> Iterator[Finding]:
    """Each change that was granted was made, once."""
    least: Counter[str] = Counter()
    most: Counter[str] = Counter()
    for ask in yard.asks:
        if ask.kind == "change":
            least[ask.reservation] += ask.status == 200
            # Said again, it may be refused for what came between; then the first one counted.
            most[ask.reservation] += ask.status == 200 or ask.tries > 1
    for reservation, story in journal.stories.items():
        if story.amended < least[reservation]:
            yield Finding("lost", f"{story.amended} of {least[reservation]} changes: {reservation}")
        if story.amended > most[reservation]:
            yield Finding("twice", f"{story.amended} for {most[reservation]}: {reservation}")


def _statements(yard: Yard, books: Books, journal: Journal) -> Iterator[Finding]:
    """Each message of a venue has its receipt and its effect."""
    by_external = {row["external_id"]: row for row in books.slots.values()}
    said: Counter[tuple[str, str]] = Counter()
    last: dict[str, int] = {}
    for one in yard.statements:
        rows = books.receipts[one.ce_id]
        if one.receipt is None or len(rows) != 1:
            yield Finding("twice" if len(rows) > 1 else "lost", f"receipts {rows}: {one}", one)
            continue
        (row,) = rows
        stored = (row["status"], row["slot_id"], row["version"])
        if stored != (one.receipt.status, one.receipt.slot_id, one.receipt.version):
            yield Finding("wrong", f"the receipt says {stored}: {one}", one)
        action = {"offer": "slot.opened", "change": "slot.changed", "withdraw": "slot.closed"}
        said[action[one.kind], str(one.receipt.slot_id)] += 1
        last[one.external_id] = max(last.get(one.external_id, 0), one.version)
    done = Counter({key: n for key, n in journal.actions.items() if key[0].startswith("slot.")})
    yield from _compared(said, done, "stated")
    for external, version in last.items():
        slot = by_external.get(external)
        if slot is None or slot["version"] != version:
            yield Finding("lost", f"version {version} of {external} is not there: {slot}")


def _lines(
    books: Books, journal: Journal, heard: Mapping[str, Sequence[Heard]]
) -> Iterator[Finding]:
    """Positions are dense, and in the order of acceptance."""
    for slot, row in books.slots.items():
        line = sorted(journal.line[slot])
        positions = [position for position, _, _ in line]
        if positions != list(range(1, row["decided"] + 1)):
            kind: Any = "twice" if len(positions) > len(set(positions)) else "lost"
            yield Finding(kind, f"{slot}: positions {positions} of {row['decided']}")
        moments = [at for _, at, _ in line]
        if moments != sorted(moments):
            yield Finding("order", f"{slot}: positions do not follow the time of acceptance")
        first: dict[str, Heard] = {}
        for one in heard.get(slot, ()):
            first.setdefault(one.id, one)
        for known in first.keys() - books.reservations.keys() - books.aliases:
            yield Finding("lost", f"{slot}: {known} was accepted and not decided")
        for strange in _overtaken(line, first):
            yield Finding("order", f"{slot}: {strange}")


def _overtaken(
    line: Sequence[tuple[int, dt.datetime, str]], first: Mapping[str, Heard]
) -> Iterator[str]:
    """What was not decided when it was first accepted. ``first``: in the order of that."""
    # One that has moved away and come back stands in it twice: its first place counts here.
    place = {reservation: (position, at) for position, at, reservation in reversed(line)}
    in_line = []
    for known, heard in first.items():
        if known not in place:
            continue
        position, at = place[known]
        if at == heard.at:
            in_line.append(position)
        elif at > heard.at:
            yield f"accepted at {heard.at} and passed over: {position} at {at}"
        elif not any(gap.after <= at <= gap.before for gap in heard.gaps):
            yield f"accepted at {heard.at} and not before: {position} at {at}"
    if in_line != sorted(in_line):
        yield f"positions in the order of acceptance: {in_line}"


def _counts(books: Books, journal: Journal) -> Iterator[Finding]:
    """Seats, waiting parties and parties' whereabouts add up; each row ends as its story."""
    taken: Counter[str] = Counter()
    waiting: Counter[str] = Counter()
    live = set()
    for known, row in books.reservations.items():
        slot, status = str(row["slot_id"]), row["status"]
        if journal.stories[known].statuses[-1:] != [status]:
            yield Finding("wrong", f"{known} is {status}: {journal.stories[known]}")
        if status in HOLDING:
            taken[slot] += row["held"]
        if status == "waitlisted":
            waiting[slot] += 1
        if status in LIVE:
            live.add((slot, known))
            rows = books.parties.get((slot, known), [])
            may_wait = status == "waitlisted" or row["needs_reconfirm"]
            if len(rows) != 1 or (rows[0]["waits"] and not may_wait):
                yield Finding("wrong", f"{known} is {status}, its party: {rows}")
    for extra in books.parties.keys() - live:
        yield Finding("wrong", f"a party is held by {extra}, which has ended")
    for slot, row in books.slots.items():
        if (row["taken"], row["waiting"]) != (taken[slot], waiting[slot]):
            counted = (taken[slot], waiting[slot])
            yield Finding("wrong", f"{slot}: {row['taken']}, {row['waiting']} is not {counted}")


def _once(told: Iterable[Told]) -> list[Told]:
    """Each event at its first coming."""
    seen: dict[str, Told] = {}
    for one in told:
        seen.setdefault(one.event_id, one)
    return [*seen.values()]


def _facts(books: Books, journal: Journal, told: Mapping[str, Sequence[Told]]) -> Iterator[Finding]:
    """The stream holds each fact once, and those of a slot in the order of its revisions."""
    found: Counter[tuple[str, str]] = Counter()
    for slot, facts in told.items():
        revision = 0
        for one in facts:
            fact = one.fact
            about = fact.reservation_id if isinstance(fact, ReservationFact) else fact.slot_id
            found[str(fact.__struct_config__.tag), str(about)] += 1
            if fact.slot_revision < revision:
                yield Finding("order", f"{slot}: revision {fact.slot_revision} after {revision}")
            # Only a reservation that comes from another slot may take the number up.
            if fact.slot_revision > revision + 1 and not isinstance(fact, ReservationAmended):
                yield Finding("lost", f"{slot}: from {revision} to {fact.slot_revision}")
            revision = max(revision, fact.slot_revision)
        if revision != books.slots[slot]["revision"]:
            yield Finding("lost", f"{slot}: the last fact says {revision}")
    yield from _compared(journal.expected, found, "fact")


def _notifications(books: Books, told: Mapping[str, Sequence[Told]]) -> Iterator[Finding]:
    """Whoever a fact concerns was told of it once."""
    occasions = (notifications.occasion(one.fact) for facts in told.values() for one in facts)
    expected = Counter({one.dedupe: 1 for one in occasions if one is not None})
    yield from _compared(expected, books.notifications, "notification")


def _calendars(books: Books, journal: Journal) -> Iterator[Finding]:
    """What was ever confirmed stands in its holder's calendar as it is now."""
    for known, row in books.reservations.items():
        fragment = books.fragments.get(known)
        ever = "confirmed" in journal.stories[known].statuses
        if row["status"] == "confirmed":
            starts_at = books.slots[str(row["slot_id"])]["starts_at"]
            if fragment is None:
                yield Finding("lost", f"{known} is confirmed and in no calendar")
            elif (fragment["starts_at"], fragment["cancelled_at"]) != (starts_at, None):
                yield Finding("wrong", f"{known}: the calendar says {fragment}")
        elif fragment is not None and not ever:
            yield Finding("wrong", f"{known} is {row['status']} and in a calendar")
        elif fragment is not None and fragment["cancelled_at"] is None:
            yield Finding("lost", f"{known} is {row['status']}; its calendar does not say so")


def _compared(expected: Counter[Any], found: Counter[Any], what: str) -> Iterator[Finding]:
    for key in (expected - found).elements():
        yield Finding("lost", f"{what} is missing: {key}")
    for key in (found - expected).elements():
        yield Finding("twice", f"{what} too many: {key}")
