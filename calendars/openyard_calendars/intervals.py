"""Stretches of time as pairs of whole minutes, and as ranges that carry an owner's number."""

import datetime as dt

EPOCH = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
_MINUTE = dt.timedelta(minutes=1)

# 2**32 minutes are 8,000 years: the number above them never meets the time below.
MINUTE_BITS = 32


def minutes(at: dt.datetime) -> int:
    """Whole minutes since 2000-01-01 UTC, rounded down. ``at`` carries a zone."""
    return (at - EPOCH) // _MINUTE


def span(starts_at: dt.datetime, ends_at: dt.datetime) -> tuple[int, int]:
    """Half-open pair of minutes; a started last minute counts whole."""
    return minutes(starts_at), -((EPOCH - ends_at) // _MINUTE)


def numbered(number: int, pair: tuple[int, int]) -> tuple[int, int]:
    """The pair as bounds of an int8range of its own for each number (a space)."""
    base = number << MINUTE_BITS
    return base + pair[0], base + pair[1]


def overlap(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return one[0] < other[1] and other[0] < one[1]
