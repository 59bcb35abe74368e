"""The page behind the link in a mail that offers seats: one button, and no log-in."""

from typing import Any

from litestar import Request, Response, get, post
from litestar.params import FromPath

from openyard_platform import clock
from openyard_platform.actions import offer_links
from openyard_platform.actions.offer_links import Seen
from openyard_platform.actions.reservations import Queued
from openyard_platform.domain.errors import Refused
from openyard_platform.domain.offer_links import Standing
from openyard_platform.web import auth, limits
from openyard_platform.web.limits import Limit
from openyard_platform.web.pages import forms, rendering
from openyard_platform.web.reservations import desk

Call = Request[Any, Any, Any]

_PATH = "/offers/{token:str}"
_LONGEST = 128
# Whole streets share one address of a mobile network; one mail is opened a few times.
_BY_LINK = Limit("offer-link", 30, 600)
_BY_ADDRESS = Limit("offer-link-address", 600, 600)
# The address is a secret, and what it shows is one person's.
_HEADERS = {"Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex, nofollow"}


@get(_PATH, opt=auth.BY_LINK)
async def show(token: FromPath[str], request: Call) -> Response[str]:
    """What is offered, and the button; nothing changes, for mail scanners follow links."""
    seen = await _look(request, token)
    wanted = "decline" if request.query_params.get("do") == "decline" else "accept"
    return await _page(request, token, seen, wanted)


@post(_PATH, status_code=200, opt=auth.BY_LINK)
async def answer(token: FromPath[str], request: Call) -> Response[str]:
    """Take the seats, or let them go; then say what came of it."""
    seen = await _look(request, token)
    form = await forms.read(request)
    wanted = form.text("do")
    if wanted not in ("accept", "decline"):
        return await _page(request, token, seen, "accept", status_code=422)
    try:
        outcome = await offer_links.answer(desk(request), seen, accept=wanted == "accept")
    except Refused as error:
        seen = await _look(request, token)
        return await _page(
            *(request, token, seen, wanted),
            refusals=error.parameters["refusals"] if seen.standing is Standing.OPEN else [],
            status_code=409,
        )
    if isinstance(outcome, Queued):
        headers = {"Refresh": f"2; url=/offers/{token}?do={wanted}"}
        return await _page(request, token, seen, wanted, pending=True, headers=headers)
    decided = outcome is not None
    if decided:
        seen = await _look(request, token)
    status_code = 200 if decided or seen.standing in _AS_WISHED[wanted] else 409
    return await _page(request, token, seen, wanted, status_code=status_code)


# Tapping twice is no error.
_AS_WISHED = {"accept": (Standing.TAKEN,), "decline": (Standing.DECLINED,)}


async def _look(request: Call, token: str) -> Seen:
    """Raises TooMany, NotFound."""
    tries = (_BY_LINK, token[:_LONGEST]), (_BY_ADDRESS, limits.address_of(request))
    await limits.spend(request.app.state.valkey, *tries)
    settings = request.app.state.settings
    return await offer_links.look(settings.secret_key, token[:_LONGEST], clock.now())


async def _page(  # noqa: PLR0913 - all that can stand on it
    request: Call,
    token: str,
    seen: Seen,
    wanted: str,
    *,
    refusals: list[dict[str, Any]] | None = None,
    pending: bool = False,
    headers: dict[str, str] | None = None,
    status_code: int = 200,
) -> Response[str]:
    context = {
        "token": token,
        "it": seen.it,
        "standing": seen.standing.value,
        "wanted": wanted,
        "pending": pending,
        "refusals": refusals or [],
    }
    return await rendering.page(
        request,
        "offer.html",
        context,
        status_code=202 if pending else status_code,
        headers=_HEADERS | (headers or {}),
    )
