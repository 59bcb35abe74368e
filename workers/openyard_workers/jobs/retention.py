"""Drops what has been kept for its time."""

import asyncio
import datetime as dt
import logging

from openyard_platform import clock
from openyard_platform.store import retention
from openyard_workers.outages import OUTAGE, pause

_log = logging.getLogger(__name__)

KEYS_KEPT = dt.timedelta(days=30)
# A venue may still correct yesterday's slot.
OCCUPANCIES_KEPT = dt.timedelta(days=1)
IMPORTS_KEPT = dt.timedelta(days=366)  # once applied
_EVERY = 3600.0  # seconds
_BREATH = 0.1  # seconds between two batches


async def tidy(now: dt.datetime) -> bool:
    """One batch of each kind; whether there may be more."""
    dropped = [
        await retention.drop_keys(now - KEYS_KEPT),
        await retention.drop_sessions(now),
        await retention.drop_occupancies(now - OCCUPANCIES_KEPT),
    ]
    imports = await retention.drop_imports(now, now - IMPORTS_KEPT)
    if imports or any(dropped):
        _log.info(
            "Dropped %d Idempotency-Keys, %d sessions, %d occupancies, %d imports",
            *(*dropped, imports),
        )
    return max(dropped) >= retention.BATCH or imports >= retention.IMPORTS


async def serve(stop: asyncio.Event) -> None:
    """Tidy up every hour until ``stop`` is set."""
    while not stop.is_set():
        try:
            more = await tidy(clock.now())
        except OUTAGE as error:
            _log.warning("Tidying up waits: %r", error)
            more = False
        await pause(stop, _BREATH if more else _EVERY)
