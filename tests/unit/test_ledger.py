from hypothesis import given
from hypothesis import strategies as st

from openyard_workers.ledger import Ledger


def test_done_stands_before_the_first_that_is_not_settled():
    ledger = Ledger(10)
    for sequence in (11, 12, 13):
        ledger.begin(sequence)

    ledger.settle(13)
    ledger.settle(12)
    assert ledger.done == 10
    ledger.settle(11)
    assert ledger.done == 13


def test_what_a_purge_left_out_is_passed_over():
    ledger = Ledger(0)
    ledger.begin(5)
    ledger.begin(9)

    ledger.settle(5)
    assert ledger.done == 5
    ledger.settle(9)
    assert ledger.done == 9


def test_settling_twice_or_what_was_never_begun_changes_nothing():
    ledger = Ledger(3)
    ledger.settle(2)
    ledger.begin(4)
    ledger.settle(4)
    ledger.settle(4)
    ledger.settle(8)

    assert ledger.done == 4


@given(st.permutations(range(1, 20)), st.integers(0, 18))
def test_in_whatever_order_they_end_nothing_open_is_passed(order, settled):
    ledger = Ledger(0)
    for sequence in range(1, 20):
        ledger.begin(sequence)
    for sequence in order[:settled]:
        ledger.settle(sequence)

    still_open = set(order[settled:])
    assert ledger.done == min(still_open) - 1
