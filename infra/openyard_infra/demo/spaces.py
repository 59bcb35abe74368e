"""Which rooms, halls and courts an organisation of each category has."""

from uuid import UUID

from msgspec import Struct

from openyard_infra.demo.stable import stable_id


class Space(Struct, frozen=True, kw_only=True):
    """``parent``: key of the space it is a part of. ``room``: for how many people it is shared."""

    id: UUID
    key: str
    name: str
    parent: str | None = None
    room: int | None = None


# key, name; before the key of a part "its whole" and a slash: a hall stands before its courts.
# Behind the name of a room that slots share "@" and for how many people.
_LAYOUTS: dict[str, tuple[tuple[str, str], ...]] = {
    "library": (
        ("reading-room", "少儿阅览室"),
        ("lecture-hall", "报告厅"),
        ("picture-books", "绘本与手工活动室"),
        ("quiet-reading-room", "成人阅览室@60"),
    ),
    "museum": (
        ("gallery", "基本陈列展厅"),
        ("temporary-gallery", "临时展厅"),
        ("classroom", "教育活动室"),
    ),
    "science_hall": (
        ("exhibition", "常设展厅"),
        ("exhibition/aerospace", "航天展区"),
        ("exhibition/machinery", "智能制造展区"),
        ("planetarium", "天象厅"),
        ("laboratory", "科学实验室"),
    ),
    "art_museum": (("gallery", "展厅"), ("studio", "公共教育画室")),
    "cultural_centre": (
        ("theatre", "小剧场"),
        ("dance-room", "舞蹈排练厅"),
        ("calligraphy-room", "书法教室"),
    ),
    "youth_palace": (
        ("theatre", "少年剧场"),
        ("model-room", "航模与机器人教室"),
        ("art-room", "美术教室"),
    ),
    "youth_activity_centre": (
        ("hall", "综合活动大厅"),
        ("hall/climbing", "攀岩区"),
        ("hall/table-tennis", "乒乓球区"),
        ("maker-room", "创客教室"),
    ),
    "women_and_children_centre": (
        ("family-hall", "亲子活动厅"),
        ("classroom", "家庭教育课堂"),
    ),
    "fire_station": (
        ("station", "站区"),
        ("station/vehicle-yard", "车辆器材展示区"),
        ("station/training-ground", "训练场"),
        ("classroom", "消防宣教室"),
    ),
    "sports_hall": (
        ("main-hall", "主馆"),
        ("main-hall/court-1", "1号羽毛球场"),
        ("main-hall/court-2", "2号羽毛球场"),
        ("main-hall/court-3", "3号羽毛球场"),
        ("main-hall/court-4", "4号羽毛球场"),
        ("table-tennis", "乒乓球室"),
    ),
    "patriotic_education_base": (("exhibition-hall", "展陈馆"), ("lecture-hall", "宣讲厅")),
    "red_education_base": (("exhibition-hall", "展陈馆"), ("lecture-hall", "宣讲厅")),
    "science_popularisation_base": (("garden", "科普园区"), ("laboratory", "观察实验室")),
    "labour_base": (
        ("field", "农耕园"),
        ("field/plot-1", "一号实践田"),
        ("field/plot-2", "二号实践田"),
        ("workshop", "手作工坊"),
    ),
    "study_trip_base": (("exhibition", "展示馆"), ("workshop", "研学工坊")),
    "comprehensive_practice_base": (
        ("camp", "营地"),
        ("camp/high-ropes", "拓展区"),
        ("camp/kitchen", "野炊区"),
        ("workshop", "综合实践教室"),
    ),
    "legal_education_base": (("moot-court", "模拟法庭"), ("gallery", "法治展厅")),
    "art_troupe": (("theatre", "剧场"), ("rehearsal-hall", "排练厅")),
    "medical_institution": (("classroom", "健康教育课堂"),),
    "university_facility": (
        ("gym", "体育馆"),
        ("gym/court-1", "1号球场"),
        ("gym/court-2", "2号球场"),
        ("library", "图书馆自习区"),
        ("laboratory", "开放实验室"),
    ),
    "open_school_facility": (
        ("yard", "运动场"),
        ("yard/basketball-1", "1号篮球场"),
        ("yard/basketball-2", "2号篮球场"),
        ("yard/football", "足球场"),
        ("gym", "体育馆"),
        ("gym/badminton-1", "1号羽毛球场"),
        ("gym/badminton-2", "2号羽毛球场"),
        ("library", "图书室"),
    ),
    "community": (("activity-room", "社区活动室"), ("parents-school", "社区家长学校")),
    "association": (("lecturers", "讲师团（到校）"), ("classroom", "公益课堂")),
}


def spaces_of(seed: int, organisation_key: str, layout: str) -> tuple[Space, ...]:
    """The spaces of one organisation, each whole before its parts."""
    return tuple(
        _space(seed, organisation_key, path, name) for path, name in _LAYOUTS.get(layout, ())
    )


def _space(seed: int, organisation_key: str, path: str, name: str) -> Space:
    parent, _, key = path.rpartition("/")
    name, _, room = name.partition("@")
    return Space(
        id=stable_id(seed, "space", organisation_key, key),
        key=key,
        name=name,
        parent=parent or None,
        room=int(room) if room else None,
    )
