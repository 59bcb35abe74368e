"""The city's schools, venues, communities and associations: public institutions by kind."""

from uuid import UUID

import msgspec
from msgspec import Struct

from openyard_infra.demo.districts import BY_KEY
from openyard_infra.demo.spaces import Space, spaces_of
from openyard_infra.demo.stable import number, stable_id
from openyard_platform.domain.organisations import Kind


class Organisation(Struct, frozen=True, kw_only=True):
    """``layout``: what its spaces and its programme follow from; none offers no slots."""

    id: UUID
    key: str
    name: str
    kind: Kind
    category: str | None
    layout: str
    district: str
    address: str
    latitude: float
    longitude: float
    description: str
    spaces: tuple[Space, ...]


# key, name, category, district
_VENUES = """
city-library 市图书馆 library chengzhong
childrens-library 市少年儿童图书馆 library yufeng
luzhai-library 鹿寨县图书馆 library luzhai
liucheng-library 柳城县图书馆 library liucheng
city-museum 市博物馆 museum chengzhong
industry-museum 市工业博物馆 museum yufeng
sanjiang-museum 三江侗族自治县博物馆 museum sanjiang
science-hall 市科技馆 science_hall chengzhong
art-museum 市美术馆 art_museum liunan
city-cultural-centre 市群众艺术馆 cultural_centre chengzhong
liujiang-cultural-centre 柳江区文化馆 cultural_centre liujiang
rongshui-cultural-centre 融水苗族自治县文化馆 cultural_centre rongshui
youth-palace 市青少年宫 youth_palace liubei
youth-activity-centre 市青少年活动中心 youth_activity_centre liunan
women-children-centre 市妇女儿童活动中心 women_and_children_centre yufeng
sports-centre 市体育中心 sports_hall yufeng
liubei-fitness-centre 柳北区全民健身中心 sports_hall liubei
rongan-sports-hall 融安县体育馆 sports_hall rongan
liubei-fire-station 柳北区消防救援站 fire_station liubei
liujiang-fire-station 柳江区消防救援站 fire_station liujiang
luzhai-fire-station 鹿寨县消防救援站 fire_station luzhai
memorial-hall 市革命历史纪念馆 patriotic_education_base chengzhong
rongan-red-base 融安县红色教育基地 red_education_base rongan
botanical-garden 市植物科普园 science_popularisation_base liunan
liucheng-labour-base 柳城县中小学劳动教育基地 labour_base liucheng
sanjiang-study-base 三江侗族自治县民族文化研学实践教育基地 study_trip_base sanjiang
luzhai-practice-base 鹿寨县中小学综合实践教育基地 comprehensive_practice_base luzhai
legal-education-base 市青少年法治教育基地 legal_education_base liunan
city-theatre 市艺术剧院 art_troupe chengzhong
maternity-child-health 市妇幼保健院健康教育中心 medical_institution liunan
"""

# key, name, kind, category or "-", layout or "-", district
_OTHERS = """
science-university 市理工学院 university university_facility university_facility yufeng
vocational-college 市职业技术学院 university university_facility university_facility liubei
motor-works 市汽车工业展示中心 company study_trip_base study_trip_base liunan
rice-noodle-park 螺蛳粉产业园研学中心 company study_trip_base study_trip_base yufeng
liubei-community 柳北区中心社区 community - community liubei
chengzhong-community 城中区中心社区 community - community chengzhong
liunan-community 柳南区中心社区 community - community liunan
rongshui-community 融水苗族自治县中心社区 community - community rongshui
science-association 市科学技术协会 association science_popularisation_base association chengzhong
next-generation-committee 市关心下一代工作委员会 association - association chengzhong
family-education-society 市家庭教育学会 association - association liubei
education-bureau 市教育局 department - - chengzhong
culture-bureau 市文化广电和旅游局 department - - chengzhong
sports-bureau 市体育局 department - - yufeng
"""

