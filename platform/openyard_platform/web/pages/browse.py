"""Finding something: the front page and the list of slots."""

import datetime as dt
from typing import Any
from urllib.parse import urlencode

from litestar import Request, Response, get
from msgspec import Struct

from openyard_events import subjects
from openyard_platform import clock
from openyard_platform.domain import words
from openyard_platform.domain.errors import Invalid, NotFound
from openyard_platform.domain.people import Role
from openyard_platform.store import slots as records
from openyard_platform.store.slots import Search, Slot
from openyard_platform.web import auth
from openyard_platform.web.pages import rendering
from openyard_platform.web.slots import eyes_for, present

_ON_FRONT = 12
_ON_PAGE = 24
_DAYS = 15
_SATURDAY, _SUNDAY = 5, 6
_FINER = ("district", "category", "audience", "kind", "free")
_NAMES = ("day", "q", "venue", *_FINER)
_MAX_WORDS = 8
# What the front page looks for until somebody chooses.
_USUAL = {Role.FAMILY: "family", Role.SCHOOL: "school", Role.VOLUNTEER: "volunteer"}


class Day(Struct, frozen=True, kw_only=True):
    """One chip of the strip of days."""

    key: str
    label: str
    date: str
    weekend: bool


class Filters(Struct, frozen=True, kw_only=True):
    """What the reader chose; unknown choices are dropped, so an old link still opens.

    ``usual``: the audience that was not chosen but follows from who reads.
    """

    usual: str = ""
    day: str = ""
    district: str = ""
    category: str = ""
    audience: str = ""
    kind: str = ""
    q: str = ""
    free: str = ""
    venue: str = ""

    def link(self, path: str, **changed: str) -> str:
        """The address of ``path`` with these filters, some of them changed."""
        values = {name: getattr(self, name) for name in _NAMES} | changed
        # No audience is a choice too, where another one is usual.
        kept = {name: v for name, v in values.items() if v or (name == "audience" and self.usual)}
        query = urlencode(kept)
        return f"{path}?{query}" if query else path

    @property
    def finer(self) -> int:
        """How many of the choices in the folded part are made."""
        chosen = sum(1 for name in _FINER if getattr(self, name))
        return chosen - (1 if self.usual and self.audience == self.usual else 0)


@get("/")
async def home(request: Request[Any, Any, Any]) -> Response[str]:
    """What this is, and what is open at the weekend."""
    now = clock.now()
    actor = await auth.actor_of(request)
    usual = _USUAL.get(actor.role, "") if actor else "family"
    filters = read(request, day="weekend", audience=usual)
    eyes = await eyes_for(request, filters.audience)
    found = await records.search(search_of(filters, now, eyes), limit=_ON_FRONT)
    return await rendering.page(
        request,
        "home.html",
        {
            "filters": filters,
            "days": days(now),
            "groups": by_day(found.slots, now, eyes),
            "more": found.next_cursor,
            "list_path": "/",
        },
    )


@get("/slots")
async def index(request: Request[Any, Any, Any]) -> Response[str]:
    """All open slots that match, a page at a time."""
    now = clock.now()
    filters = read(request)
    cursor = request.query_params.get("cursor") or None
    eyes = await eyes_for(request, filters.audience)
    wanted = search_of(filters, now, eyes)
    try:
        found = await records.search(wanted, cursor=cursor, limit=_ON_PAGE)
    except Invalid:
        found = await records.search(wanted, limit=_ON_PAGE)
        cursor = None
    return await rendering.page(
        request,
        "slots.html",
        {
            "filters": filters,
            "days": days(now),
            "groups": by_day(found.slots, now, eyes),
            "more": found.next_cursor,
            "cursor": cursor,
            "venue": await _venue(request, filters.venue),
            "list_path": "/slots",
        },
    )


async def _venue(request: Request[Any, Any, Any], key: str) -> dict[str, Any] | None:
    """The venue whose slots alone are listed, and where its calendar is."""
    if not key:
        return None
    it = await records.venue(key)
    if it is None:
        raise NotFound("There is no such venue.")
    base_url = request.app.state.settings.base_url
    address = f"{base_url}/venues/{it.key}/calendar.ics"
    return {"it": it, "webcal": "webcal://" + address.partition("://")[2]}


