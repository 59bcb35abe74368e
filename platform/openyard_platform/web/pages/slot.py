"""One slot: what it is, how full it is, and the form that asks for seats."""

from typing import Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.params import FromPath
from msgspec import Struct

from openyard_platform import clock, ids
from openyard_platform.actions import children, delegations, parties, reservations
from openyard_platform.actions.reservations import Queued, Wish
from openyard_platform.domain import ages, slot_words, words
from openyard_platform.domain.errors import Conflict, Invalid, Refused, Unavailable
from openyard_platform.domain.people import Actor, Role
from openyard_platform.store import reservations as records
from openyard_platform.store import slots as catalogue
from openyard_platform.store import study_groups
from openyard_platform.store.slots import Search, Slot
from openyard_platform.store.tables import StudyGroupRow
from openyard_platform.web import auth, problems
from openyard_platform.web.pages import forms, rendering
from openyard_platform.web.pages.forms import Form
from openyard_platform.web.reservation_bodies import Alternative
from openyard_platform.web.reservations import desk, ways_out
from openyard_platform.web.slots import SlotOut, load, present

_OTHERS = 4
_LONGEST_NOTE = 200
_MOST_SEATS = 10_000
_USUAL_FAMILY = 2  # one grown-up and one child


class Child(Struct, frozen=True, kw_only=True):
    """One that this person may bring. ``misfit``: why it cannot come here; empty: it can."""

    id: UUID
    name: str
    misfit: str


class Group(Struct, frozen=True, kw_only=True):
    """A study group, with ``misfit`` as above."""

    it: StudyGroupRow
    misfit: str


class Booking(Struct, frozen=True, kw_only=True):
    """What the form shows for this person on this slot.

    ``adults``: whether to ask for them. ``single``: there is nothing to count. ``asks``: the slot
    is made for some ages or grades; ``names_all``: each of those who come is to be chosen, so that
    the seats are as many as the children.
    """

    adults: bool
    single: bool
    asks: bool
    names_all: bool
    values: dict[str, Any]
    children: list[Child]
    study_groups: list[Group]
    key: str


@get("/slots/{slot_id:uuid}")
async def show(slot_id: FromPath[UUID], request: Request[Any, Any, Any]) -> Response[str]:
    return await _page(request, await load(slot_id))


@post("/slots/{slot_id:uuid}/reserve", status_code=200, opt=auth.LOGGED_IN)
async def reserve(slot_id: FromPath[UUID], request: Request[Any, Any, Any]) -> Response[Any]:
    """Ask for seats; a refusal comes back with the form as it was filled in."""
    slot = await load(slot_id)
    form = await forms.read(request)
    wish = _wish(auth.current(request), slot, form)
    if wish is None:
        return await _page(request, slot, form=form, status_code=422)
    try:
        answer = await reservations.reserve(
            desk(request),
            auth.current(request),
            wish,
            key=_key(form),
            unix_ms=int(clock.now().timestamp() * 1000),
        )
    except Refused as error:
        refusals = error.parameters["refusals"]
        ways = await ways_out(
            request, refusals, slot.id, wish.seats, auth.current(request).audiences
        )
        return await _page(request, slot, form=form, refusals=refusals, ways=ways, status_code=409)
    except (Invalid, Conflict, Unavailable) as error:
        # Whatever it was, the form stays as it was filled in.
        told = problems.tell(error)
        refusals = [{"code": error.code}]
        return await _page(request, slot, form=form, refusals=refusals, status_code=told.status)
    reservation_id = answer.id if isinstance(answer, Queued) else answer.reservation_id
    return rendering.go(f"/my/reservations/{reservation_id or answer.id}")


def _key(form: Form) -> str:
    """The form's own key: tapping twice asks once. Where it is missing, each tap counts."""
    given = form.id("key")
    return f"page-{given or ids.new()}"


def _wish(actor: Actor, slot: Slot, form: Form) -> Wish | None:
    """What the form asks for; None with ``form.errors`` where it cannot be understood."""
    children = form.ids("children")
    counted = _names_all(actor, slot)
    if counted and not children:
        form.errors["children"] = "请选好来的孩子。"
    wish = Wish(
        slot_id=slot.id,
        seats=len(children) or 1 if counted else form.number("seats", 1, _MOST_SEATS),
        adults=form.number("adults", 0, _MOST_SEATS, default=0),
        children=children or None,
        study_group=form.id("study_group"),
        waitlist=form.ticked("waitlist"),
        note=form.text("note")[:_LONGEST_NOTE] or None,
    )
    if wish.children and wish.seats < len(wish.children):
        form.errors["seats"] = "人数不能少于所选孩子的人数。"
    return None if form.errors else wish


