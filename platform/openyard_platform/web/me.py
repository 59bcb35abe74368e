"""HTTP for one's own account."""

from typing import Any
from uuid import UUID

from litestar import Request, get, patch
from litestar.params import JSONBody
from msgspec import UNSET, Struct, UnsetType

from openyard_platform import clock
from openyard_platform.actions import invitations
from openyard_platform.domain.errors import LogInNeeded
from openyard_platform.domain.invitations import CalendarDelivery
from openyard_platform.domain.people import Role
from openyard_platform.store import accounts as records
from openyard_platform.web import auth


class OrganisationOut(Struct, frozen=True, kw_only=True):
    id: UUID
    key: str
    name: str


class Me(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An account as its owner sees it. ``organisation``: of schools' and venues' staff.

    ``calendar_delivery``: how its reservations come into its calendar, fetched as a feed or sent
    as invitations by mail.
    """

    id: UUID
    email: str
    display_name: str
    role: Role
    calendar_delivery: CalendarDelivery
    family_id: UUID | None = None
    organisation: OrganisationOut | None = None
    staff_role: str | None = None
    district: str | None = None


class MeIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one may change of oneself; what is left out stays."""

    calendar_delivery: CalendarDelivery | UnsetType = UNSET


async def load(account_id: UUID) -> Me:
    row = await records.one(account_id)
    if row is None:
        raise LogInNeeded("This account is gone.")
    organisation = None
    if row["organisation_id"] is not None:
        organisation = OrganisationOut(
            id=row["organisation_id"],
            key=row["organisation_key"],
            name=row["organisation_name"],
        )
    return Me(
        id=row["id"],
        email=row["email"],
        display_name=row["display_name"],
        role=Role(row["role"]),
        calendar_delivery=CalendarDelivery(row["calendar_delivery"]),
        family_id=row["family_id"],
        organisation=organisation,
        staff_role=row["staff_role"],
        district=row["district"],
    )


@get("/api/v1/me", opt=auth.LOGGED_IN, operation_id="get_me", tags=["accounts"])
async def show(request: Request[Any, Any, Any]) -> Me:
    return await load(auth.current(request).account_id)


@patch("/api/v1/me", opt=auth.LOGGED_IN, operation_id="change_me", tags=["accounts"])
async def change(request: Request[Any, Any, Any], data: JSONBody[MeIn]) -> Me:
    account_id = auth.current(request).account_id
    if data.calendar_delivery is not UNSET:
        by_mail = bool(request.app.state.settings.smtp_url)
        await invitations.choose(account_id, data.calendar_delivery, clock.now(), by_mail=by_mail)
    return await load(account_id)


handlers = [show, change]
