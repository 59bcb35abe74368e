"""The job that sends one notification by mail."""

import logging
from typing import Any
from uuid import UUID

from openyard_platform import clock, mail
from openyard_platform.actions import invitations, notifications
from openyard_platform.settings import Settings

_log = logging.getLogger(__name__)


async def send_notification(ctx: dict[Any, Any], notification_id: str) -> None:
    """Claim the row, send the mail, mark the row; what goes wrong is written into it.

    Nothing is raised for arq to retry: the row knows when it is due again, and the sweeper pokes.
    """
    await send(ctx["settings"], UUID(notification_id))


async def send(settings: Settings, notification_id: UUID) -> bool:
    """Whether this call has sent it; False: it was sent, is not due, or could not be sent."""
    claimed = await notifications.claim(notification_id, clock.now())
    if claimed is None:
        return False
    if not settings.smtp_url:
        await notifications.mark_sent(claimed.id, clock.now())
        return True
    sender, base_url = settings.mail_from, settings.base_url
    invitation = await invitations.of(claimed, sender=sender, base_url=base_url)
    try:
        message = notifications.letter(
            claimed,
            sender=sender,
            base_url=base_url,
            secret_key=settings.secret_key,
            invitation=invitation,
        )
        await mail.send(settings.smtp_url, message)
    except (mail.CannotSend, OSError, ValueError) as error:
        # The reason may hold an address, so it stands in the row and not in the log.
        permanent = isinstance(error, mail.CannotSend) and error.permanent
        _log.warning(
            "Notification %s not sent, try %d: %s", claimed.id, claimed.tries, type(error).__name__
        )
        reason = f"{error} {error.__cause__ or ''}".rstrip()
        await notifications.fail(claimed, reason, clock.now(), for_good=permanent)
        return False
    await notifications.mark_sent(claimed.id, clock.now())
    _log.info("Notification %s (%s) sent, try %d", claimed.id, claimed.kind, claimed.tries)
    return True