async def _page(  # noqa: PLR0913 - all that can stand on it
    request: Request[Any, Any, Any],
    slot: Slot,
    *,
    form: Form | None = None,
    refusals: list[dict[str, Any]] | None = None,
    ways: list[Alternative] | None = None,
    status_code: int = 200,
) -> Response[str]:
    now = clock.now()
    actor = await auth.actor_of(request)
    eyes = await auth.eyes_of(request)
    shown = present(slot, now, eyes)
    own = None if actor is None else await records.live_on(actor.holder_id, slot.id)
    # A school may come with one class after another; anybody else comes once.
    done = own is not None and actor is not None and actor.role is not Role.SCHOOL
    known = [] if actor is None else await _children(actor, slot)
    obstacle, booking = None, None
    if actor is not None:
        audiences = parties.audiences_of(actor, with_children=bool(known))
        obstacle = _obstacle(audiences, shown)
        if obstacle is None and not done:
            booking = await _booking(actor, slot, shown, known, form)
    return await rendering.page(
        request,
        "slot.html",
        {
            "slot": shown,
            "own": own,
            "obstacle": obstacle,
            "done": done,
            "booking": booking,
            "errors": {} if form is None else form.errors,
            "refusals": refusals or [],
            "ways": ways or [],
            "others": await _others(slot, eyes),
        },
        status_code=status_code,
    )


def _names_all(actor: Actor, slot: Slot) -> bool:
    """Whether each child is to be chosen; a school chooses its study group instead."""
    return ages.names_all(slot) and actor.role is not Role.SCHOOL and slot.kind != "shift"


async def _booking(
    actor: Actor, slot: Slot, shown: SlotOut, known: list[Child], form: Form | None
) -> Booking:
    names_all = _names_all(actor, slot)
    asks_adults = (
        actor.role is Role.SCHOOL
        or names_all
        or slot.chaperones_per is not None
        or slot.adults_count
    )
    return Booking(
        adults=asks_adults and slot.kind != "shift",
        single=slot.kind == "shift" or slot.party_max == 1,
        asks=ages.asks(slot),
        names_all=names_all,
        values=_usual(actor, shown, known) if form is None else _as_typed(form),
        children=known,
        study_groups=await _study_groups(actor, slot),
        key=str(ids.new()),
    )


async def _children(actor: Actor, slot: Slot) -> list[Child]:
    """One's own, and those that others let one bring."""
    now = clock.now()
    own = await children.read(actor, now) if actor.family_id else []
    known = [(one["id"], one["display_name"], one["birth_year"]) for one in own]
    known += [
        (one.child_id, one.display_name, one.birth_year)
        for one in await delegations.entrusted(actor, now)
    ]
    return [
        Child(id=child, name=name, misfit=slot_words.misfit(ages.of_children(slot, (born,))))
        for child, name, born in known
    ]


async def _study_groups(actor: Actor, slot: Slot) -> list[Group]:
    if actor.role is not Role.SCHOOL or actor.organisation_id is None:
        return []
    return [
        Group(it=group, misfit=slot_words.misfit(ages.of_group(slot, group.grade)))
        for group in await study_groups.of_school(actor.organisation_id)
    ]


def _obstacle(audiences: tuple[str, ...], slot: SlotOut) -> str | None:
    """What no filling in of the form can change."""
    allowed = ["volunteer"] if slot.kind == "shift" else slot.audiences
    if allowed is not None and not set(audiences) & set(allowed):
        return words.sentence({"code": "audience_not_allowed", "audiences": allowed})
    if slot.state == "closed":
        return words.sentence({"code": "booking_closed", "closes_at": slot.closing})
    return {
        "withdrawn": words.sentence({"code": "slot_cancelled"}),
        "started": words.sentence({"code": "slot_started"}),
        "space_taken": words.sentence({"code": "venue_capacity_conflict"}),
    }.get(slot.state)


def _usual(actor: Actor, slot: SlotOut, known: list[Child]) -> dict[str, Any]:
    usual = {Role.FAMILY: _USUAL_FAMILY, Role.SCHOOL: 40}.get(actor.role, 1)
    most = slot.party.max if slot.party.max is not None else slot.capacity
    seats = forms.clamp(usual, slot.party.min, most)
    per = slot.party.chaperones_per
    fitting = [child.id for child in known if not child.misfit]
    # Where it matters who comes, an only child is who comes.
    asked = slot.ages is not None or slot.grades is not None
    return {
        "seats": seats,
        "adults": -(-seats // per) if per else 0,
        "children": fitting if asked and len(fitting) == 1 else [],
        "study_group": None,
        "waitlist": True,
        "note": "",
    }


def _as_typed(form: Form) -> dict[str, Any]:
    return {
        "seats": form.text("seats", default="1"),
        "adults": form.text("adults", default="0"),
        "children": form.ids("children"),
        "study_group": form.id("study_group"),
        "waitlist": form.ticked("waitlist"),
        "note": form.text("note"),
    }


async def _others(slot: Slot, eyes: tuple[str, ...]) -> list[SlotOut]:
    """Others of the same venue and kind that still have seats for who looks."""
    now = clock.now()
    seats = slot.party_min or 1
    wanted = Search(since=now, venue=slot.venue.key, kind=slot.kind, seats=seats, eyes=eyes)
    found = await catalogue.search(wanted, limit=_OTHERS + 1)
    return [present(each, now, eyes) for each in found.slots if each.id != slot.id][:_OTHERS]
