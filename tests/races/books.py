"""The books of a yard: what the tables hold of it, and what its audit log tells."""

from collections import Counter, defaultdict
from typing import Any

import asyncpg
import msgspec
from msgspec import Struct, field

from openyard_platform.domain.reservations import HOLDING
from tests.races.yards import Yard

# What an entry in the audit log makes of a reservation, where it is not called the same.
_STATUS = {"promoted": "confirmed", "reconfirmed": "confirmed", "displaced": "waitlisted"}


class Books(Struct, kw_only=True):
    """What the tables hold of a yard. Ids are text."""

    slots: dict[str, Any]
    reservations: dict[str, Any]
    audit: list[Any]
    keys: dict[str, list[str]]
    aliases: set[str]
    receipts: dict[str, list[Any]]
    parties: dict[tuple[str, str], list[Any]]
    notifications: Counter[str]
    fragments: dict[str, Any]


class Story(Struct, kw_only=True):
    """What the audit log says of a reservation. ``places``: (slot, position), one after another."""

    statuses: list[str] = field(default_factory=list)
    places: list[tuple[str, int]] = field(default_factory=list)
    decided: int = 0
    amended: int = 0


class Journal(Struct, kw_only=True):
    """The audit log, read once from its beginning.

    ``line``: by slot, each position as it was given out: (position, at, reservation).
    ``expected``: the facts that follow, by type and subject.
    """

    stories: dict[str, Story] = field(default_factory=lambda: defaultdict(Story))
    line: dict[str, list[tuple[int, Any, str]]] = field(default_factory=lambda: defaultdict(list))
    expected: Counter[tuple[str, str]] = field(default_factory=Counter)
    actions: Counter[tuple[str, str]] = field(default_factory=Counter)


async def open_books(connection: asyncpg.Connection, yard: Yard) -> Books:
    externals = [one.external_id for one in yard.statements]
    slots = await connection.fetch("SELECT * FROM slot WHERE external_id = ANY($1)", externals)
    ids = [row["id"] for row in slots]
    reservations = await connection.fetch("SELECT * FROM reservation WHERE slot_id = ANY($1)", ids)
    subjects = [*ids, *(row["id"] for row in reservations)]
    audit = await connection.fetch(
        "SELECT * FROM audit WHERE subject_id = ANY($1) ORDER BY id", subjects
    )
    keys: dict[str, list[str]] = defaultdict(list)
    for row in await connection.fetch(
        "SELECT key, reservation_id FROM idempotency WHERE key = ANY($1)",
        [ask.key for ask in yard.asks if ask.key],
    ):
        keys[row["key"]].append(str(row["reservation_id"]))
    aliases = await connection.fetch(
        "SELECT id FROM reservation_alias WHERE reservation_id = ANY($1)", subjects
    )
    receipts: dict[str, list[Any]] = defaultdict(list)
    for row in await connection.fetch(
        "SELECT * FROM receipt WHERE id = ANY($1)", [one.ce_id for one in yard.statements]
    ):
        receipts[row["id"]].append(row)
    parties: dict[tuple[str, str], list[Any]] = defaultdict(list)
    for row in await connection.fetch(
        """SELECT slot_id, reservation_id, isempty(during) AS waits FROM party_occupancy
           WHERE slot_id = ANY($1)""",
        ids,
    ):
        parties[str(row["slot_id"]), str(row["reservation_id"])].append(row)
    messages = await connection.fetch(
        "SELECT dedupe FROM notification WHERE slot_id = ANY($1)", ids
    )
    fragments = await connection.fetch(
        """SELECT r.id, f.starts_at, f.cancelled_at FROM reservation r JOIN feed_fragment f
           ON f.owner_id = r.holder_id AND f.uid = 'reservation-' || r.id || '@openyard'
           WHERE r.slot_id = ANY($1)""",
        ids,
    )
    return Books(
        slots={str(row["id"]): row for row in slots},
        reservations={str(row["id"]): row for row in reservations},
        audit=list(audit),
        keys=keys,
        aliases={str(row["id"]) for row in aliases},
        receipts=receipts,
        parties=parties,
        notifications=Counter(row["dedupe"] for row in messages),
        fragments={str(row["id"]): row for row in fragments},
    )


def read(books: Books, yard: Yard) -> Journal:
    """Follow the audit log: who stood where when, and which facts must have followed."""
    tells = {(one.external_id, one.version): one.tells for one in yard.statements}
    journal = Journal()
    holding: dict[str, set[str]] = defaultdict(set)
    for entry in books.audit:
        subject, detail = str(entry["subject_id"]), msgspec.json.decode(entry["detail"])
        noun, _, verb = entry["action"].partition(".")
        journal.actions[entry["action"], subject] += 1
        if noun == "slot":
            verb = "updated" if verb == "changed" else verb
            journal.expected[f"openyard.slot.{verb}.v1", subject] += 1
            if tells.get((detail["external_id"], detail["version"])):
                for holder in holding[subject]:
                    journal.expected["openyard.reservation.changed.v1", holder] += 1
            continue
        fact = "changed" if verb == "reconfirmed" else verb
        journal.expected[f"openyard.reservation.{fact}.v1", subject] += 1
        story = journal.stories[subject]
        before = story.places[-1] if story.places else None
        story.decided += verb in {"confirmed", "waitlisted", "refused"}
        story.amended += verb == "amended"
        if verb != "amended":
            story.statuses.append(_STATUS.get(verb, verb))
        if "slot" in detail:
            place = (detail["slot"], detail["position"])
            if place != before:
                story.places.append(place)
                journal.line[place[0]].append((place[1], entry["at"], subject))
                if before is not None:
                    # It has moved, and both slots say so.
                    journal.expected["openyard.slot.updated.v1", before[0]] += 1
                    holding[before[0]].discard(subject)
                    story.statuses.append("confirmed")
        slot = story.places[-1][0] if story.places else ""
        if story.statuses and story.statuses[-1] in HOLDING:
            holding[slot].add(subject)
        else:
            holding[slot].discard(subject)
    return journal
