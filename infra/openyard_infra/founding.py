"""The first accounts and venues of a city that is not the demo's."""

import hashlib
import secrets
from typing import get_args
from uuid import UUID

from msgspec import Struct

from openyard_events import subjects
from openyard_platform import clock, ids, passwords
from openyard_platform.actions import accounts, organisations
from openyard_platform.domain import words
from openyard_platform.domain.accounts import NewAccount, email_of
from openyard_platform.domain.errors import Invalid
from openyard_platform.domain.organisations import (
    Kind,
    NewOrganisation,
    NewSpace,
    check_spaces,
)
from openyard_platform.domain.people import Role
from openyard_platform.store import engine

_LONGEST_ROOM = 6  # digits


class Person(Struct, frozen=True, kw_only=True):
    email: str
    role: Role
    name: str
    organisation: str | None
    district: str | None
    token: bool


class Venue(Struct, frozen=True, kw_only=True):
    """``spaces``: each ``KEY:NAME[@ROOM]`` or ``KEY:NAME[@ROOM]:HALL``."""

    key: str
    name: str
    district: str
    kind: str
    address: str
    spaces: tuple[str, ...]


class Made(Struct, frozen=True, kw_only=True):
    """What opens a new account; stored as hashes only."""

    email: str
    password: str
    token: str | None


async def add_account(database_url: str, person: Person) -> Made:
    """Make one account.

    Raises:
        OpenyardError: it does not fit, or the address has one already.
    """
    password = secrets.token_urlsafe(12)
    token = f"oy_{secrets.token_urlsafe(32)}" if person.token else None
    email = email_of(person.email)
    await engine.connect(database_url, size=1, application="openyard account")
    try:
        if person.district is not None:
            await _ensure_district(person.district)
        new = NewAccount(
            id=ids.new(),
            email=email,
            display_name=person.name,
            role=person.role,
            password_hash=passwords.hash_now(password),
            family_id=ids.new() if person.role is Role.FAMILY else None,
            organisation_id=await _organisation(person),
            staff_role="owner" if person.role in (Role.VENUE, Role.SCHOOL) else None,
            district_key=person.district,
            token_hash=None if token is None else hashlib.sha256(token.encode()).digest(),
        )
        await accounts.register_many([new], clock.now())
    finally:
        await engine.disconnect()
    return Made(email=email, password=password, token=token)


async def add_venue(database_url: str, venue: Venue) -> None:
    """Make one organisation with its spaces.

    Raises:
        OpenyardError: it does not fit, or the key is taken.
    """
    if venue.kind not in get_args(Kind):
        raise Invalid(f"The kind is one of {', '.join(get_args(Kind))}.", code="kind_unknown")
    if not subjects.is_token(venue.key):
        raise Invalid("A key has 1 to 64 letters, digits, '_' or '-'.", code="key_malformed")
    organisation = NewOrganisation(
        id=ids.new(),
        key=venue.key,
        name=venue.name,
        kind=venue.kind,  # type: ignore[arg-type] # compared above
        district_key=venue.district,
        address=venue.address,
    )
    spaces = spaces_of(organisation.id, venue.spaces)
    await engine.connect(database_url, size=1, application="openyard venue")
    try:
        await _ensure_district(venue.district)
        await organisations.create([organisation], spaces, clock.now())
    finally:
        await engine.disconnect()


def spaces_of(organisation_id: UUID, texts: tuple[str, ...]) -> list[NewSpace]:
    """The spaces that these lines describe; one with ROOM is shareable by so many people.

    Raises:
        Invalid: a line is malformed, a key stands twice, a hall is none of them, or is shareable.
    """
    found: dict[str, NewSpace] = {}
    for text in texts:
        key, _, rest = text.partition(":")
        whole, _, hall = rest.partition(":")
        name, room = _room(whole)
        if not subjects.is_token(key) or not name or key in found or room == 0:
            message = f"{text!r} is no KEY:NAME[@ROOM][:HALL] with a new key."
            raise Invalid(message, code="space_malformed")
        if hall and hall not in found:
            raise Invalid(f"{text!r}: name the hall {hall!r} before it.", code="space_unknown")
        found[key] = NewSpace(
            id=ids.new(),
            organisation_id=organisation_id,
            key=key,
            name=name,
            parent_id=found[hall].id if hall else None,
            shareable=room is not None,
            capacity=room,
        )
    spaces = list(found.values())
    check_spaces(spaces)
    return spaces


def _room(text: str) -> tuple[str, int | None]:
    """A name, and for how many it has room: 0 where that is none, None where it does not say."""
    name, at, room = text.rpartition("@")
    if not at:
        return text, None
    is_number = room.isascii() and room.isdecimal() and len(room) <= _LONGEST_ROOM
    return name, int(room) if is_number else 0


async def _organisation(person: Person) -> UUID | None:
    staff = person.role in (Role.VENUE, Role.SCHOOL)
    if not staff and person.organisation is None:
        return None
    if not staff or person.organisation is None:
        text = "Staff of a venue or a school, and nobody else, has an organisation."
        raise Invalid(text, code="organisation_wrong")
    sql = "SELECT id FROM organisation WHERE key = $1"
    row = await engine.fetch_one(sql, person.organisation)
    if row is None:
        text = f"There is no organisation {person.organisation!r}."
        raise Invalid(text, code="organisation_unknown")
    return UUID(str(row["id"]))


async def _ensure_district(key: str) -> None:
    """The city's districts are known; only those in use stand in the database."""
    if key not in words.DISTRICTS:
        known = ", ".join(words.DISTRICTS)
        raise Invalid(f"The districts are {known}.", code="district_unknown")
    ordinal = list(words.DISTRICTS).index(key) + 1
    await engine.fetch(
        "INSERT INTO district (key, name, ordinal) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        key,
        words.DISTRICTS[key],
        ordinal,
    )
