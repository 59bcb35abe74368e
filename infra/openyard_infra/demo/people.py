"""Families, schools' and venues' staff, volunteers and supervisors, all without names."""

from uuid import UUID

from msgspec import Struct

from openyard_infra.demo.districts import DISTRICTS, District
from openyard_infra.demo.organisations import Organisation, offering, schools
from openyard_infra.demo.stable import number, stable_id
from openyard_platform.domain import feed_kinds
from openyard_platform.domain.people import Role

FAMILIES = 420
VOLUNTEERS = 40

_CHILDREN = ("老大", "老二", "老三")
_GRADE_NAMES = "一二三四五六七八九"
_PRIMARY, _MIDDLE = (1, 2, 3, 4, 5, 6), (7, 8, 9)


class Child(Struct, frozen=True, kw_only=True):
    """``age``: in the year the city is loaded."""

    id: UUID
    name: str
    age: int
    school_id: UUID


class StudyGroup(Struct, frozen=True, kw_only=True):
    id: UUID
    organisation_id: UUID
    name: str
    grade: int
    size: int
    adults: int


class Account(Struct, frozen=True, kw_only=True):
    """One who can log in. ``organisation``: of staff. ``family_id``, ``children``: a family's.

    ``district``: a supervisor's; none is the whole city.
    """

    id: UUID
    login: str
    name: str
    role: Role
    organisation: Organisation | None = None
    district: District | None = None
    family_id: UUID | None = None
    children: tuple[Child, ...] = ()

    @property
    def holder_id(self) -> UUID:
        """Whose this account's reservations are, as ``Actor.holder_id`` has it."""
        if self.family_id is not None:
            return self.family_id
        if self.role is Role.SCHOOL and self.organisation is not None:
            return self.organisation.id
        return self.id

    @property
    def feed_id(self) -> UUID:
        """The calendar whose link it gets first: staff of a venue see its slots."""
        if self.role is Role.VENUE and self.organisation is not None:
            return feed_kinds.staff_id(self.organisation.id)
        return self.holder_id


def accounts(seed: int, city: tuple[Organisation, ...]) -> tuple[Account, ...]:
    """Everybody: families first, since most of what is tried out is tried as one."""
    found = [_family(seed, ordinal, city) for ordinal in range(1, FAMILIES + 1)]
    found += [_staff(seed, school, Role.SCHOOL) for school in schools(city)]
    found += [_staff(seed, venue, Role.VENUE) for venue in offering(city)]
    found += [_volunteer(seed, ordinal) for ordinal in range(1, VOLUNTEERS + 1)]
    found.append(_supervisor(seed, None))
    found += [_supervisor(seed, district) for district in DISTRICTS]
    return tuple(found)


def study_groups(seed: int, city: tuple[Organisation, ...]) -> tuple[StudyGroup, ...]:
    """Two classes a grade for every school."""
    return tuple(
        _class(seed, school, grade, ordinal)
        for school in schools(city)
        for grade in (_MIDDLE if "middle" in school.key else _PRIMARY)
        for ordinal in (1, 2)
    )


def _family(seed: int, ordinal: int, city: tuple[Organisation, ...]) -> Account:
    label = f"{ordinal:03}"
    # Three of ten have one child, four have two, the others three.
    count = (1, 1, 1, 2, 2, 2, 2, 3, 3, 3)[number(seed, 10, "family", ordinal)]
    district = DISTRICTS[number(seed, len(DISTRICTS), "home", ordinal)]
    near = [school for school in schools(city) if school.district == district.key]
    return Account(
        id=stable_id(seed, "account", "family", ordinal),
        login=_login(f"family-{label}"),
        name=f"演示家庭 {label}",
        role=Role.FAMILY,
        family_id=stable_id(seed, "family", ordinal),
        children=tuple(_child(seed, ordinal, place, near) for place in range(count)),
    )


def _child(seed: int, family: int, place: int, near: list[Organisation]) -> Child:
    # The first is 10 to 15 this year, each further one three years younger: all of school age.
    age = 10 + number(seed, 6, "child", family) - 3 * place
    stage = "middle" if age > 12 else "primary"  # noqa: PLR2004 - years of age
    fitting = [school for school in near if stage in school.key]
    return Child(
        id=stable_id(seed, "child", family, place),
        name=_CHILDREN[place],
        age=age,
        school_id=fitting[number(seed, len(fitting), "school", family, place)].id,
    )


def _staff(seed: int, organisation: Organisation, role: Role) -> Account:
    what = "团组预约" if role is Role.SCHOOL else "场馆"
    return Account(
        id=stable_id(seed, "account", role, organisation.key),
        login=_login(f"{role}-{organisation.key}"),
        name=f"{organisation.name} {what}老师"
        if role is Role.SCHOOL
        else f"{organisation.name} {what}管理员",
        role=role,
        organisation=organisation,
    )


def _volunteer(seed: int, ordinal: int) -> Account:
    return Account(
        id=stable_id(seed, "account", "volunteer", ordinal),
        login=_login(f"volunteer-{ordinal:03}"),
        name=f"演示志愿者 {ordinal:03}",
        role=Role.VOLUNTEER,
    )


def _supervisor(seed: int, district: District | None) -> Account:
    key = district.key if district else "city"
    return Account(
        id=stable_id(seed, "account", "supervisor", key),
        login=_login(f"supervisor-{key}"),
        name=f"{district.name if district else '全市'}督导员",
        role=Role.SUPERVISOR,
        district=district,
    )


def _class(seed: int, school: Organisation, grade: int, ordinal: int) -> StudyGroup:
    size = 36 + number(seed, 15, school.key, grade, ordinal)
    return StudyGroup(
        id=stable_id(seed, "study group", school.key, grade, ordinal),
        organisation_id=school.id,
        name=f"{_GRADE_NAMES[grade - 1]}年级（{ordinal}）班",
        grade=grade,
        size=size,
        adults=-(-size // 10),
    )


def _login(name: str) -> str:
    return f"{name}@demo.example"
