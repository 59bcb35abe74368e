"""HTTP for slots: public search, one slot, and its live seats."""

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from litestar import Request, Router, get
from litestar.openapi.spec import OpenAPIType, Operation, Parameter, Schema
from litestar.params import FromPath
from litestar.types import ASGIApp
from msgspec import Meta, Struct, field

from openyard_events.contracts import Audience, SlotKind
from openyard_platform import clock
from openyard_platform.domain import allotments, words
from openyard_platform.domain.allotments import Allotment
from openyard_platform.domain.errors import Invalid, NotAllowed, NotFound
from openyard_platform.store import slots as records
from openyard_platform.store.slots import Search, Slot
from openyard_platform.web import auth, live, origins

State = Literal["open", "not_yet_open", "closed", "started", "full", "space_taken", "withdrawn"]

_MAX_WORDS = 8
_KEY = r"\A[A-Za-z0-9_-]{1,64}\Z"
_FIRST_YEAR, _LAST_YEAR = 2000, 2100


class VenueOut(Struct, frozen=True, kw_only=True):
    key: str
    name: str
    district: str
    district_name: str
    category: str | None
    address: str


class PartyOut(Struct, frozen=True, kw_only=True):
    min: int | None
    max: int | None
    chaperones_per: int | None
    adults_count: bool


class RangeOut(Struct, frozen=True, kw_only=True):
    """Both ends included; null: open."""

    min: int | None
    max: int | None


class AllotmentOut(Struct, frozen=True, kw_only=True):
    """Seats that are kept for an audience until a time; ``left`` of them are not taken."""

    audience: str
    seats: int
    left: int
    releases_at: dt.datetime
    per_school: int | None


class SlotOut(Struct, frozen=True, kw_only=True):
    """A slot for everybody to see. ``state``: what who looks would meet now.

    ``remaining``: seats that are free for who looks, by token or session; others look as families
    do. ``allotments``: those still kept. ``closing``: from when on no seats are given out.
    ``claim``: ``on_booking`` takes its space with the first reservation only; where another slot
    has it by then, ``state`` is ``space_taken`` and nothing remains.
    """

    id: UUID
    venue: VenueOut
    space: str
    kind: str
    title: str
    description: str | None
    programme: str | None
    series: str | None
    starts_at: dt.datetime
    ends_at: dt.datetime
    capacity: int
    remaining: int
    waiting: int
    exclusive: bool
    audiences: list[str] | None
    party: PartyOut
    opens_at: dt.datetime | None
    closes_at: dt.datetime | None
    cancel_until: dt.datetime | None
    state: State
    reason: str | None
    revision: int
    allotments: list[AllotmentOut]
    ages: RangeOut | None
    grades: RangeOut | None
    notice_hours: int | None
    closing: dt.datetime | None
    claim: str


class SlotPage(Struct, frozen=True, kw_only=True):
    """``next_cursor``: pass it as ``cursor`` for the slots after these; null: there are none."""

    items: list[SlotOut]
    next_cursor: str | None


class SearchIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The query as it came. ``from`` and ``to``: RFC 3339, or a day of the city's calendar."""

    since: str | None = field(default=None, name="from")
    until: str | None = field(default=None, name="to")
    district: Annotated[str, Meta(pattern=_KEY)] | None = None
    category: str | None = None
    audience: Audience | None = None
    kind: SlotKind | None = None
    venue: Annotated[str, Meta(pattern=_KEY)] | None = None
    q: Annotated[str, Meta(max_length=100, pattern=r"\A[^\x00]*\Z")] = ""
    seats: Annotated[int, Meta(ge=1, le=100_000)] | None = None
    cursor: Annotated[str, Meta(max_length=64)] | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 20


# For OpenAPI only; SearchIn reads the query as a whole and refuses what is not here.
PARAMETERS = {
    "from": "Starts at or after: RFC 3339, or a day of the city's calendar. Left out: now.",
    "to": "Starts before: as ``from``.",
    "district": "The key of a district, e.g. ``liubei``.",
    "category": "A venue's category, e.g. ``library``.",
    "audience": "Who wants to come: school, family, volunteer, community, resident.",
    "kind": "access, visit, activity, shift or outreach.",
    "venue": "The key of a venue.",
    "q": "Words that must all occur in title, programme, description, venue or space.",
    "seats": "A party of so many could be seated at once; seats kept for others are not counted.",
    "cursor": "``next_cursor`` of the page before.",
    "limit": "Slots a page, 1 to 100. Left out: 20.",
}


