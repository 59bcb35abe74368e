"""The ASGI application."""

from collections.abc import Sequence

from litestar import Router
from litestar.datastructures import State
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme
from litestar.types import ControllerRouterHandler

from openyard_platform.settings import Settings
from openyard_platform.web import (
    auth,
    calendar_addresses,
    calendar_days,
    calendar_files,
    children,
    closures,
    delegations,
    feed_links,
    feeds,
    headers,
    health,
    imports,
    inbox,
    live,
    me,
    openapi,
    reservations,
    resources,
    schedule_files,
    schedules,
    sessions,
    signups,
    slots,
    spaces,
    study_groups,
    terms,
    tokens,
    venues,
)
from openyard_platform.web.bodies import StrictRequest
from openyard_platform.web.metrics import Metrics
from openyard_platform.web.pages import errors, site
from openyard_platform.web.short_way import Platform

# What a form or a JSON document of ours ever needs; a route that takes more says so itself.
MAX_BODY = 256 * 1024

# One line for each noun.
ROUTES: list[ControllerRouterHandler] = [
    *health.handlers,
    signups.router,
    sessions.router,
    *me.handlers,
    tokens.router,
    children.router,
    delegations.router,
    study_groups.router,
    slots.router,
    venues.router,
    closures.router,
    spaces.router,
    schedules.router,
    schedule_files.router,
    imports.router,
    calendar_addresses.router,
    calendar_days.router,
    terms.router,
    reservations.router,
    feeds.router,
    feed_links.router,
    inbox.router,
    site.router,
    site.static_files,
]


def create_app(settings: Settings, *, handlers: Sequence[ControllerRouterHandler] = ()) -> Platform:
    """The web of the platform. ``handlers``: routes besides our own, e.g. a benchmark's."""
    return Platform(
        route_handlers=[*ROUTES, *handlers],
        state=State({"settings": settings, "metrics": Metrics()}),
        lifespan=[
            resources.opened,
            live.opened,
            reservations.opened,
            feeds.opened,
            venues.opened,
            calendar_files.opened,
        ],
        before_request=auth.enforce,
        exception_handlers=errors.HANDLERS,
        before_send=[headers.add],
        request_class=StrictRequest,
        request_max_body_size=MAX_BODY,
        multipart_form_part_limit=20,
        openapi_config=_openapi(),
        logging_config=None,
        debug=False,
    )


def _openapi() -> OpenAPIConfig:
    return OpenAPIConfig(
        title="Openyard",
        version="0.1.0",
        description="Slots, reservations and calendars of a city's venues.",
        # The document only: the usual viewers load their scripts from elsewhere.
        openapi_router=Router("/schema", route_handlers=[], opt=auth.PUBLIC),
        render_plugins=[openapi.Json(path=["/", "/openapi.json"])],
        components=Components(
            security_schemes={
                "token": SecurityScheme(type="http", scheme="bearer"),
                "session": SecurityScheme(
                    type="apiKey", name=auth.COOKIE, security_scheme_in="cookie"
                ),
            }
        ),
    )
