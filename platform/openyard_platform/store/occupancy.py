"""What is in the spaces of a venue at given times, as far as a batch of decisions needs it."""

from collections.abc import Sequence
from typing import Any

from openyard_calendars import intervals
from openyard_platform.domain.slots import Space
from openyard_platform.domain.state import State
from openyard_platform.store import spaces


async def load(
    connection: Any, state: State, wanted: Sequence[tuple[Space, tuple[int, int]]]
) -> None:
    """Who has these spaces at these times (minutes since 2000-01-01 UTC), and what they are called.

    What is there already is not added again.
    """
    await _load_exclusive(connection, state, wanted)
    await _load_shared(connection, state, wanted)


async def load_claims(connection: Any, state: State) -> None:
    """What else is in the spaces of the loaded slots that claim theirs on booking."""
    claiming = [one for one in state.slots.values() if one.claims_on_booking]
    if not claiming:
        return
    missing = {one.venue_id for one in claiming} - {venue_id for venue_id, _ in state.spaces}
    if missing:
        state.spaces |= await spaces.of_venues(connection, missing)
    wanted = [
        (space, slot.occupied) for slot in claiming if (space := state.space_of(slot)) is not None
    ]
    await load(connection, state, wanted)


async def _load_exclusive(
    connection: Any, state: State, wanted: Sequence[tuple[Space, tuple[int, int]]]
) -> None:
    ranges = {
        intervals.numbered(leaf, span)
        for space, span in wanted
        for leaf in space.leaves
        if leaf not in space.shared
    }
    if not ranges:
        return
    for row in await connection.fetch(
        """SELECT DISTINCT p.slot_id, lower(p.during) AS lo, upper(p.during) AS hi, s.external_id
           FROM unnest($1::int8[], $2::int8[]) AS q (lo, hi)
           JOIN slot_occupancy p ON p.during && int8range(q.lo, q.hi)
           JOIN slot s ON s.id = p.slot_id""",
        [lo for lo, _ in ranges],
        [hi for _, hi in ranges],
    ):
        number, pair = _unnumbered(row["lo"], row["hi"])
        busy = state.space_busy.setdefault(number, [])
        if (*pair, row["slot_id"]) not in busy:
            busy.append((*pair, row["slot_id"]))
        state.occupants[row["slot_id"]] = row["external_id"]


async def _load_shared(
    connection: Any, state: State, wanted: Sequence[tuple[Space, tuple[int, int]]]
) -> None:
    shares = {(leaf, *span) for space, span in wanted for leaf in space.shared}
    if not shares:
        return
    for row in await connection.fetch(
        """SELECT DISTINCT p.slot_id, p.space_no, lower(p.during) AS lo, upper(p.during) AS hi,
               p.seats, s.external_id
           FROM unnest($1::int[], $2::int[], $3::int[]) AS q (no, lo, hi)
           JOIN space_share p ON p.space_no = q.no AND p.during && int4range(q.lo, q.hi)
           JOIN slot s ON s.id = p.slot_id""",
        [no for no, _, _ in shares],
        [lo for _, lo, _ in shares],
        [hi for _, _, hi in shares],
    ):
        there = state.space_shares.setdefault(row["space_no"], [])
        shared = (row["lo"], row["hi"], row["seats"], row["slot_id"])
        if shared not in there:
            there.append(shared)
        state.occupants[row["slot_id"]] = row["external_id"]


def _unnumbered(lo: int, hi: int) -> tuple[int, tuple[int, int]]:
    number = lo >> intervals.MINUTE_BITS
    base = number << intervals.MINUTE_BITS
    return number, (lo - base, hi - base)
