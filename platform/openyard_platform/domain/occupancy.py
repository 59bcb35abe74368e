"""Who and what is taken when: parties by those who hold seats, spaces by slots."""

import datetime as dt
from uuid import UUID

from openyard_calendars import intervals
from openyard_platform.domain.reservations import Reservation
from openyard_platform.domain.slots import Slot, Space
from openyard_platform.domain.state import Decisions, PartyTaken, State, Woken


def take_party(
    state: State, decisions: Decisions, reservation: Reservation, span: tuple[int, int]
) -> None:
    """The parties are there and nowhere else at that time."""
    for no in reservation.party_nos:
        state.party_busy.setdefault(no, []).append((*span, reservation.id))
        _claim(state, decisions, reservation, no, span)


def claim_party(state: State, decisions: Decisions, reservation: Reservation) -> None:
    """The parties have to do with the slot, without being there: they wait, or were moved."""
    for no in reservation.party_nos:
        _claim(state, decisions, reservation, no, None)


def free_party(state: State, decisions: Decisions, reservation: Reservation) -> None:
    """The parties have to do with the slot no more; if they were there, they may be elsewhere."""
    for no in reservation.party_nos:
        waits = state.waits.get(no, set())
        waits.discard(reservation.slot_id)
        busy = state.party_busy.get(no, [])
        state.party_busy[no] = [entry for entry in busy if entry[2] != reservation.id]
        if waits:
            left = [(lo, hi) for lo, hi, owner in busy if owner == reservation.id]
            decisions.chances |= {(known, lo, hi) for known in waits for lo, hi in left}
        state.live.pop((reservation.slot_id, no), None)
        decisions.party_occupancies.pop((reservation.id, no), None)
        # Rows of a reservation decided in this very batch are not there yet; freeing is harmless.
        decisions.freed_parties.add((reservation.id, no))


def _claim(
    state: State,
    decisions: Decisions,
    reservation: Reservation,
    no: int,
    span: tuple[int, int] | None,
) -> None:
    state.live[reservation.slot_id, no] = reservation.id
    if span is None:
        state.waits.setdefault(no, set()).add(reservation.slot_id)
    decisions.party_occupancies[reservation.id, no] = PartyTaken(reservation.slot_id, span)


def take_space(state: State, decisions: Decisions, slot: Slot, space: Space) -> None:
    """Take the space from now on, as far as the slot has it by now."""
    for leaf, (lo, hi, room) in _claimed(slot, space).items():
        if leaf not in space.shared:
            state.space_busy.setdefault(leaf, []).append((lo, hi, slot.id))
            decisions.slot_occupancies.append((slot.id, leaf, lo, hi))
            continue
        others = [entry for entry in state.space_shares.get(leaf, ()) if entry[3] != slot.id]
        state.space_shares[leaf] = [*others, (lo, hi, room, slot.id)]
        decisions.space_shares[slot.id, leaf] = (lo, hi, room)


def free_space(state: State, decisions: Decisions, slot: Slot) -> None:
    """Let the space go."""
    for leaf, busy in state.space_busy.items():
        state.space_busy[leaf] = [entry for entry in busy if entry[2] != slot.id]
    for leaf, shares in state.space_shares.items():
        state.space_shares[leaf] = [entry for entry in shares if entry[3] != slot.id]
        decisions.space_shares.pop((slot.id, leaf), None)
    decisions.slot_occupancies = [row for row in decisions.slot_occupancies if row[0] != slot.id]
    decisions.freed_slots.add(slot.id)


def wake(state: State, decisions: Decisions, slot: Slot, at: dt.datetime) -> None:
    """The slot let its space go: have the waiting lists of those that share it looked at."""
    space = state.space_of(slot)
    if space is None:
        return
    leaves = set(space.leaves)
    sharing = [
        other.id
        for (venue_id, _), other in state.spaces.items()
        if venue_id == slot.venue_id and leaves.intersection(other.leaves)
    ]
    decisions.woken.append(
        Woken(venue_id=slot.venue_id, space_ids=tuple(sharing), span=slot.occupied, at=at)
    )


def lets_go(state: State, before: Slot, after: Slot) -> bool:
    """Whether a slot that its venue stated anew has less of its space now, or for less time."""
    old, new = state.space_of(before), state.space_of(after)
    if old is None or new is None:
        return False
    has = _claimed(after, new)
    return any(
        leaf not in has or lo < has[leaf][0] or hi > has[leaf][1] or room > has[leaf][2]
        for leaf, (lo, hi, room) in _claimed(before, old).items()
    )


def space_obstacle(
    state: State,
    slot: Slot,
    space: Space,
    taken: int,
    *,
    without: UUID | None = None,
) -> UUID | None:
    """Which slot keeps this one out of its space, with ``taken`` seats held on it.

    It is its own where a shareable space is too small for it, whoever else is there.
    ``without``: a slot that will have let its space go by then.
    """
    but = {slot.id} if without is None else {slot.id, without}
    exclusive = [leaf for leaf in space.leaves if leaf not in space.shared]
    other = state.space_conflict(exclusive, slot.occupied, but)
    if other is not None:
        return other
    for leaf, room in space.shared.items():
        needed = _room(slot, space, leaf, taken)
        if needed > room:
            return slot.id
        if state.room_taken(leaf, slot.occupied, but) + needed > room:
            return next(
                owner
                for lo, hi, _, owner in state.space_shares[leaf]
                if owner not in but and intervals.overlap((lo, hi), slot.occupied)
            )
    return None


def _claimed(slot: Slot, space: Space) -> dict[int, tuple[int, int, int]]:
    """What a slot has by now of each leaf: minutes from, to, and room where that is shareable."""
    if not slot.occupies or (slot.claims_on_booking and not slot.taken):
        return {}
    lo, hi = slot.occupied
    shared = space.shared
    return {
        leaf: (lo, hi, _room(slot, space, leaf, slot.taken) if leaf in shared else 0)
        for leaf in space.leaves
    }


def _room(slot: Slot, space: Space, leaf: int, taken: int) -> int:
    """How much of a shareable leaf the slot takes."""
    if not space.is_shared or slot.exclusive:
        # What contains the leaf, or is one party's alone, takes it whole.
        return space.shared[leaf]
    return taken if slot.claims_on_booking else slot.capacity