@dataclass
class SearchOperation(Operation):
    """Tells OpenAPI the parameters that ``SearchIn`` reads."""

    def __post_init__(self) -> None:
        self.parameters = [
            Parameter(
                name=name,
                param_in="query",
                description=text,
                schema=Schema(
                    type=OpenAPIType.INTEGER if name in {"seats", "limit"} else OpenAPIType.STRING
                ),
            )
            for name, text in PARAMETERS.items()
        ]


@get("/", operation_id="SearchSlots", operation_class=SearchOperation)
async def search(request: Request[Any, Any, Any]) -> SlotPage:
    """Open slots in order of their start, from now on unless ``from`` says otherwise."""
    asked = read_search(request)
    now = clock.now()
    eyes = await eyes_for(request, asked.audience)
    page = await records.search(wanted(asked, now, eyes), cursor=asked.cursor, limit=asked.limit)
    return SlotPage(
        items=[present(slot, now, eyes) for slot in page.slots], next_cursor=page.next_cursor
    )


@get("/{slot_id:uuid}", operation_id="GetSlot")
async def one(request: Request[Any, Any, Any], slot_id: FromPath[UUID]) -> SlotOut:
    return present(await load(slot_id), clock.now(), await auth.eyes_of(request))


@get("/{slot_id:uuid}/live", operation_id="WatchSlot", media_type="text/event-stream")
async def watch(slot_id: FromPath[UUID], request: Request[Any, Any, Any]) -> ASGIApp:
    """Server-sent events: ``snapshot``, then ``update`` whenever the seats change."""
    headers = dict(request.scope["headers"])
    if not origins.is_own(headers, request.app.state.settings.base_url):
        raise NotAllowed("Another site may not open live seats.", code="foreign_origin")
    hub: live.Hub = request.app.state.live
    address = request.client.host if request.client else ""
    hub.check_room(address)
    return live.Stream(hub, slot_id, address, await auth.eyes_of(request))


async def load(slot_id: UUID) -> Slot:
    """The slot, or NotFound."""
    slot = await records.find(slot_id)
    if slot is None:
        raise NotFound("There is no such slot.")
    return slot


def read_search(request: Request[Any, Any, Any]) -> SearchIn:
    """The query's parameters; an empty one counts as left out, as forms send them.

    Raises:
        Invalid: a parameter is unknown, given twice, or not what it should be.
    """
    given: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name in given:
            raise Invalid(f"The parameter {name} was given twice.", code="parameter_repeated")
        if value != "":
            given[name] = value
    try:
        asked = msgspec.convert(given, SearchIn, strict=False)
    except msgspec.ValidationError as error:
        raise Invalid(f"A parameter is wrong: {error}", code="parameter_invalid") from error
    if asked.category is not None and asked.category not in words.CATEGORIES:
        raise Invalid("There is no such category.", code="parameter_invalid")
    return asked


async def eyes_for(request: Request[Any, Any, Any], audience: str | None) -> tuple[str, ...]:
    """Who is known looks as themselves; anybody else as whom they search for."""
    eyes = await auth.eyes_of(request)
    if not audience or audience in eyes or await auth.actor_of(request) is not None:
        return eyes
    return (audience,)


def wanted(asked: SearchIn, now: dt.datetime, eyes: tuple[str, ...]) -> Search:
    since = now if asked.since is None else _instant(asked.since, "from")
    until = None if asked.until is None else _instant(asked.until, "to")
    if until is not None and until <= since:
        raise Invalid("``to`` must be later than ``from``.", code="parameter_invalid")
    return Search(
        since=since,
        until=until,
        district=asked.district,
        category=asked.category,
        audience=asked.audience,
        kind=asked.kind,
        venue=asked.venue,
        words=tuple(asked.q.split()[:_MAX_WORDS]),
        seats=asked.seats,
        eyes=eyes,
        at=now,
    )