def read(request: Request[Any, Any, Any], *, day: str = "", audience: str = "") -> Filters:
    """The choices in the address; ``day`` and ``audience`` where it says nothing of them."""
    query = request.query_params

    def one_of(name: str, known: dict[str, str], usual: str = "") -> str:
        value = query.get(name, usual)
        return value if value in known else ""

    return Filters(
        usual=audience,
        day=_day_key(query.get("day", day)),
        district=one_of("district", words.DISTRICTS),
        category=one_of("category", words.CATEGORIES),
        audience=one_of("audience", words.AUDIENCES, audience),
        kind=one_of("kind", words.KINDS),
        q=query.get("q", "").replace("\x00", "").strip()[:100],
        venue=query.get("venue", "") if subjects.is_token(query.get("venue", "")) else "",
        free="1" if query.get("free") == "1" else "",
    )


def search_of(filters: Filters, now: dt.datetime, eyes: tuple[str, ...]) -> Search:
    since, until = window(filters.day, now)
    return Search(
        since=since,
        until=until,
        district=filters.district or None,
        category=filters.category or None,
        audience=filters.audience or None,
        kind=filters.kind or None,
        venue=filters.venue or None,
        words=tuple(filters.q.split()[:_MAX_WORDS]),
        seats=1 if filters.free else None,
        eyes=eyes,
        at=now,
    )


def window(day: str, now: dt.datetime) -> tuple[dt.datetime, dt.datetime | None]:
    """The stretch of time a choice of day means; never what has begun already."""
    if not day or day == "all":
        return now, None
    today = words.local(now).date()
    if day in ("weekend", "next-weekend"):
        first = _saturday(today) + dt.timedelta(days=7 if day == "next-weekend" else 0)
        last = first + dt.timedelta(days=1)
    else:
        first = last = dt.date.fromisoformat(day)
    since = dt.datetime.combine(first, dt.time(), clock.SHANGHAI)
    until = dt.datetime.combine(last + dt.timedelta(days=1), dt.time(), clock.SHANGHAI)
    return (max(since, now), until)


def days(now: dt.datetime) -> list[Day]:
    """The strip: everything, the weekends, then day by day."""
    today = words.local(now).date()
    first = _saturday(today)
    following = first + dt.timedelta(days=7)
    strip = [
        Day(key="weekend", label="本周末", date=_short(first), weekend=True),
        Day(key="next-weekend", label="下周末", date=_short(following), weekend=True),
        Day(key="all", label="不限", date="全部日期", weekend=False),
    ]
    for ahead in range(_DAYS):
        date = today + dt.timedelta(days=ahead)
        name = {0: "今天", 1: "明天"}.get(ahead, f"周{words.WEEKDAYS[date.weekday()]}")
        strip.append(
            Day(
                key=date.isoformat(),
                label=name,
                date=_short(date),
                weekend=date.weekday() >= _SATURDAY,
            )
        )
    return strip


def by_day(
    found: list[Slot], now: dt.datetime, eyes: tuple[str, ...]
) -> list[tuple[str, list[Any]]]:
    """The slots under their days, in order."""
    groups: dict[str, list[Any]] = {}
    for slot in found:
        groups.setdefault(words.day(slot.starts_at), []).append(present(slot, now, eyes))
    return list(groups.items())


def _saturday(today: dt.date) -> dt.date:
    """This weekend's Saturday; on a Sunday it was yesterday."""
    if today.weekday() == _SUNDAY:
        return today - dt.timedelta(days=1)
    return today + dt.timedelta(days=_SATURDAY - today.weekday())


def _day_key(text: str) -> str:
    if text in ("weekend", "next-weekend", "all"):
        return text
    try:
        date = dt.date.fromisoformat(text)
    except ValueError:
        return ""
    return date.isoformat() if 2000 <= date.year <= 2100 else ""  # noqa: PLR2004 - the years that search takes


def _short(date: dt.date) -> str:
    return f"{date.month}月{date.day}日"
