"""HTTP for the links to one's own calendars."""

from typing import Any

from litestar import Request, Router, delete, get, post
from litestar.params import FromQuery

from openyard_platform import clock
from openyard_platform.actions import feed_links
from openyard_platform.actions.feed_links import FeedAddress, OwnFeed
from openyard_platform.web import auth

Call = Request[Any, Any, Any]


@get("/api/v1/feeds", operation_id="ownFeeds", opt=auth.LOGGED_IN)
async def show(request: Call) -> list[OwnFeed]:
    """The calendars one may have: one's own, of one's study groups, of the venue one works for."""
    settings = request.app.state.settings
    return await feed_links.own_feeds(
        auth.current(request), secret_key=settings.secret_key, base_url=settings.base_url
    )


@post("/api/v1/feeds", operation_id="giveFeed", opt=auth.LOGGED_IN, status_code=201)
async def give(request: Call, feed: FromQuery[str | None] = None) -> FeedAddress:
    """The secret link to a calendar, the same each time until it is rotated.

    Without ``feed`` to the likeliest: one's own, for the staff of a venue that of its slots.
    """
    actor, settings = auth.current(request), request.app.state.settings
    chosen = await feed_links.chosen(actor, feed)
    return await feed_links.address(
        actor.account_id,
        chosen.owner_id,
        secret_key=settings.secret_key,
        base_url=settings.base_url,
        now=clock.now(),
    )


@post("/api/v1/feeds/rotate", operation_id="rotateFeed", opt=auth.LOGGED_IN, status_code=201)
async def rotate(request: Call, feed: FromQuery[str | None] = None) -> FeedAddress:
    """A new link; calendars that hold the old one are told that it is gone."""
    actor, settings = auth.current(request), request.app.state.settings
    chosen = await feed_links.chosen(actor, feed)
    return await feed_links.rotate(
        actor.account_id,
        chosen.owner_id,
        secret_key=settings.secret_key,
        base_url=settings.base_url,
        now=clock.now(),
    )


@delete("/api/v1/feeds", operation_id="revokeFeed", opt=auth.LOGGED_IN, status_code=204)
async def revoke(request: Call, feed: FromQuery[str | None] = None) -> None:
    actor = auth.current(request)
    chosen = await feed_links.chosen(actor, feed)
    await feed_links.revoke(actor.account_id, chosen.owner_id, clock.now())


router = Router("/", route_handlers=[show, give, rotate, revoke], tags=["calendars"])
