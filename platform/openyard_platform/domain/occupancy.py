"""Who and what is taken when: parties by confirmed reservations, leaf spaces by slots."""

from openyard_platform.domain.reservations import Reservation
from openyard_platform.domain.slots import Slot, Space
from openyard_platform.domain.state import Decisions, PartyTaken, State


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
    for no in reservation.party_nos:
        busy = state.party_busy.get(no, [])
        state.party_busy[no] = [entry for entry in busy if entry[2] != reservation.id]
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
    decisions.party_occupancies[reservation.id, no] = PartyTaken(reservation.slot_id, span)


def take_space(state: State, decisions: Decisions, slot: Slot, space: Space) -> None:
    for leaf in space.leaves:
        state.space_busy.setdefault(leaf, []).append((*slot.span, slot.id))
        decisions.slot_occupancies.append((slot.id, leaf, *slot.span))


def free_space(state: State, decisions: Decisions, slot: Slot) -> None:
    for leaf, busy in state.space_busy.items():
        state.space_busy[leaf] = [entry for entry in busy if entry[2] != slot.id]
    decisions.slot_occupancies = [row for row in decisions.slot_occupancies if row[0] != slot.id]
    decisions.freed_slots.add(slot.id)
