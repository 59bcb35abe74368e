"""HTTP for the in-app inbox: what one was told, newest first."""

import datetime as dt
from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Router, get, post
from litestar.params import FromPath, FromQuery, QueryParameter
from msgspec import Struct

from openyard_platform import clock
from openyard_platform.actions import notifications
from openyard_platform.domain import notifications as domain
from openyard_platform.settings import Settings
from openyard_platform.store.notifications import Item
from openyard_platform.web import auth


class Message(Struct, frozen=True, kw_only=True):
    """``title``: what happened, to what. ``text``: what it means and what to do next.

    ``offer_expires_at``: until when seats are held; then ``accept_url`` and ``decline_url`` lead to
    pages that answer without a log-in.
    """

    id: UUID
    kind: str
    title: str
    text: str
    venue: str
    space: str
    starts_at: dt.datetime
    ends_at: dt.datetime
    slot_id: UUID
    reservation_id: UUID
    created_at: dt.datetime
    read_at: dt.datetime | None
    offer_expires_at: dt.datetime | None = None
    accept_url: str | None = None
    decline_url: str | None = None


class Inbox(Struct, frozen=True, kw_only=True):
    """``next``: the ``before`` of the next page, where there is one."""

    items: list[Message]
    unread: int
    next: UUID | None


@get("/", operation_id="listNotifications", opt=auth.LOGGED_IN)
async def list_own(
    request: Request[Any, Any, Any],
    before: FromQuery[UUID | None] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=100)] = 50,
) -> Inbox:
    account_id = auth.current(request).account_id
    found = await notifications.inbox(account_id, before, limit + 1)
    settings = request.app.state.settings
    items = [message(item, settings) for item in found[:limit]]
    return Inbox(
        items=items,
        unread=await notifications.unread(account_id),
        next=items[-1].id if len(found) > limit else None,
    )


@post(
    "/{notification_id:uuid}/read",
    operation_id="readNotification",
    opt=auth.LOGGED_IN,
    status_code=204,
)
async def mark_read(request: Request[Any, Any, Any], notification_id: FromPath[UUID]) -> None:
    account_id = auth.current(request).account_id
    await notifications.mark_read(notification_id, account_id, clock.now())


def message(item: Item, settings: Settings) -> Message:
    """A row of the inbox in words; the pages show the same."""
    subject = notifications.subject_of(item)
    answers = domain.answers(subject, settings.secret_key, settings.base_url)
    return Message(
        id=item.id,
        kind=item.kind,
        title=domain.headline(item.kind, item.title),
        text=domain.advice(subject),
        venue=item.venue,
        space=item.space,
        starts_at=item.starts_at,
        ends_at=item.ends_at,
        slot_id=item.slot_id,
        reservation_id=item.reservation_id,
        created_at=item.created_at,
        read_at=item.read_at,
        offer_expires_at=item.offer_expires_at if answers else None,
        accept_url=answers.accept if answers else None,
        decline_url=answers.decline if answers else None,
    )


router = Router("/api/v1/notifications", route_handlers=[list_own, mark_read], tags=["inbox"])
