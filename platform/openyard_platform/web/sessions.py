"""HTTP for logging in and out; the same functions serve the pages."""

import secrets
from typing import Any
from uuid import UUID

from litestar import Request, Response, Router, delete, post
from litestar.datastructures import Cookie
from litestar.params import JSONBody
from msgspec import Struct

from openyard_platform import clock
from openyard_platform.actions import sessions as actions
from openyard_platform.domain.accounts import email_of
from openyard_platform.domain.errors import Invalid, LogInNeeded
from openyard_platform.store import accounts
from openyard_platform.store.tables import AccountRow
from openyard_platform.web import auth, limits, me
from openyard_platform.web.fields import Email, Password
from openyard_platform.web.limits import Limit
from openyard_platform.web.me import Me

# A whole school may sit behind one address; one account has one owner (ASVS 6.3.1).
PER_ADDRESS = Limit("log-in-address", 300, 60)
PER_LOGIN = Limit("log-in", 50, 900)
PER_LOGIN_AND_ADDRESS = Limit("log-in-both", 10, 900)


class LogIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``login``: the e-mail address."""

    login: Email
    password: Password


async def log_in(request: Request[Any, Any, Any], login: str, password: str) -> tuple[Me, Cookie]:
    """Check the password and open a session.

    Raises:
        LogInNeeded: ``log_in_failed``, whatever of the two was wrong (ASVS 6.3.8).
        TooMany, Unavailable: too many tries, by this person or by everybody.
    """
    state = request.app.state
    address = limits.address_of(request)
    login = login.strip().lower()
    mine = ((PER_LOGIN, login), (PER_LOGIN_AND_ADDRESS, f"{login} {address}"))
    await limits.spend(state.valkey, (PER_ADDRESS, address), *mine)
    account = await _account(login)
    stored = account.password_hash if account is not None and account.active else None
    if not await state.hasher.matches(stored, password) or account is None:
        raise LogInNeeded("The address or the password is wrong.", code="log_in_failed")
    await limits.forgive(state.valkey, *mine)
    return await me.load(account.id), await begin(request, account.id)


async def begin(request: Request[Any, Any, Any], account_id: UUID) -> Cookie:
    """Open a session under a fresh id; what the browser had before is valid no more."""
    text = auth.SESSION_PREFIX + secrets.token_urlsafe(32)
    before = auth.session_of(request.scope["headers"])
    old = None if before is None else auth.digest_of(before)
    await actions.begin(auth.digest_of(text), account_id, clock.now(), instead_of=old)
    if old is not None:
        await auth.revoke(request, [old])
    return _cookie(request, text, int(actions.LIFETIME.total_seconds()))


async def end(request: Request[Any, Any, Any]) -> Cookie:
    """Close the session of this browser, if it has one; the cookie to answer with."""
    text = auth.session_of(request.scope["headers"])
    if text is not None:
        digest = auth.digest_of(text)
        await actions.end(digest)
        await auth.revoke(request, [digest])
    return _cookie(request, "", 0)


@post("/", opt=auth.PUBLIC, operation_id="log_in")
async def create(request: Request[Any, Any, Any], data: JSONBody[LogIn]) -> Response[Me]:
    account, cookie = await log_in(request, data.login, data.password)
    return Response(
        account, status_code=201, cookies=[cookie], headers={"Cache-Control": "no-store"}
    )


@delete("/", opt=auth.PUBLIC, operation_id="log_out", status_code=204)
async def remove(request: Request[Any, Any, Any]) -> Response[None]:
    return Response(None, status_code=204, cookies=[await end(request)])


async def _account(login: str) -> AccountRow | None:
    try:
        return await accounts.by_email(email_of(login))
    except Invalid:
        return None  # No such address can have an account; it is as wrong as any other.


def _cookie(request: Request[Any, Any, Any], text: str, seconds: int) -> Cookie:
    """ASVS 3.3.1, 3.3.2, 3.3.4: secure where the site is, not readable by scripts, lax."""
    return Cookie(
        key=auth.COOKIE,
        value=text,
        max_age=seconds,
        path="/",
        httponly=True,
        samesite="lax",
        secure=request.app.state.settings.base_url.startswith("https:"),
    )


router = Router("/api/v1/sessions", route_handlers=[create, remove], tags=["accounts"])
