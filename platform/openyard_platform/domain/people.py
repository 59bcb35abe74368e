"""Who acts: an account as the rules see it."""

from enum import StrEnum
from uuid import UUID

from msgspec import Struct

from openyard_events.contracts import Audience


class Role(StrEnum):
    FAMILY = "family"
    SCHOOL = "school"
    VENUE = "venue"
    VOLUNTEER = "volunteer"
    SUPERVISOR = "supervisor"


_AUDIENCES: dict[Role, tuple[str, ...]] = {
    Role.FAMILY: (Audience.FAMILY, Audience.RESIDENT),
    Role.SCHOOL: (Audience.SCHOOL,),
    Role.VOLUNTEER: (Audience.VOLUNTEER, Audience.RESIDENT),
    Role.VENUE: (Audience.COMMUNITY,),
    Role.SUPERVISOR: (),
}


# Who looks at slots and has not said who they are, or books nothing: a family of the city.
ANYBODY = _AUDIENCES[Role.FAMILY]


class Actor(Struct, frozen=True, kw_only=True):
    """A logged-in account. ``holder_id``: whose its reservations are (family, school, itself)."""

    account_id: UUID
    role: Role
    display_name: str
    family_id: UUID | None = None
    organisation_id: UUID | None = None
    organisation_key: str | None = None
    staff_role: str | None = None
    district_key: str | None = None

    @property
    def holder_id(self) -> UUID:
        if self.role is Role.FAMILY and self.family_id is not None:
            return self.family_id
        if self.role is Role.SCHOOL and self.organisation_id is not None:
            return self.organisation_id
        return self.account_id

    @property
    def audiences(self) -> tuple[str, ...]:
        return _AUDIENCES[self.role]
