from openyard_workers.pace import Pace


def test_the_first_work_begins_at_once():
    assert Pace(0.5, 1.0).left(100.0) == 0


def test_the_next_work_waits_a_share_of_what_the_last_one_took():
    pace = Pace(0.5, 1.0)
    pace.worked(100.0, 100.4)
    assert round(pace.left(100.5), 6) == 0.1


def test_no_pause_is_longer_than_the_longest():
    pace = Pace(4.0, 1.0)
    pace.worked(100.0, 110.0)
    assert pace.left(110.0) == 1.0


def test_who_comes_after_the_pause_waits_for_nobody():
    pace = Pace(0.5, 1.0)
    pace.worked(100.0, 100.4)
    assert pace.left(100.7) == 0
