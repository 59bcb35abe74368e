"""HTTP for calendars, as programs that subscribe to them need it: public ones, secret ones."""

import contextlib
import datetime as dt
import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any
from uuid import UUID

import asyncpg
from litestar import Litestar, Request, Response, Router, route
from litestar.params import FromPath, FromQuery

from openyard_platform import clock
from openyard_platform.actions import feed_links, feeds
from openyard_platform.actions.feeds import Edition
from openyard_platform.settings import Settings
from openyard_platform.web import auth
from openyard_platform.web.feed_bodies import Bodies, Body

Call = Request[Any, Any, Any]
Answer = Response[bytes]

# Litestar adds the charset to what begins with "text/".
CALENDAR = "text/calendar"
PLAIN = "text/plain"
_SUFFIX = ".ics"
# How often the last use of a link is written down.
_USE_EVERY = dt.timedelta(hours=1)
# HTTP's dates know whole seconds: within these, a second change could hide behind the first.
_UNSETTLED = dt.timedelta(seconds=2)
_TRIES = 5
_TAG = re.compile(r'(?:W/)?"([^"]*)"')

_DATABASE_AWAY = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError)

_PUBLIC = {"Cache-Control": "public, no-cache"}
_PRIVATE = {
    "Cache-Control": "private, max-age=0, must-revalidate",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
}


@asynccontextmanager
async def opened(app: Litestar) -> AsyncGenerator[None, None]:
    """Give this process its store of whole feeds."""
    app.state.feed_bodies = Bodies()
    yield


def _by_method(name: str) -> Callable[[Any, Any, Any], str]:
    """GET and HEAD share a function; in the document each has an id of its own."""
    return lambda _handler, method, _path: name if method == "GET" else f"{name}Head"


@route(
    "/venues/{key:str}/calendar.ics",
    http_method=["GET", "HEAD"],
    operation_id=_by_method("venueCalendar"),
    opt=auth.PUBLIC,
    media_type=CALENDAR,
)
async def venue_calendar(
    request: Call, key: FromPath[str], programme: FromQuery[str | None] = None
) -> Answer:
    """A venue's slots, or those of one programme; no log-in, for any calendar program."""

    async def edition(base_url: str) -> Edition | None:
        if programme is None:
            return await feeds.venue_edition(key, base_url, clock.now())
        return await feeds.programme_edition(key, programme, base_url, clock.now())

    return await _public(request, f"venue {key} {programme or ''}", edition)


@route(
    "/spaces/{space_id:str}/calendar.ics",
    http_method=["GET", "HEAD"],
    operation_id=_by_method("spaceCalendar"),
    opt=auth.PUBLIC,
    media_type=CALENDAR,
)
async def space_calendar(request: Call, space_id: FromPath[str]) -> Answer:
    """The slots in a space and in those that it contains."""
    try:
        known = UUID(space_id)
    except ValueError:
        return _refuse(404, "没有这个日历。")
    return await _public(
        request,
        f"space {known}",
        lambda base_url: feeds.space_edition(known, base_url, clock.now()),
    )


@route(
    "/districts/{key:str}/calendar.ics",
    http_method=["GET", "HEAD"],
    operation_id=_by_method("districtCalendar"),
    opt=auth.PUBLIC,
    media_type=CALENDAR,
)
async def district_calendar(request: Call, key: FromPath[str]) -> Answer:
    """All slots of a district."""
    return await _public(
        request,
        f"district {key}",
        lambda base_url: feeds.district_edition(key, base_url, clock.now()),
    )


@route(
    "/districts/{key:str}/open-weekends.ics",
    http_method=["GET", "HEAD"],
    operation_id=_by_method("openWeekends"),
    opt=auth.PUBLIC,
    media_type=CALENDAR,
)
async def open_weekends(request: Call, key: FromPath[str]) -> Answer:
    """What is open in a district on Saturdays and Sundays."""
    return await _public(
        request,
        f"weekends {key}",
        lambda base_url: feeds.weekends_edition(key, base_url, clock.now()),
    )


@route(
    "/holidays.ics",
    http_method=["GET", "HEAD"],
    operation_id=_by_method("holidays"),
    opt=auth.PUBLIC,
    media_type=CALENDAR,
)
async def holidays(request: Call) -> Answer:
    """The country's holidays (休) and worked weekends (班)."""
    return await _public(
        request, "holidays", lambda base_url: feeds.holidays_edition(base_url, clock.now())
    )


@route(
    "/feeds/{name:str}",
    http_method=["GET", "HEAD"],
    operation_id=_by_method("privateCalendar"),
    opt=auth.PUBLIC,
    media_type=CALENDAR,
)
async def private_calendar(request: Call, name: FromPath[str]) -> Answer:
    """``{token}.ics``: the reservations of whoever the secret link was given to."""
    return await _private(request, name)


