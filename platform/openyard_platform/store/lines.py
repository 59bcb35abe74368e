"""Who is on a slot, in order of position: who waits, who was offered seats, who holds some."""

import datetime as dt
from collections import Counter
from collections.abc import Collection
from typing import Any
from uuid import UUID

from openyard_platform.domain import waitlist
from openyard_platform.domain.slots import SlotStatus
from openyard_platform.domain.state import State
from openyard_platform.store import working_copies

# Written out, so that the partial indexes on reservation serve them.
_WAITING = "r.status = 'waitlisted'"
_OFFERED = "r.status = 'offered'"
_LIVING = "r.status IN ('confirmed', 'offered', 'waitlisted')"


async def load(
    connection: Any,
    state: State,
    at: dt.datetime,
    *,
    giving: bool,
    restated: Collection[tuple[UUID, str]],
) -> None:
    """The lines of loaded slots where seats may be handed on by ``at``.

    That is where something is due, and, ``giving``, where somebody may give seats back; there who
    was offered seats, and as much of the line as is looked at in one go. Of a slot that is
    withdrawn also as many as are told in one go: the statement may turn out to be an old one, and
    the slot stay. Of one that its venue states anew (``restated``, by venue and external id),
    everybody.
    """
    named = state.by_external.items()
    stated = {slot.id for known, slot in named if known in restated}
    withdrawn = {slot.id for known, slot in named if known not in restated}
    others = [one for one in state.slots.values() if one.id not in stated]
    due = [one for one in others if one.is_due(at)]
    closed = {one.id for one in due if one.status == SlotStatus.WITHDRAWN}
    open_due = {one.id for one in due} - closed
    lines = {one.id for one in others if giving and one.waiting} - closed
    await _load(connection, state, stated, _LIVING, None)
    await _load(connection, state, closed | withdrawn, _LIVING, waitlist.REACH)
    await _load(connection, state, lines | open_due, _OFFERED, None)
    await _load(connection, state, lines | open_due, _WAITING, waitlist.REACH)
    for slot_id, known in state.on_slot.items():
        state.on_slot[slot_id] = sorted(
            set(known), key=lambda one: state.reservations[one].position
        )
    # Where nobody waits yet, everybody who will is in this batch.
    state.lined_up |= {one.id for one in others if not one.waiting and not one.is_due(at)}


async def _load(
    connection: Any, state: State, slot_ids: Collection[UUID], which: str, most: int | None
) -> None:
    if not slot_ids:
        return
    rows = await connection.fetch(
        f"""SELECT r.* FROM unnest($1::uuid[]) AS q (id) CROSS JOIN LATERAL (
                SELECT {working_copies.RESERVATION} FROM reservation r
                WHERE r.slot_id = q.id AND {which} ORDER BY r.slot_id, r.position LIMIT $2) r""",  # noqa: S608 - made of constants
        list(slot_ids),
        most,
    )
    for slot_id in slot_ids:
        state.on_slot.setdefault(slot_id, [])
    for row in rows:
        known = state.reservations.get(row["id"])
        if known is None:
            known = state.reservations[row["id"]] = working_copies.reservation(row)
        state.on_slot[known.slot_id].append(known.id)
    if which is not _OFFERED:
        state.lined_up |= set(slot_ids)
        counts = Counter(row["slot_id"] for row in rows)
        state.cut_short |= {slot_id for slot_id, count in counts.items() if count == most}
