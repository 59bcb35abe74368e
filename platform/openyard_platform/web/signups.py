"""HTTP for signing up: a code by mail, then the account; the same functions serve the pages.

The code is mailed within the request and not by way of a row: it must not stand in the database
in clear, it is worth nothing after ten minutes, and the person who waits for it learns at once
(503) when no mail can leave.
"""

import secrets
from typing import Any, Literal

from litestar import Request, Response, Router, post
from litestar.datastructures import Cookie
from litestar.params import JSONBody
from msgspec import Struct

from openyard_platform import clock, ids, mail
from openyard_platform.actions import signups as actions
from openyard_platform.domain import codes, passwords
from openyard_platform.domain.accounts import NewAccount, email_of
from openyard_platform.domain.people import Role
from openyard_platform.mail import Mail
from openyard_platform.web import auth, limits, me, sessions
from openyard_platform.web.fields import Code, Email, Name, Password
from openyard_platform.web.limits import Limit
from openyard_platform.web.me import Me

PER_ADDRESS = Limit("sign-up-address", 60, 3600)
PER_EMAIL = Limit("sign-up", 5, 3600)
GUESSES_PER_ADDRESS = Limit("code-address", 120, 3600)

_NEW = """您好：

您的联育注册验证码是 {code}，{minutes} 分钟内有效，只能使用一次。
请勿把验证码告诉他人。如果不是您本人操作，请忽略本邮件。
"""
_KNOWN = """您好：

有人（也许是您）想用这个邮箱注册联育，但它已经有账号了。
请直接登录：{url}/login
如果不是您本人操作，请忽略本邮件。
"""


class SignUp(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    email: Email


class Verify(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    email: Email
    code: Code
    password: Password
    display_name: Name
    role: Literal["family", "volunteer"]


class CodeSent(Struct, frozen=True, kw_only=True):
    """The same for known and unknown addresses. ``expires_in``: seconds."""

    status: Literal["code_sent"] = "code_sent"
    expires_in: int


async def begin(request: Request[Any, Any, Any], email: str) -> CodeSent:
    """Send a code to this address, or, where it has an account, a mail that says so.

    Raises:
        Invalid: no e-mail address.
        TooMany: by this address or this network.
        CannotSend: no mail leaves; nothing to wait for.
    """
    state = request.app.state
    settings = state.settings
    email = email_of(email)
    await limits.spend(state.valkey, (PER_ADDRESS, limits.address_of(request)), (PER_EMAIL, email))
    now, code_id = clock.now(), ids.new()
    code = codes.written(secrets.randbelow(10**codes.DIGITS))
    is_known = await actions.begin(email, code_id, code, now, settings.secret_key)
    minutes = int(codes.LIFETIME.total_seconds() // 60)
    text = _KNOWN if is_known else _NEW
    await mail.send(
        settings.smtp_url,
        Mail(
            sender=settings.mail_from,
            to=email,
            subject="联育注册",
            text=text.format(code=code, minutes=minutes, url=settings.base_url),
            message_id=mail.message_id(code_id, settings.base_url),
            at=now,
        ),
    )
    return CodeSent(expires_in=int(codes.LIFETIME.total_seconds()))


async def complete(request: Request[Any, Any, Any], data: Verify) -> tuple[Me, Cookie]:
    """Make the account and log it in.

    Raises:
        Invalid: the password or the code will not do; the password costs no try.
        Conflict: the address has an account by now.
        TooMany, Unavailable: too many tries, by this network or by everybody.
    """
    state = request.app.state
    email = email_of(data.email)
    passwords.check(data.password, email)
    await limits.spend(state.valkey, (GUESSES_PER_ADDRESS, limits.address_of(request)))
    code_id = await actions.check(email, data.code, clock.now(), state.settings.secret_key)
    account = NewAccount(
        id=ids.new(),
        email=email,
        display_name=data.display_name,
        role=Role(data.role),
        password_hash=await state.hasher.hash(data.password),
        family_id=ids.new() if data.role == "family" else None,
    )
    await actions.complete(code_id, account, clock.now())
    return await me.load(account.id), await sessions.begin(request, account.id)


@post("/", opt=auth.PUBLIC, operation_id="sign_up", status_code=202)
async def create(request: Request[Any, Any, Any], data: JSONBody[SignUp]) -> CodeSent:
    return await begin(request, data.email)


@post("/verify", opt=auth.PUBLIC, operation_id="verify_sign_up")
async def verify(request: Request[Any, Any, Any], data: JSONBody[Verify]) -> Response[Me]:
    account, cookie = await complete(request, data)
    return Response(
        account, status_code=201, cookies=[cookie], headers={"Cache-Control": "no-store"}
    )


router = Router("/api/v1/signups", route_handlers=[create, verify], tags=["accounts"])
