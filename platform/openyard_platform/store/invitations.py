"""Invitations: who chose them, and which messages have carried one."""

from uuid import UUID

from openyard_platform.domain.invitations import CalendarDelivery, Standing
from openyard_platform.store import engine

_STANDING = """
SELECT a.calendar_delivery = 'invitations' AS chosen,
       EXISTS (SELECT FROM notification e
               WHERE e.reservation_id = n.reservation_id AND e.account_id = n.account_id
                 AND e.sequence IS NOT NULL) AS invited
FROM notification n JOIN account a ON a.id = n.account_id
WHERE n.id = $1
"""


async def standing(notification_id: UUID) -> Standing | None:
    """What whom it is for has chosen, and been sent so far; None: there is no such message."""
    row = await engine.fetch_one(_STANDING, notification_id)
    return None if row is None else Standing(**dict(row))


async def note(notification_id: UUID, sequence: int) -> None:
    """An invitation of this sequence goes with the message."""
    await engine.fetch(
        "UPDATE notification SET sequence = $2 WHERE id = $1", notification_id, sequence
    )


async def choose(account_id: UUID, delivery: CalendarDelivery) -> bool:
    """Whether this is another choice than the one before."""
    rows = await engine.fetch(
        "UPDATE account SET calendar_delivery = $2"
        " WHERE id = $1 AND calendar_delivery <> $2 RETURNING 1",
        account_id,
        delivery.value,
    )
    return bool(rows)