async def _public(
    request: Call, address: str, current: Callable[[str], Awaitable[Edition | None]]
) -> Answer:
    """A public feed. ``current``: its edition, given the platform's address."""
    base_url = _settings(request).base_url

    async def edition() -> Edition | Answer:
        return await current(base_url) or _refuse(404, "没有这个日历。")

    return await _answer(request, address, edition, _PUBLIC)


async def _private(request: Call, name: str) -> Answer:
    token = name.removesuffix(_SUFFIX)
    if token == name:
        return _refuse(404, "没有这个日历。")

    async def edition() -> Edition | Answer:
        now = clock.now()
        link = await feed_links.look_up(token)
        if link is None:
            return _refuse(404, "没有这个日历。")
        found = None if link.revoked_at is not None else feeds.private_edition(link, now)
        if found is None:
            return _refuse(410, "这个日历地址已停用。请登录后获取新的地址。")
        if not link.caught_up:
            await feeds.catch_up(link.feed_id, _settings(request).base_url, now)
            return await edition()
        if link.last_used_at is None or now - link.last_used_at > _USE_EVERY:
            with contextlib.suppress(*_DATABASE_AWAY):
                await feed_links.note_use(token, now)
        return found

    return await _answer(request, f"private {token}", edition, _PRIVATE)


async def _answer(
    request: Call,
    address: str,
    current: Callable[[], Awaitable[Edition | Answer]],
    headers: dict[str, str],
) -> Answer:
    """The feed, or that it has not changed.

    Calendar programs wipe or disable a calendar that answers with a page, with nothing, or with
    401, 403 or 429: so an unknown one is 404, a revoked one 410, and while the database is away
    the last known body is good enough.
    """
    bodies: Bodies = request.app.state.feed_bodies
    try:
        for _ in range(_TRIES):
            edition = await current()
            if not isinstance(edition, Edition):
                bodies.forget(address)
                return edition
            if _is_known(request, edition):
                return _unchanged(request, edition, headers)
            body = await bodies.get(address, edition)
            if body is not None:
                return _whole(request, body, headers)
    except _DATABASE_AWAY:
        pass
    # The database is away, or the feed changes faster than it can be put together.
    last = bodies.last(address)
    if last is None:
        return _refuse(503, "日历暂时无法读取，请稍后再试。", {"Retry-After": "60"})
    if _is_known(request, last.edition):
        return _unchanged(request, last.edition, headers)
    return _whole(request, last, headers)


def _is_known(request: Call, edition: Edition) -> bool:
    """Whether the client says that it has this edition, in either coding."""
    tags = request.headers.get("if-none-match")
    if tags is not None:
        known = set(_TAG.findall(tags))
        return tags.strip() == "*" or bool(known & {edition.etag, f"{edition.etag}-gzip"})
    since = request.headers.get("if-modified-since")
    if since is None:
        return False
    try:
        return parsedate_to_datetime(since) >= edition.modified_at.replace(microsecond=0)
    except (ValueError, TypeError):
        return False


def _whole(request: Call, body: Body, headers: dict[str, str]) -> Answer:
    zipped = _wants_gzip(request)
    more = _validators(body.edition, zipped=zipped) | headers
    if zipped:
        more["Content-Encoding"] = "gzip"
    return Response(body.zipped if zipped else body.plain, media_type=CALENDAR, headers=more)


def _unchanged(request: Call, edition: Edition, headers: dict[str, str]) -> Answer:
    more = _validators(edition, zipped=_wants_gzip(request)) | headers
    return Response(b"", status_code=304, media_type=CALENDAR, headers=more)


def _validators(edition: Edition, *, zipped: bool) -> dict[str, str]:
    modified_at = edition.modified_at
    if clock.now() - modified_at < _UNSETTLED:
        modified_at -= dt.timedelta(seconds=1)
    return {
        "ETag": f'"{edition.etag}-gzip"' if zipped else f'"{edition.etag}"',
        "Last-Modified": format_datetime(modified_at.astimezone(dt.UTC), usegmt=True),
        "Vary": "Accept-Encoding",
    }


def _wants_gzip(request: Call) -> bool:
    """Only when asked by name, and not with a weight of nought."""
    for item in request.headers.get("accept-encoding", "").lower().split(","):
        name, _, parameters = item.partition(";")
        if name.strip() in {"gzip", "x-gzip"}:
            return parameters.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False


def _refuse(status: int, text: str, headers: dict[str, str] | None = None) -> Answer:
    return Response(text.encode(), status_code=status, media_type=PLAIN, headers=headers)


def _settings(request: Call) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


router = Router(
    "/",
    route_handlers=[
        venue_calendar,
        space_calendar,
        district_calendar,
        open_weekends,
        holidays,
        private_calendar,
    ],
    tags=["calendars"],
)
