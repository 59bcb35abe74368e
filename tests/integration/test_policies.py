"""Every route against every role: what has no policy, or lets the wrong ones in, fails here."""

import re
from collections.abc import Iterator
from uuid import uuid4

import pytest
from litestar import Litestar, get
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from openyard_platform.domain.people import Role
from openyard_platform.web.app import create_app
from openyard_platform.web.auth import Policy
from tests.integration import people
from tests.integration.conftest import browser


def _routes(app: Litestar) -> Iterator[tuple[str, str, HTTPRouteHandler]]:
    for route in app.routes:
        assert isinstance(route, HTTPRoute), f"{route.path}: the guards do not see this kind"
        for handler in route.route_handlers:
            for method in handler.http_methods:
                if method != "OPTIONS":
                    yield method, route.path_format, handler


def _address(path: str) -> str:
    return re.sub(r"{[^}]+}", str(uuid4()), path)


def test_every_route_states_its_policy(app):
    """ASVS 8.1.1: which route is for whom is written down."""
    open_ones = [
        f"{method} {path}"
        for method, path, handler in _routes(app)
        if not isinstance(handler.opt.get("policy"), Policy)
    ]
    assert open_ones == []


async def test_who_is_not_logged_in_reaches_public_routes_only(app):
    """ASVS 8.2.1: function-level access is restricted to those with permission."""
    async with browser(app) as client:
        for method, path, handler in _routes(app):
            if handler.opt["policy"].roles is not None:
                answer = await client.request(method, _address(path))
                # A page leads to the log-in instead.
                assert answer.status_code in (401, 302, 303), f"{method} {path}"


async def test_an_unknown_token_reaches_public_routes_only(app):
    async with browser(app) as client:
        client.headers["Authorization"] = "Bearer oy_" + "0" * 64
        for method, path, handler in _routes(app):
            if handler.opt["policy"].roles is not None:
                answer = await client.request(method, _address(path))
                assert answer.status_code in (401, 302, 303), f"{method} {path}"


@pytest.mark.parametrize("role", list(Role))
async def test_a_role_is_kept_out_of_what_is_not_its_own(app, role):
    """ASVS 8.2.1, 8.3.1: enforced by the server, for each role."""
    person = await people.person(role)
    async with person.client(app) as client:
        for method, path, handler in _routes(app):
            roles = handler.opt["policy"].roles
            if roles is not None and role not in roles:
                answer = await client.request(method, _address(path))
                assert answer.status_code == 403, f"{method} {path}"


def test_the_walk_notices_a_route_without_a_policy(settings):
    """The guard of the test above, taken away."""

    @get("/forgotten")
    async def forgotten() -> str:
        return ""

    with pytest.raises(AssertionError, match="forgotten"):
        test_every_route_states_its_policy(create_app(settings, handlers=[forgotten]))
