"""What nearly every batch comes to: new reservations, their places, counters, facts, audit entries.

Each is a statement of its own where a batch has more to write. Where it has not, one statement does
all of it: a round trip costs as much as deciding five commands.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import asyncpg
import msgspec

from openyard_platform import ids
from openyard_platform.domain.slots import Slot
from openyard_platform.domain.state import Decisions
from openyard_platform.store import decided_reservations

_to_json = msgspec.json.Encoder(decimal_format="number").encode


class Collision(Exception):
    """A constraint met what another transaction wrote first: reload and decide again."""


def fits(decisions: Decisions) -> bool:
    """Whether there is nothing but what ``write`` writes."""
    return (
        bool(decisions.new_reservations and decisions.changed_slots)
        and not any(getattr(decisions, name) for name in _OTHERS)
        and all(map(decided_reservations.is_usual, decisions.new_reservations.values()))
    )


async def write(connection: Any, decisions: Decisions) -> None:
    """All of it in one round trip. Order does not matter: no part of it reads another.

    Raises:
        Collision: a party is taken after all; nothing may be kept.
    """
    arguments = (
        *counts(list(decisions.changed_slots.values())),
        *decided_reservations.usual_columns(decisions.new_reservations.values()),
        *_facts(decisions),
        *_entries(decisions),
    )
    await _placed(connection, _WRITE, (*_places(decisions), *arguments), decisions)


async def place(connection: Any, decisions: Decisions) -> None:
    """Where parties are from now on.

    Raises:
        Collision: a party is somewhere else at that time, or has to do with the slot already.
    """
    await _placed(connection, _PLACE_ALONE, _places(decisions), decisions)


async def tell(connection: Any, decisions: Decisions) -> None:
    """The facts for the bus and the entries of the audit log; one round trip for both."""
    if decisions.facts or decisions.audit:
        await connection.execute(_TELL_AND_NOTE, *_facts(decisions), *_entries(decisions))


async def _placed(
    connection: Any, sql: str, arguments: Sequence[Any], decisions: Decisions
) -> None:
    """``sql`` tells how many parties it has placed."""
    try:
        placed = await connection.fetchval(sql, *arguments)
    except asyncpg.ExclusionViolationError as error:
        raise Collision("A party is somewhere else at that time.") from error
    if placed < len(decisions.party_occupancies):
        raise Collision("A party has to do with the slot already.")


def _texts(values: Iterable[object]) -> list[str]:
    """Lists as JSON text: in an array of jsonb, a list would be taken for a further dimension."""
    return [_to_json(value).decode() for value in values]


def counts(slots: Sequence[Slot]) -> tuple[list[Any], ...]:
    return (
        [slot.id for slot in slots],
        [slot.taken for slot in slots],
        [slot.waiting for slot in slots],
        [slot.decided for slot in slots],
        [slot.revision for slot in slots],
        [slot.updated_at for slot in slots],
        [slot.due_at for slot in slots],
    )


def _places(decisions: Decisions) -> tuple[list[Any], ...]:
    """By party, as they are locked."""
    taken = sorted(decisions.party_occupancies.items(), key=lambda item: item[0][1])
    spans = [one.span or (None, None) for _, one in taken]
    return (
        [reservation_id for (reservation_id, _), _ in taken],
        [no for (_, no), _ in taken],
        [one.slot_id for _, one in taken],
        [lo for lo, _ in spans],
        [hi for _, hi in spans],
    )


def _facts(decisions: Decisions) -> tuple[list[Any], ...]:
    tags = [str(fact.__struct_config__.tag) for _, _, fact in decisions.facts]
    return (
        [ids.new() for _ in tags],
        [
            f"fact.{district}.{'.'.join(tag.split('.')[1:3])}"
            for (district, _, _), tag in zip(decisions.facts, tags, strict=True)
        ],
        tags,
        _texts(fact for _, _, fact in decisions.facts),
        [at for _, at, _ in decisions.facts],
    )


def _entries(decisions: Decisions) -> tuple[list[Any], ...]:
    return (
        [entry.at for entry in decisions.audit],
        [entry.actor_id for entry in decisions.audit],
        [entry.action for entry in decisions.audit],
        [entry.subject_id for entry in decisions.audit],
        _texts(entry.detail for entry in decisions.audit),
    )


COUNT = """
    UPDATE slot s SET taken = q.taken, waiting = q.waiting, decided = q.decided,
        revision = q.revision, updated_at = q.updated_at, due_at = q.due_at
    FROM unnest($1::uuid[], $2::int[], $3::int[], $4::int8[], $5::int8[], $6::timestamptz[],
                $7::timestamptz[]) AS q (id, taken, waiting, decided, revision, updated_at, due_at)
    WHERE s.id = q.id
"""
_PLACE = """
    INSERT INTO party_occupancy (reservation_id, party_no, slot_id, during)
    SELECT reservation_id, no, slot_id,
        CASE WHEN lo IS NULL THEN 'empty' ELSE int4range(lo, hi) END
    FROM unnest($1::uuid[], $2::int[], $3::uuid[], $4::int[], $5::int[])
        AS q (reservation_id, no, slot_id, lo, hi)
    ON CONFLICT DO NOTHING RETURNING 1
"""
_TELL = """
    INSERT INTO outbox (event_id, subject, type, body, at)
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::timestamptz[])
"""
_NOTE = """
    INSERT INTO audit (at, actor_id, action, subject_id, detail)
    SELECT at, actor_id, action, subject_id, detail::jsonb
    FROM unnest($1::timestamptz[], $2::uuid[], $3::text[], $4::uuid[], $5::text[])
        AS q (at, actor_id, action, subject_id, detail)
"""


def _at_once(first: str, *others: str) -> str:
    """One statement of several, with the arguments of all in order; tells the rows of ``first``."""
    parts: list[str] = []
    shift = 0
    for sql in (first, *others):
        parts.append(_renumbered(sql, shift))
        shift += len(set(re.findall(r"\$\d+", sql)))
    named = ", ".join(f"part_{number} AS ({sql})" for number, sql in enumerate(parts))
    return f"WITH {named} SELECT count(*) FROM part_0"  # noqa: S608 - made of constants


def _renumbered(sql: str, shift: int) -> str:
    return re.sub(r"\$(\d+)", lambda number: f"${int(number[1]) + shift}", sql)


_PLACE_ALONE = _at_once(_PLACE)
_TELL_AND_NOTE = _at_once(f"{_TELL} RETURNING 1", _NOTE)
_WRITE = _at_once(_PLACE, COUNT, decided_reservations.INSERT_USUAL, _TELL, _NOTE)
_USUAL = {"changed_slots", "new_reservations", "party_occupancies", "facts", "audit", "outcomes"}
_OTHERS = [name for name in Decisions.__struct_fields__ if name not in _USUAL]
