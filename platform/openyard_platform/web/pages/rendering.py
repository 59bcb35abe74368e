"""How a page is made: Jinja with the words of the house, and how files it needs are found."""

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import MediaType, Request, Response
from litestar.response import Redirect

from openyard_platform import clock
from openyard_platform.domain import age_words, slot_words, waiting_words, words
from openyard_platform.web import auth

WEB = Path(__file__).parents[1]
STATIC = WEB / "static"

# Pages show whose they are; a shared computer must not show them again after the log-out.
_HEADERS = {"Cache-Control": "private, no-store"}


@cache
def static_url(name: str) -> str:
    """The address of a file in ``static/``; it changes with the content, so it may be kept."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?v={digest}"


@cache
def environment() -> Environment:
    jinja = Environment(
        loader=FileSystemLoader(WEB / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        # A stat for each template and page; who edits them starts the web anew.
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    jinja.globals |= {
        "words": words,
        "age_words": age_words,
        "slot_words": slot_words,
        "waiting_words": waiting_words,
        "static": static_url,
    }
    jinja.filters |= {
        "when": words.when,
        "day": words.day,
        "local": words.local,
        "sentence": words.sentence,
        "hm": lambda instant: f"{words.local(instant):%H:%M}",
        "iso": lambda instant: words.local(instant).isoformat(),
    }
    return jinja


async def page(
    request: Request[Any, Any, Any],
    template: str,
    context: Mapping[str, Any] | None = None,
    *,
    status_code: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response[str]:
    """A template as a response; every template knows ``actor``, ``path`` and ``now``."""
    actor = await auth.actor_of(request)
    return plain(request, template, {"actor": actor} | dict(context or {}), status_code, headers)


def plain(
    request: Request[Any, Any, Any],
    template: str,
    context: Mapping[str, Any],
    status_code: int,
    headers: Mapping[str, str] | None = None,
) -> Response[str]:
    """The same where even asking who is logged in could fail; ``context`` holds ``actor``."""
    known = {
        "path": request.url.path,
        "here": _here(request),
        "now": clock.now(),
    }
    text = environment().get_template(template).render(known | dict(context))
    return Response(
        text,
        media_type=MediaType.HTML,
        status_code=status_code,
        headers={**_HEADERS, **(headers or {})},
    )


def go(path: str) -> Redirect:
    """To another page after a form was handled: the browser comes back with a GET."""
    return Redirect(path, status_code=303)


def safe_next(path: str | None, default: str = "/") -> str:
    """Where to go after the log-in: a path on this site, never another site."""
    if not path or not path.startswith("/") or path[1:2] in ("/", "\\"):
        return default
    return default if any(ord(letter) < ord(" ") for letter in path) else path


def _here(request: Request[Any, Any, Any]) -> str:
    query = request.url.query
    return f"{request.url.path}?{query}" if query else request.url.path
