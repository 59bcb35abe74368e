"""My calendars: fetched from a secret address, with a code to scan, or sent as invitations."""

import io
from typing import Any

import segno
from litestar import Request, Response, get, post

from openyard_platform import clock
from openyard_platform.actions import feed_links, invitations
from openyard_platform.actions.feed_links import FeedAddress
from openyard_platform.domain.errors import Invalid, NotFound
from openyard_platform.domain.feed_kinds import PrivateFeed
from openyard_platform.domain.invitations import CalendarDelivery
from openyard_platform.web import auth, me
from openyard_platform.web.pages import forms, rendering

Call = Request[Any, Any, Any]


@get("/my/calendar", opt=auth.LOGGED_IN)
async def show(request: Call) -> Response[str]:
    """The address of a calendar; who gets invitations sees one only when asking for it."""
    actor = auth.current(request)
    account = await me.load(actor.account_id)
    invited = account.calendar_delivery is CalendarDelivery.INVITATIONS
    feed = await _chosen(request)
    is_asked_for = not invited or "feed" in request.query_params
    context = {
        "account": account,
        "invited": invited,
        "by_mail": bool(request.app.state.settings.smtp_url),
        "feeds": await feed_links.choices(actor),
        "feed": feed,
        "is_asked_for": is_asked_for,
        "address": await _address(request, feed) if is_asked_for else None,
    }
    return await rendering.page(request, "calendar.html", context)


@post("/my/calendar/delivery", status_code=200, opt=auth.LOGGED_IN)
async def choose(request: Call) -> Response[Any]:
    """A feed or invitations, from now on."""
    form = await forms.read(request)
    chosen = form.text("delivery")
    if chosen not in set(CalendarDelivery):
        raise Invalid("There are a feed and invitations.")
    by_mail = bool(request.app.state.settings.smtp_url)
    account_id = auth.current(request).account_id
    await invitations.choose(account_id, CalendarDelivery(chosen), clock.now(), by_mail=by_mail)
    return rendering.go("/my/calendar")


@get("/my/calendar.svg", opt=auth.LOGGED_IN, media_type="image/svg+xml")
async def code(request: Call) -> Response[bytes]:
    """The address as a QR code, drawn anew each time: it is a secret and stays out of caches."""
    address = await _address(request, await _chosen(request))
    if address is None:
        raise NotFound("这个日历的地址已停用。", code="feed_unknown")
    picture = io.BytesIO()
    segno.make(address.webcal_url, error="m", micro=False).save(
        picture, kind="svg", border=2, scale=4, dark="#16241f", light="#ffffff", svgclass=None
    )
    return Response(
        picture.getvalue(), media_type="image/svg+xml", headers={"Cache-Control": "no-store"}
    )


@post("/my/calendar/rotate", status_code=200, opt=auth.LOGGED_IN)
async def rotate(request: Call) -> Response[Any]:
    """Another address; the old one stops working at once."""
    actor, feed = auth.current(request), await _chosen(request)
    settings = request.app.state.settings
    await feed_links.rotate(
        actor.account_id,
        feed.owner_id,
        secret_key=settings.secret_key,
        base_url=settings.base_url,
        now=clock.now(),
    )
    return rendering.go(f"/my/calendar?feed={feed.key}")


@post("/my/calendar/revoke", status_code=200, opt=auth.LOGGED_IN)
async def revoke(request: Call) -> Response[Any]:
    """No address any more, until somebody asks for one."""
    actor, feed = auth.current(request), await _chosen(request)
    await feed_links.revoke(actor.account_id, feed.owner_id, clock.now())
    return rendering.go(f"/my/calendar?feed={feed.key}")


async def _chosen(request: Call) -> PrivateFeed:
    """The calendar in the address; without one, the likeliest."""
    key = request.query_params.get("feed") or None
    return await feed_links.chosen(auth.current(request), key)


async def _address(request: Call, feed: PrivateFeed) -> FeedAddress | None:
    """None: it was revoked. Who did so gets another one only when asking for it."""
    account_id, settings = auth.current(request).account_id, request.app.state.settings
    if await feed_links.is_revoked(account_id, feed.owner_id):
        return None
    return await feed_links.address(
        account_id,
        feed.owner_id,
        secret_key=settings.secret_key,
        base_url=settings.base_url,
        now=clock.now(),
    )