# key, name, district; those with a "*" open their yard, gym and library at weekends.
_SCHOOLS = """
middle-school-3 市第三中学 liubei *
middle-school-6 市第六中学 chengzhong *
middle-school-9 市第九中学 yufeng *
middle-school-12 市第十二中学 liunan *
liujiang-middle-school-2 柳江区第二中学 liujiang *
liucheng-middle-school-1 柳城县第一中学 liucheng *
luzhai-middle-school-2 鹿寨县第二中学 luzhai *
rongan-middle-school-1 融安县第一中学 rongan *
rongshui-middle-school-1 融水苗族自治县第一中学 rongshui *
sanjiang-middle-school-2 三江侗族自治县第二中学 sanjiang *
middle-school-15 市第十五中学 liunan -
middle-school-18 市第十八中学 liubei -
liubei-primary-1 柳北区第一实验小学 liubei -
liubei-primary-2 柳北区第二小学 liubei -
chengzhong-primary-1 城中区实验小学 chengzhong -
chengzhong-primary-2 城中区第二小学 chengzhong -
yufeng-primary-1 鱼峰区实验小学 yufeng -
yufeng-primary-2 鱼峰区第二小学 yufeng -
liunan-primary-1 柳南区实验小学 liunan -
liujiang-primary-1 柳江区实验小学 liujiang -
liucheng-primary-1 柳城县实验小学 liucheng -
luzhai-primary-1 鹿寨县实验小学 luzhai -
rongan-primary-1 融安县实验小学 rongan -
rongshui-primary-1 融水苗族自治县实验小学 rongshui -
sanjiang-primary-1 三江侗族自治县实验小学 sanjiang -
"""

_DESCRIPTIONS = {
    "venue": "面向中小学生和家庭公益开放，学校团组可通过绿色通道预约。",
    "school": "家校社协同育人“教联体”的圆心学校。",
    "community": "社区家长学校和青少年校外活动空间，服务周边居民。",
    "department": "市级部门，统筹协调家校社协同育人工作。",
    "university": "高校文体场馆和实验室在课余有序向中小学生和居民开放。",
    "company": "企业展示与研学空间，让学生走近本地工业。",
    "association": "组织专家、“五老”和志愿者走进校园、服务家庭。",
}
_OPEN_SCHOOL = "体育场馆和图书室在周末有序向学生、家长和周边居民开放。"


def organisations(seed: int) -> tuple[Organisation, ...]:
    """All of them: venues first, then the other kinds, then the schools."""
    found = []
    for row in _rows(_VENUES):
        key, name, category, district = row
        found.append(_organisation(seed, key, name, "venue", category, category, district))
    for row in _rows(_OTHERS):
        key, name, kind, category, layout, district = row
        found.append(_organisation(seed, key, name, kind, category, layout, district))
    for row in _rows(_SCHOOLS):
        key, name, district, opens = row
        category = "open_school_facility" if opens == "*" else "-"
        found.append(_organisation(seed, key, name, "school", category, category, district))
    return tuple(found)


def offering(city: tuple[Organisation, ...]) -> tuple[Organisation, ...]:
    """Those that offer slots."""
    return tuple(each for each in city if each.spaces)


def schools(city: tuple[Organisation, ...]) -> tuple[Organisation, ...]:
    return tuple(each for each in city if each.kind == "school")


def _rows(table: str) -> list[list[str]]:
    return [line.split() for line in table.strip().splitlines()]


def _organisation(  # noqa: PLR0913 - one column of the tables above each
    seed: int, key: str, name: str, kind: str, category: str, layout: str, district: str
) -> Organisation:
    centre = BY_KEY[district]
    opens = category == "open_school_facility"
    return Organisation(
        id=stable_id(seed, "organisation", key),
        key=key,
        name=name,
        kind=msgspec.convert(kind, Kind),
        category=None if category == "-" else category,
        layout="" if layout == "-" else layout,
        district=district,
        address=f"{centre.name}演示路 {1 + number(seed, 199, key, 'address')} 号",
        # Within some two kilometres of the centre, so that no two stand on one point of a map.
        latitude=round(centre.latitude + (number(seed, 401, key, "north") - 200) / 10_000, 4),
        longitude=round(centre.longitude + (number(seed, 401, key, "east") - 200) / 10_000, 4),
        description=_DESCRIPTIONS[kind] + (_OPEN_SCHOOL if opens else ""),
        spaces=spaces_of(seed, key, layout),
    )
