"""Private feeds that somebody has fetched. A reservation is rendered for these alone."""

import datetime as dt
from uuid import UUID

from openyard_platform.store import engine

# Of a reservation ``r``: its holder's feed is subscribed, or that of one of its study groups.
OF_RESERVATION = """(
    EXISTS (SELECT FROM subscribed_feed x WHERE x.feed_id = r.holder_id)
    OR EXISTS (SELECT FROM party q JOIN subscribed_feed x ON x.feed_id = q.ref
               WHERE q.no = ANY (r.party_nos)))"""


async def subscribe(feed_id: UUID) -> None:
    """From the commit on the projector renders what happens in it."""
    await engine.fetch(
        "INSERT INTO subscribed_feed (feed_id) VALUES ($1) ON CONFLICT DO NOTHING", feed_id
    )


async def caught_up(feed_id: UUID, now: dt.datetime) -> None:
    """What was in it before is rendered, too."""
    await engine.fetch(
        "UPDATE subscribed_feed SET caught_up_at = $2 WHERE feed_id = $1", feed_id, now
    )


async def end(feed_id: UUID) -> None:
    """No link leads to it any more; as long as one does, nothing happens."""
    await engine.fetch(
        """DELETE FROM subscribed_feed WHERE feed_id = $1 AND NOT EXISTS (
             SELECT FROM feed_link WHERE owner_id = $1 AND revoked_at IS NULL)""",
        feed_id,
    )
