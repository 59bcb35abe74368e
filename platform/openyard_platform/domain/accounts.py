"""Accounts, children and study groups as they are made: shapes and rules, no I/O."""

import re
from uuid import UUID

from msgspec import Struct

from openyard_platform.domain.errors import Invalid
from openyard_platform.domain.people import Role

# One "@", no white space, a dot in the domain: the code that is sent there is the real check.
_EMAIL = re.compile(r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})+")
_LONGEST_EMAIL = 254


class NewAccount(Struct, frozen=True, kw_only=True):
    """An account to be. ``family_id``: for role family, the new family's.

    ``organisation_id`` and ``staff_role``: for schools' and venues' staff. ``token_hash``: of an
    API token that it has from the start.
    """

    id: UUID
    email: str
    display_name: str
    role: Role
    password_hash: str | None = None
    family_id: UUID | None = None
    organisation_id: UUID | None = None
    staff_role: str | None = None
    district_key: str | None = None
    token_hash: bytes | None = None


class NewChild(Struct, frozen=True, kw_only=True):
    """``school``: the key of its school, where the family wants to say."""

    id: UUID
    display_name: str
    birth_year: int
    school: str | None = None


class NewStudyGroup(Struct, frozen=True, kw_only=True):
    id: UUID
    name: str
    grade: int
    size: int
    adults: int = 0
    needs: str = ""


def email_of(text: str) -> str:
    """The address as it is stored and compared.

    Raises:
        Invalid: no address of the usual form.
    """
    email = text.strip().lower()
    if len(email) > _LONGEST_EMAIL or not _EMAIL.fullmatch(email):
        raise Invalid("This is not an e-mail address.", code="email_malformed")
    return email
