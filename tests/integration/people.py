"""Accounts for tests, made the way loaders make them."""

import datetime as dt
import secrets
from uuid import UUID

import httpx
from litestar import Litestar
from msgspec import Struct

from openyard_platform import ids, passwords
from openyard_platform.actions import accounts, organisations
from openyard_platform.domain.accounts import NewAccount
from openyard_platform.domain.organisations import NewOrganisation
from openyard_platform.domain.people import Role
from openyard_platform.store import engine
from openyard_platform.web import auth
from tests.integration.conftest import browser

NOW = dt.datetime(2026, 11, 23, 8, 0, tzinfo=dt.UTC)
PASSWORD = "x7!kQz_p-2026"
_HASH = passwords.hash_now(PASSWORD)


class Person(Struct, frozen=True, kw_only=True):
    account: NewAccount
    token: str

    def client(self, app: Litestar) -> httpx.AsyncClient:
        """Speaks to the application with this person's token."""
        client = browser(app)
        client.headers["Authorization"] = f"Bearer {self.token}"
        return client


async def organisation(kind: str = "school", key: str | None = None) -> UUID:
    """A new organisation in a district of its own making."""
    await engine.fetch(
        "INSERT INTO district (key, name, ordinal) VALUES ('liubei', '柳北区', 1) "
        "ON CONFLICT DO NOTHING"
    )
    made = NewOrganisation(
        id=ids.new(),
        key=key or f"{kind}-{secrets.token_hex(4)}",
        name="某单位",
        kind=kind,  # type: ignore[arg-type]
        district_key="liubei",
    )
    await organisations.create([made], [], NOW)
    return made.id


async def person(role: Role, organisation_id: UUID | None = None) -> Person:
    """A new account of this role with a token; staff get an organisation of their own."""
    if role in (Role.SCHOOL, Role.VENUE) and organisation_id is None:
        organisation_id = await organisation("school" if role is Role.SCHOOL else "venue")
    token = f"oy_{secrets.token_hex(32)}"
    account = NewAccount(
        id=ids.new(),
        email=f"{role}-{secrets.token_hex(6)}@example.org",
        display_name=f"某{role}",
        role=role,
        password_hash=_HASH,
        family_id=ids.new() if role is Role.FAMILY else None,
        organisation_id=organisation_id,
        staff_role="owner" if organisation_id else None,
        token_hash=auth.digest_of(token),
    )
    await accounts.register_many([account], NOW)
    return Person(account=account, token=token)
