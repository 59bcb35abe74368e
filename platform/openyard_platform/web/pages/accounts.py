"""Logging in and out, signing up, and the page of one's own account."""

from typing import Any

from litestar import Request, Response, get, post
from litestar.response import Redirect

from openyard_platform.domain.errors import Invalid, OpenyardError
from openyard_platform.domain.people import Role
from openyard_platform.web import auth, me, problems, sessions, signups
from openyard_platform.web.pages import complaints, forms, rendering
from openyard_platform.web.pages.forms import Form
from openyard_platform.web.signups import Verify

_LONGEST_NAME = 80
_ROLES = ("family", "volunteer")


@get("/login")
async def login_form(request: Request[Any, Any, Any]) -> Response[Any]:
    """The log-in; who is logged in already goes on."""
    onward = rendering.safe_next(request.query_params.get("next"))
    if await auth.actor_of(request) is not None:
        return rendering.go(onward)
    return await rendering.page(request, "login.html", {"next": onward, "login": "", "error": ""})


@post("/login", status_code=200)
async def login(request: Request[Any, Any, Any]) -> Response[Any]:
    form = await forms.read(request)
    onward = rendering.safe_next(form.text("next"))
    email = form.text("login")
    try:
        _, cookie = await sessions.log_in(request, email, form.secret("password"))
    except OpenyardError as error:
        return await rendering.page(
            request,
            "login.html",
            {"next": onward, "login": email, "error": complaints.beside_form(error)},
            status_code=_status(error),
        )
    return Redirect(onward, status_code=303, cookies=[cookie])


@get("/logout")
async def logout_form(request: Request[Any, Any, Any]) -> Response[str]:
    """A link must not log anybody out: the button on this page does."""
    return await rendering.page(request, "logout.html")


@post("/logout", status_code=200)
async def logout(request: Request[Any, Any, Any]) -> Response[Any]:
    return Redirect("/", status_code=303, cookies=[await sessions.end(request)])


@get("/signup")
async def signup_form(request: Request[Any, Any, Any]) -> Response[Any]:
    onward = rendering.safe_next(request.query_params.get("next"))
    if await auth.actor_of(request) is not None:
        return rendering.go(onward)
    return await rendering.page(request, "signup.html", {"next": onward, "email": "", "error": ""})


@post("/signup", status_code=200)
async def signup(request: Request[Any, Any, Any]) -> Response[str]:
    """Send the code, and ask for it; the page is the same for known and unknown addresses."""
    form = await forms.read(request)
    onward, email = rendering.safe_next(form.text("next")), form.text("email")
    try:
        await signups.begin(request, email)
    except OpenyardError as error:
        return await rendering.page(
            request,
            "signup.html",
            {"next": onward, "email": email, "error": complaints.beside_form(error)},
            status_code=_status(error),
        )
    return await _details(request, form)


@post("/signup/verify", status_code=200)
async def verify(request: Request[Any, Any, Any]) -> Response[Any]:
    """Make the account with the code from the mail, and log it in."""
    form = await forms.read(request)
    data = _verify(form)
    if data is None:
        return await _details(request, form, status_code=422)
    try:
        _, cookie = await signups.complete(request, data)
    except OpenyardError as error:
        beside = {"code_wrong": "code"}.get(error.code, "password")
        field = beside if isinstance(error, Invalid) else "form"
        form.errors[field] = complaints.beside_form(error)
        return await _details(request, form, status_code=_status(error))
    onward = rendering.safe_next(form.text("next"))
    return Redirect(onward, status_code=303, cookies=[cookie])


@get("/my", opt=auth.LOGGED_IN)
async def mine(request: Request[Any, Any, Any]) -> Response[str]:
    account = await me.load(auth.current(request).account_id)
    return await rendering.page(request, "my.html", {"account": account})


def _verify(form: Form) -> Verify | None:
    """What was filled in; None with ``form.errors`` where something is missing."""
    code, name, role = form.text("code"), form.text("display_name"), form.text("role")
    # Figures may come full-width from a Chinese keyboard, or with a blank in the middle.
    code = "".join(str(int(figure)) for figure in code if figure.isdecimal())
    if len(code) != len("123456"):
        form.errors["code"] = "请填写邮件里的 6 位数字。"
    if not name:
        form.errors["display_name"] = complaints.of_code("name_missing")
    if len(name) > _LONGEST_NAME or "\n" in name:
        form.errors["display_name"] = complaints.of_code("name_too_long")
    if role not in _ROLES:
        form.errors["role"] = complaints.of_code("role_missing")
    if form.errors:
        return None
    return Verify(
        email=form.text("email"),
        code=code,
        password=form.secret("password")[:1024],
        display_name=name,
        role="volunteer" if role == Role.VOLUNTEER else "family",
    )


async def _details(
    request: Request[Any, Any, Any], form: Form, *, status_code: int = 200
) -> Response[str]:
    return await rendering.page(
        request,
        "signup_details.html",
        {
            "next": rendering.safe_next(form.text("next")),
            "email": form.text("email"),
            "code": form.text("code"),
            "display_name": form.text("display_name"),
            "role": form.text("role", default="family"),
            "errors": form.errors,
        },
        status_code=status_code,
    )


def _status(error: OpenyardError) -> int:
    return problems.tell(error).status
