"""My messages: what happened to my reservations, newest first."""

from typing import Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.params import FromPath

from openyard_platform import clock
from openyard_platform.actions import notifications
from openyard_platform.web import auth, inbox
from openyard_platform.web.pages import rendering

_PAGE = 30


@get("/my/notifications", opt=auth.LOGGED_IN)
async def index(request: Request[Any, Any, Any]) -> Response[str]:
    account_id = auth.current(request).account_id
    found = await notifications.inbox(account_id, _before(request), _PAGE + 1)
    items = found[:_PAGE]
    return await rendering.page(
        request,
        "notifications.html",
        {
            "messages": [inbox.message(item, request.app.state.settings) for item in items],
            "older": items[-1].id if len(found) > _PAGE else None,
        },
    )


@post("/my/notifications/{notification_id:uuid}/read", status_code=200, opt=auth.LOGGED_IN)
async def mark_read(
    notification_id: FromPath[UUID], request: Request[Any, Any, Any]
) -> Response[Any]:
    account_id = auth.current(request).account_id
    await notifications.mark_read(notification_id, account_id, clock.now())
    return rendering.go("/my/notifications")


def _before(request: Request[Any, Any, Any]) -> UUID | None:
    try:
        return UUID(request.query_params.get("before", ""))
    except ValueError:
        return None
