"""Study groups, to and from PostgreSQL: each query takes the school whose they are."""

import datetime as dt
from uuid import UUID

from openyard_platform.domain.accounts import NewStudyGroup
from openyard_platform.store.tables import StudyGroupRow


async def of_school(organisation_id: UUID) -> list[StudyGroupRow]:
    rows: list[StudyGroupRow] = (
        await StudyGroupRow.objects()
        .where(StudyGroupRow.organisation_id == organisation_id)
        .order_by(StudyGroupRow.grade)
        .order_by(StudyGroupRow.name)
        .order_by(StudyGroupRow.id)
    )
    return rows


async def insert(group: NewStudyGroup, organisation_id: UUID, now: dt.datetime) -> None:
    await StudyGroupRow.insert(
        StudyGroupRow(
            id=group.id,
            organisation_id=organisation_id,
            name=group.name,
            grade=group.grade,
            size=group.size,
            adults=group.adults,
            needs=group.needs,
            created_at=now,
        )
    )


async def delete(group_id: UUID, organisation_id: UUID) -> bool:
    """Whether this school had such a group."""
    deleted = (
        await StudyGroupRow.delete()
        .where(StudyGroupRow.id == group_id)
        .where(StudyGroupRow.organisation_id == organisation_id)
        .returning(StudyGroupRow.id)
    )
    return bool(deleted)
