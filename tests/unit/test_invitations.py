"""Which messages carry an invitation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openyard_platform.domain import invitations
from openyard_platform.domain.invitations import Standing
from openyard_platform.domain.notifications import Kind
from openyard_platform.domain.reservations import ReservationStatus

NOBODY = Standing(chosen=False, invited=False)
CHOSEN = Standing(chosen=True, invited=False)
INVITED = Standing(chosen=False, invited=True)
KEEPING = ["confirmed", "promoted", "amended", "slot_changed"]
ENDING = ["cancelled", "slot_withdrawn", "displaced"]
standings = st.builds(Standing, chosen=st.booleans(), invited=st.booleans())
statuses = st.sampled_from([*ReservationStatus, "attended"])


@pytest.mark.parametrize("kind", KEEPING)
def test_who_chose_invitations_is_invited_to_what_is_confirmed(kind):
    assert invitations.goes_with(kind, "confirmed", CHOSEN)
    assert not invitations.goes_with(kind, "confirmed", NOBODY)


@pytest.mark.parametrize("kind", KEEPING)
def test_what_was_put_into_a_calendar_is_kept_right_there_whatever_was_chosen_since(kind):
    assert invitations.goes_with(kind, "confirmed", INVITED)


@pytest.mark.parametrize("kind", KEEPING)
@pytest.mark.parametrize("status", ["cancelled", "waitlisted", "refused"])
def test_nobody_is_invited_to_what_is_not_confirmed(kind, status):
    assert not invitations.goes_with(kind, status, Standing(chosen=True, invited=True))


@pytest.mark.parametrize("kind", ENDING)
def test_what_was_put_into_a_calendar_is_taken_out_again(kind):
    assert invitations.goes_with(kind, "cancelled", INVITED)


@pytest.mark.parametrize("kind", ENDING)
def test_what_was_never_in_a_calendar_is_not_taken_out(kind):
    assert not invitations.goes_with(kind, "cancelled", CHOSEN)


def test_who_waits_again_has_the_event_taken_out_unless_a_seat_came_since():
    assert invitations.goes_with("displaced", "waitlisted", INVITED)
    assert invitations.goes_with("displaced", "offered", INVITED)
    assert not invitations.goes_with("displaced", "confirmed", INVITED)


@given(st.sampled_from(["waitlisted", "offered", "offer_expired"]), statuses, standings)
def test_messages_of_the_waiting_list_carry_none(kind, status, standing):
    assert not invitations.goes_with(kind, status, standing)


@given(st.text().filter(lambda kind: kind not in set(Kind)), statuses, standings)
def test_messages_of_an_unknown_kind_carry_none(kind, status, standing):
    assert not invitations.may_go_with(kind)
    assert not invitations.goes_with(kind, status, standing)


@given(st.sampled_from([*Kind]), statuses, standings)
def test_only_what_may_carry_one_does(kind, status, standing):
    goes = invitations.goes_with(kind, status, standing)
    assert invitations.may_go_with(kind) or not goes
