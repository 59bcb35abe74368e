"""My calendar link: the secret address, a code to scan, and how each client takes it."""

import io
from typing import Any

import segno
from litestar import Request, Response, get, post

from openyard_platform import clock
from openyard_platform.actions import feed_links
from openyard_platform.actions.feed_links import FeedAddress
from openyard_platform.web import auth
from openyard_platform.web.pages import rendering


@get("/my/calendar", opt=auth.LOGGED_IN)
async def show(request: Request[Any, Any, Any]) -> Response[str]:
    address = await _address(request)
    return await rendering.page(request, "calendar.html", {"address": address})


@get("/my/calendar.svg", opt=auth.LOGGED_IN, media_type="image/svg+xml")
async def code(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The address as a QR code, drawn anew each time: it is a secret and stays out of caches."""
    address = await _address(request)
    picture = io.BytesIO()
    segno.make(address.webcal_url, error="m", micro=False).save(
        picture, kind="svg", border=2, scale=4, dark="#16241f", light="#ffffff", svgclass=None
    )
    return Response(
        picture.getvalue(), media_type="image/svg+xml", headers={"Cache-Control": "no-store"}
    )


@post("/my/calendar/rotate", status_code=200, opt=auth.LOGGED_IN)
async def rotate(request: Request[Any, Any, Any]) -> Response[Any]:
    """Another address; the old one stops working at once."""
    actor = auth.current(request)
    settings = request.app.state.settings
    await feed_links.rotate(
        actor.account_id,
        actor.holder_id,
        secret_key=settings.secret_key,
        base_url=settings.base_url,
        now=clock.now(),
    )
    return rendering.go("/my/calendar")


async def _address(request: Request[Any, Any, Any]) -> FeedAddress:
    actor = auth.current(request)
    settings = request.app.state.settings
    return await feed_links.address(
        actor.account_id,
        actor.holder_id,
        secret_key=settings.secret_key,
        base_url=settings.base_url,
        now=clock.now(),
    )
