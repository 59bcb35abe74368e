"""How to subscribe to the public calendars: of districts, venues and their spaces, of holidays."""

from collections.abc import Sequence
from typing import Any

import segno
from litestar import Request, Response, get
from litestar.params import FromPath
from msgspec import Struct

from openyard_platform import clock
from openyard_platform.actions import feeds
from openyard_platform.actions.feeds import Edition
from openyard_platform.domain import words
from openyard_platform.domain.errors import NotFound
from openyard_platform.store import feed_states
from openyard_platform.web.pages import rendering

Call = Request[Any, Any, Any]

_ALL = "/calendars"


class Shown(Struct, frozen=True, kw_only=True):
    """``code``: a QR code, as an image that needs no request of its own."""

    name: str
    url: str
    webcal_url: str
    code: str


@get("/calendars")
async def index(request: Call) -> Response[str]:
    """Where each public calendar is."""
    links = [("/calendars/holidays", "节假日与调休（休、班）")]
    links += [
        (f"/calendars/districts/{key}", f"{name} · 周末开放")
        for key, name in words.DISTRICTS.items()
    ]
    context = {"title": "订阅日历", "feeds": [], "links": links, "back": ""}
    return await rendering.page(request, "calendars.html", context)


@get("/calendars/holidays")
async def holidays(request: Call) -> Response[str]:
    edition = await feeds.holidays_edition(_base_url(request), clock.now())
    return await _page(request, "节假日与调休", [edition], _ALL)


@get("/calendars/districts/{key:str}")
async def district(request: Call, key: FromPath[str]) -> Response[str]:
    """A district's open weekends, and all of its slots."""
    base_url, now = _base_url(request), clock.now()
    found = [
        await feeds.weekends_edition(key, base_url, now),
        await feeds.district_edition(key, base_url, now),
    ]
    return await _page(request, f"{words.DISTRICTS.get(key, key)}的日历", found, _ALL)


@get("/calendars/venues/{key:str}")
async def venue(request: Call, key: FromPath[str]) -> Response[str]:
    """A venue's calendar, and one for each of its spaces and programmes."""
    base_url, now = _base_url(request), clock.now()
    found = [await feeds.venue_edition(key, base_url, now)]
    found += [
        await feeds.space_edition(space_id, base_url, now)
        for space_id in await feed_states.spaces_of(key)
    ]
    found += [
        await feeds.programme_edition(key, programme, base_url, now)
        for programme in await feed_states.programmes_of(key, now)
    ]
    return await _page(request, "订阅这里的日历", found, f"/slots?venue={key}")


async def _page(
    request: Call, title: str, editions: Sequence[Edition | None], back: str
) -> Response[str]:
    shown = [_shown(edition) for edition in editions if edition is not None]
    if not shown:
        raise NotFound("没有这个日历。")
    context = {"title": title, "feeds": shown, "links": [], "back": back}
    return await rendering.page(request, "calendars.html", context)


def _shown(edition: Edition) -> Shown:
    url = edition.head.source or ""
    webcal_url = "webcal://" + url.partition("://")[2]
    code = segno.make(webcal_url, error="m", micro=False)
    return Shown(
        name=edition.head.name,
        url=url,
        webcal_url=webcal_url,
        code=code.svg_data_uri(border=2, scale=4, dark="#16241f", light="#ffffff"),
    )


def _base_url(request: Call) -> str:
    base_url: str = request.app.state.settings.base_url
    return base_url
