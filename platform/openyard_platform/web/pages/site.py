"""All pages in one router, and the files they need in another."""

from litestar import Router
from litestar.datastructures import CacheControlHeader
from litestar.static_files import create_static_files_router

from openyard_platform.web import auth
from openyard_platform.web.pages import (
    accounts,
    browse,
    calendar,
    calendars,
    closures,
    delegations,
    errors,
    family,
    imports,
    notifications,
    offer_links,
    rendering,
    reservations,
    schedule_files,
    schedules,
    slot,
)

# Its address changes with its content (``?v=``), so it may be kept for ever.
_FOR_EVER = CacheControlHeader(max_age=31_536_000, public=True, immutable=True)

router = Router(
    "/",
    route_handlers=[
        browse.home,
        browse.index,
        slot.show,
        slot.reserve,
        reservations.index,
        reservations.show,
        reservations.cancel,
        reservations.change_seats,
        reservations.accept,
        reservations.decline,
        calendar.show,
        calendar.choose,
        calendar.code,
        calendar.rotate,
        calendar.revoke,
        calendars.index,
        calendars.holidays,
        calendars.district,
        calendars.venue,
        notifications.index,
        notifications.mark_read,
        offer_links.show,
        offer_links.answer,
        accounts.login_form,
        accounts.login,
        accounts.logout_form,
        accounts.logout,
        accounts.signup_form,
        accounts.signup,
        accounts.verify,
        accounts.mine,
        closures.blank,
        closures.take,
        closures.lift,
        schedules.index,
        schedule_files.export,
        schedule_files.take,
        schedules.blank,
        schedules.add,
        schedules.show,
        schedules.change,
        schedules.end,
        imports.index,
        imports.upload,
        imports.show,
        imports.apply,
        family.index,
        family.add,
        family.remove,
        delegations.grant,
        delegations.revoke,
        delegations.entrusted,
    ],
    opt=auth.PUBLIC | errors.OPT,
    include_in_schema=False,
)

static_files = create_static_files_router(
    "/static",
    directories=[rendering.STATIC],
    cache_control=_FOR_EVER,
    opt=auth.PUBLIC,
    include_in_schema=False,
)