def state(slot: Slot, now: dt.datetime, eyes: Collection[str]) -> State:
    """What somebody of these audiences who asks for a seat now would meet."""
    if slot.status != "open":
        return "withdrawn"
    if now >= slot.starts_at:
        return "started"
    if slot.closing is not None and now >= slot.closing:
        return "closed"
    if slot.opens_at is not None and now < slot.opens_at:
        return "not_yet_open"
    if slot.space_taken:
        return "space_taken"
    free = slot.capacity - slot.taken
    some = allotments.at_once(slot.allotments, free, slot.waiting, eyes, now) > 0
    return "open" if some else "full"


def cancel_until(slot: Slot) -> dt.datetime:
    """Until when confirmed seats may be given back."""
    return slot.starts_at - dt.timedelta(hours=slot.cancel_until_hours or 0)


def remaining(slot: Slot, now: dt.datetime, eyes: Collection[str]) -> int:
    """Seats that are free for these audiences, whoever waits."""
    if slot.space_taken:
        return 0
    return allotments.share(slot.allotments, slot.capacity - slot.taken, eyes, now).seats


def present(slot: Slot, now: dt.datetime, eyes: Collection[str]) -> SlotOut:
    """The slot as somebody of these audiences sees it."""
    venue = slot.venue
    return SlotOut(
        id=slot.id,
        venue=VenueOut(
            key=venue.key,
            name=venue.name,
            district=venue.district,
            district_name=words.DISTRICTS.get(venue.district, venue.district),
            category=venue.category,
            address=venue.address,
        ),
        space=slot.space,
        kind=slot.kind,
        title=slot.title,
        description=slot.description,
        programme=slot.programme,
        series=slot.series,
        starts_at=words.local(slot.starts_at),
        ends_at=words.local(slot.ends_at),
        capacity=slot.capacity,
        remaining=remaining(slot, now, eyes),
        waiting=slot.waiting,
        exclusive=slot.exclusive,
        audiences=slot.audiences,
        party=PartyOut(
            min=slot.party_min,
            max=slot.party_max,
            chaperones_per=slot.chaperones_per,
            adults_count=slot.adults_count,
        ),
        opens_at=None if slot.opens_at is None else words.local(slot.opens_at),
        closes_at=None if slot.closes_at is None else words.local(slot.closes_at),
        cancel_until=words.local(cancel_until(slot)),
        state=state(slot, now, eyes),
        reason=slot.reason,
        revision=slot.revision,
        allotments=[_allotment(one) for one in slot.allotments if one.is_kept(now)],
        ages=_range(slot.age_min, slot.age_max),
        grades=_range(slot.grade_min, slot.grade_max),
        notice_hours=slot.notice_hours,
        closing=None if slot.closing is None else words.local(slot.closing),
        claim=slot.claim,
    )


def _allotment(one: Allotment) -> AllotmentOut:
    return AllotmentOut(
        audience=one.audience,
        seats=one.seats,
        left=one.left,
        releases_at=words.local(one.releases_at),
        per_school=one.per_school,
    )


def _range(low: int | None, high: int | None) -> RangeOut | None:
    return None if low is None and high is None else RangeOut(min=low, max=high)


def _instant(text: str, name: str) -> dt.datetime:
    try:
        # In a query an unescaped "+" arrives as a blank.
        moment = dt.datetime.fromisoformat(text.replace(" ", "+"))
        if len(text) == len("2026-01-01"):
            moment = moment.replace(tzinfo=clock.SHANGHAI)
    except ValueError as error:
        raise Invalid(
            f"{name} is neither a day (2026-11-28) nor a time with offset.",
            code="parameter_invalid",
        ) from error
    if moment.tzinfo is None or not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise Invalid(
            f"{name} needs an offset and a year from 2000 to 2100.", code="parameter_invalid"
        )
    return moment


router = Router(
    "/api/v1/slots", route_handlers=[search, one, watch], tags=["slots"], opt=auth.PUBLIC
)
