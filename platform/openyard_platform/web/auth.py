"""Who is asking, and whether this route lets them: every route states its policy."""

import hashlib
import logging
from collections.abc import Iterable
from typing import Any

from litestar import Request
from litestar.connection import ASGIConnection
from msgspec import Struct

from openyard_platform.domain.errors import LogInNeeded, NotAllowed
from openyard_platform.domain.people import ANYBODY, Actor, Role
from openyard_platform.web import origins
from openyard_platform.web.lookup import Lookup

_log = logging.getLogger(__name__)

Connection = ASGIConnection[Any, Any, Any, Any]
Headers = Iterable[tuple[bytes, bytes]]

TOKEN_PREFIX = "oy_"  # noqa: S105 - a prefix, no secret
SESSION_PREFIX = "oys_"
COOKIE = "openyard_session"
REVOKED = "auth.revoked"
DIGEST_BYTES = 32
_LONGEST = 128


class Policy(Struct, frozen=True):
    """Who may use a route; ``roles`` None: everybody, without logging in.

    ``by_link``: whoever knows its address, which is a secret; a cookie adds nothing to that, so
    it does not matter which page the browser comes from.
    """

    roles: frozenset[Role] | None
    by_link: bool = False

    def admits(self, actor: Actor | None) -> bool:
        return self.roles is None or (actor is not None and actor.role in self.roles)


def require(*roles: Role) -> dict[str, Policy]:
    """For a handler's ``opt``: only accounts of these roles."""
    return {"policy": Policy(frozenset(roles))}


# For a handler's (or a router's) ``opt``.
PUBLIC: dict[str, Policy] = {"policy": Policy(None)}
BY_LINK: dict[str, Policy] = {"policy": Policy(None, by_link=True)}
LOGGED_IN: dict[str, Policy] = require(*Role)


async def enforce(connection: Request[Any, Any, Any]) -> None:
    """Litestar's ``before_request``, before every route: deny by default.

    Not a guard: for each of these Litestar copies the whole handler, a tenth of a request's time.

    Raises:
        LogInNeeded: the route wants to know who asks, and nobody known does.
        NotAllowed: another role is needed, the request comes from a foreign page, or the route
            has no policy at all.
    """
    scope = connection.scope
    handler = connection.route_handler
    policy = handler.opt.get("policy")
    if policy is None:
        if scope.get("method") == "OPTIONS":
            return  # Litestar's own: which methods there are.
        _log.error("%s has no policy: nobody may use it", handler)
        raise NotAllowed("This route is closed.")
    if policy.by_link:
        return
    origins.check(connection)
    if policy.roles is None:
        return
    actor = await actor_of(connection)
    if actor is None:
        raise LogInNeeded("Please log in, or send a valid token.")
    if actor.role not in policy.roles:
        raise NotAllowed("Your account may not do this.")


async def actor_of(connection: Connection) -> Actor | None:
    """Who asks, by token or session; None: nobody known. Looked up once per request."""
    scope: Any = connection.scope
    if "actor" in scope:
        known: Actor | None = scope["actor"]
        return known
    text = credential(scope["headers"])
    actor = None
    if text is not None:
        lookup: Lookup = connection.app.state.lookup
        actor = await lookup.actor(digest_of(text))
    scope["actor"] = actor
    return actor


async def eyes_of(connection: Connection) -> tuple[str, ...]:
    """As which audiences somebody looks at slots; seats kept for others are not free for them."""
    actor = await actor_of(connection)
    return ANYBODY if actor is None else actor.audiences or ANYBODY


def current(connection: Connection) -> Actor:
    """Who asks, on a route whose policy has already made sure that somebody does."""
    actor: Actor | None = connection.scope.get("actor")  # type: ignore[assignment]
    if actor is None:
        raise LogInNeeded("Please log in, or send a valid token.")
    return actor


def credential(headers: Headers) -> str | None:
    """The token in the Authorization header, else the session id in our cookie.

    A header that is there but holds no token of ours hides the cookie: a program that sends one
    means to be known by it.
    """
    for name, value in headers:
        if name == b"authorization":
            scheme, _, text = value.decode("latin-1").partition(" ")
            text = text.strip()
            is_ours = text.startswith(TOKEN_PREFIX) and len(text) <= _LONGEST
            return text if scheme.lower() == "bearer" and is_ours else None
    return session_of(headers)


def session_of(headers: Headers) -> str | None:
    """The session id in our cookie, if there is one that we may have issued."""
    for name, value in headers:
        if name == b"cookie":
            for cookie in value.decode("latin-1").split(";"):
                key, _, text = cookie.strip().partition("=")
                if key == COOKIE and text.startswith(SESSION_PREFIX) and len(text) <= _LONGEST:
                    return text
    return None


def digest_of(text: str) -> bytes:
    """What is stored of a token or a session id."""
    return hashlib.sha256(text.encode()).digest()


async def revoke(connection: Connection, digests: list[bytes]) -> None:
    """Forget these here at once, and tell the other processes.

    They would forget them within ten seconds anyway; a lost message does no lasting harm.
    """
    state = connection.app.state
    state.lookup.drop(digests)
    if digests and state.nats.is_connected:
        await state.nats.publish(REVOKED, b"".join(digests))
