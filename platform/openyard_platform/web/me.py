"""HTTP for one's own account."""

from typing import Any
from uuid import UUID

from litestar import Request, get
from msgspec import Struct

from openyard_platform.domain.errors import LogInNeeded
from openyard_platform.domain.people import Role
from openyard_platform.store import accounts as records
from openyard_platform.web import auth


class OrganisationOut(Struct, frozen=True, kw_only=True):
    id: UUID
    key: str
    name: str


class Me(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An account as its owner sees it. ``organisation``: of schools' and venues' staff."""

    id: UUID
    email: str
    display_name: str
    role: Role
    family_id: UUID | None = None
    organisation: OrganisationOut | None = None
    staff_role: str | None = None
    district: str | None = None


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
        family_id=row["family_id"],
        organisation=organisation,
        staff_role=row["staff_role"],
        district=row["district"],
    )


@get("/api/v1/me", opt=auth.LOGGED_IN, operation_id="get_me", tags=["accounts"])
async def show(request: Request[Any, Any, Any]) -> Me:
    return await load(auth.current(request).account_id)


handlers = [show]
