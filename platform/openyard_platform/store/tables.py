"""Piccolo's picture of the tables that are read and written one row at a time."""

from piccolo.columns import UUID, Boolean, Bytea, Integer, Text, Timestamptz
from piccolo.table import Table

from openyard_platform.store.engine import DB


class AccountRow(Table, tablename="account", db=DB):
    id = UUID(primary_key=True)
    email = Text()
    password_hash = Text(null=True, default=None)
    display_name = Text()
    role = Text()
    family_id = UUID(null=True, default=None)
    organisation_id = UUID(null=True, default=None)
    staff_role = Text(null=True, default=None)
    district_key = Text(null=True, default=None)
    active = Boolean(default=True)
    feed_generation = Integer(default=1)
    created_at = Timestamptz()


class OrganisationRow(Table, tablename="organisation", db=DB):
    id = UUID(primary_key=True)
    key = Text()
    name = Text()
    kind = Text()
    district_key = Text()


class StudyGroupRow(Table, tablename="study_group", db=DB):
    id = UUID(primary_key=True)
    organisation_id = UUID()
    name = Text()
    grade = Integer()
    size = Integer()
    adults = Integer()
    needs = Text()
    created_at = Timestamptz()


class SessionRow(Table, tablename="session", db=DB):
    token_hash = Bytea(primary_key=True)
    account_id = UUID()
    created_at = Timestamptz()
    expires_at = Timestamptz()


class ApiTokenRow(Table, tablename="api_token", db=DB):
    id = UUID(primary_key=True)
    token_hash = Bytea()
    account_id = UUID()
    name = Text()
    created_at = Timestamptz()
    last_used_at = Timestamptz(null=True, default=None)
    revoked_at = Timestamptz(null=True, default=None)


class OneTimeCodeRow(Table, tablename="one_time_code", db=DB):
    id = UUID(primary_key=True)
    email = Text()
    code_hash = Bytea()
    tries = Integer(default=0)
    created_at = Timestamptz()
    expires_at = Timestamptz()
    used_at = Timestamptz(null=True, default=None)
