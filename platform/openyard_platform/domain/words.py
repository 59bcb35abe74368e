"""What the platform says in Chinese: names of things, and a sentence for every refusal code.

Pages, the API's ``detail``, mails and calendars all take their words from here.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from openyard_platform.domain import age_words

PRODUCT = "联育"

DISTRICTS = {
    "liubei": "柳北区",
    "chengzhong": "城中区",
    "yufeng": "鱼峰区",
    "liunan": "柳南区",
    "liujiang": "柳江区",
    "liucheng": "柳城县",
    "luzhai": "鹿寨县",
    "rongan": "融安县",
    "rongshui": "融水苗族自治县",
    "sanjiang": "三江侗族自治县",
}

ORGANISATION_KINDS = {
    "school": "学校",
    "venue": "场馆",
    "community": "社区",
    "department": "部门",
    "university": "高校",
    "company": "企业",
    "association": "社会组织",
}

CATEGORIES = {
    "open_school_facility": "学校开放场地",
    "library": "图书馆",
    "museum": "博物馆",
    "science_hall": "科技馆",
    "art_museum": "美术馆",
    "cultural_centre": "文化馆（站）",
    "youth_activity_centre": "青少年活动中心",
    "youth_palace": "青少年宫",
    "women_and_children_centre": "妇女儿童活动中心",
    "sports_hall": "体育场馆",
    "fire_station": "消防救援站",
    "patriotic_education_base": "爱国主义教育基地",
    "red_education_base": "红色教育基地",
    "science_popularisation_base": "科普基地",
    "labour_base": "劳动基地",
    "study_trip_base": "研学实践教育基地",
    "comprehensive_practice_base": "综合实践教育基地",
    "legal_education_base": "法治教育基地",
    "art_troupe": "文艺院团",
    "medical_institution": "医疗卫生机构",
    "university_facility": "高校场馆",
}

KINDS = {
    "access": "周末开放",
    "visit": "参观研学",
    "activity": "亲子活动",
    "shift": "志愿服务",
    "outreach": "送课进校",
    "busy": "场馆自用",
}
# What people may look for: nobody books the hours a venue needs for itself.
BOOKABLE_KINDS = {key: name for key, name in KINDS.items() if key != "busy"}

AUDIENCES = {
    "family": "家庭",
    "school": "学校",
    "volunteer": "志愿者",
    "resident": "居民",
    "community": "社区",
}

ROLES = {
    "family": "家长",
    "school": "学校老师",
    "venue": "场馆工作人员",
    "volunteer": "志愿者",
    "supervisor": "督导",
}

RELATIONS = {
    "grandparent": "祖辈",
    "relative": "亲属",
    "school_worker": "学校老师",
    "community_worker": "社区工作人员",
}

SLOT_STATES = {
    "open": "可预约",
    "not_yet_open": "未到开放预约时间",
    "closed": "预约已截止",
    "started": "已开始",
    "full": "已约满",
    "space_taken": "场地已有别的预约",
    "withdrawn": "已取消",
}

RESERVATION_STATUSES = {
    "requested": "正在处理",
    "pending_approval": "等待场馆审核",
    "confirmed": "预约成功",
    "waitlisted": "候补中",
    "offered": "有名额，待您确认",
    "declined": "已放弃名额",
    "offer_expired": "名额保留已过期",
    "attended": "已到场",
    "no_show": "未到场",
    "refused": "未能预约",
    "cancelled": "已取消",
    "failed": "处理出错",
}

NOTIFICATION_KINDS = {
    "confirmed": "预约成功",
    "waitlisted": "已进入候补",
    "offered": "轮到您了，名额为您保留着",
    "offer_expired": "保留的名额已过期",
    "promoted": "候补成功",
    "displaced": "名额减少，已转为候补",
    "cancelled": "预约已取消",
    "refused": "未能预约",
    "amended": "预约已更改",
    "slot_changed": "场次有变动",
    "slot_withdrawn": "场馆取消了场次",
    "day_changed": "放假调休有变",
}

WEEKDAYS = "一二三四五六日"

_SHANGHAI = ZoneInfo("Asia/Shanghai")

# Each code has a sentence for when its parameters came along and one for when they did not.
# The second half of a sentence is the way out: what the reader can do next.
_SENTENCES: dict[str, tuple[str, str]] = {
    "slot_full": (
        "这一场已经约满。可以勾选“满员时候补”，有人退出时按顺序递补；也可以看看同类的其他场次。",
        "",
    ),
    "insufficient_capacity": (
        "只剩 {remaining} 个名额，不够您要的人数。减少人数再试，或选择候补。",
        "剩余名额不够您要的人数。减少人数再试，或选择候补。",
    ),
    "not_yet_open": (
        "还没到开放预约的时间，{opens_at} 开始预约，请届时再来。",
        "还没到开放预约的时间，请稍后再来。",
    ),
    "booking_closed": (
        "预约已于 {closes_at} 截止。请看看同一场馆的其他场次。",
        "预约已经截止。请看看同一场馆的其他场次。",
    ),
    "slot_started": ("这一场已经开始，不能再预约。请看看之后的场次。", ""),
    "slot_cancelled": ("场馆已取消这一场。请看看其他场次。", ""),
    "not_bookable": ("这段时间场馆自用，不接受预约。请看看其他场次。", ""),
    "audience_not_allowed": (
        "这一场只接待：{audiences}。请选择面向您的场次。",
        "这一场不面向您的账号类型。请选择面向您的场次。",
    ),
    "allotment_reserved": (
        "余下的名额为{audience}保留到 {releases_at}，届时若有剩余会向所有人开放。",
        "余下的名额目前为其他对象保留，释放后会向所有人开放。",
    ),
    "party_too_small": (
        "这一场每次预约至少 {min} 人。请增加人数再试。",
        "人数太少，请增加人数再试。",
    ),
    "party_too_large": (
        "这一场每次预约最多 {max} 人。请减少人数或分批预约。",
        "人数太多，请减少人数或分批预约。",
    ),
    "chaperones_missing": (
        "需要至少 {required} 位成人陪同。请增加随行成人再试。",
        "随行成人不够。请增加随行成人再试。",
    ),
    "age_out_of_range": (
        "这一场适合{ages}。请选择适龄的孩子，或看看其他场次。",
        "孩子的年龄不在这一场的范围内。请看看其他场次。",
    ),
    "grade_out_of_range": (
        "这一场适合{grades}。请选择合适年级的团组或孩子，或看看其他场次。",
        "年级不在这一场的范围内。请看看其他场次。",
    ),
    "children_unnamed": (
        "这一场有年龄或年级要求，请选好来的每个孩子（共 {required} 人），成人填在“随行成人”里。",
        "这一场有年龄或年级要求，请选好来的每个孩子，成人填在“随行成人”里。",
    ),
    "guardian_required": ("需要监护人一同预约。请由家长账号预约并填写随行成人。", ""),
    "consent_missing": ("还没有监护人的同意。请先在“我的孩子”里确认同意，再来预约。", ""),
    "quota_reached": (
        "本{period}已达到 {limit} 次的上限，{resets_at} 起可以再约。",
        "本期预约次数已达上限，请过一段时间再约。",
    ),
    "offer_expired": ("为您保留的名额已过期限，让给了下一位。如还想来，可以重新候补。", ""),
    "not_offered": ("现在没有为您保留的名额。轮到您时会马上通知您。", ""),
    # quota_reached, where the quota is a school's on one slot.
    "school_cap_reached": (
        "每所学校在这一场最多 {limit} 个名额，到 {resets_at} 为止。请减少人数，或到时再约。",
        "学校在这一场的名额已达上限。请减少人数，或看看其他场次。",
    ),
    "already_reserved": ("您已经预约了这一场，不必重复预约。可在“我的预约”里查看或取消。", ""),
    "overlaps_own_reservation": (
        "这段时间您已有别的预约，不能同时在两个地方。请先取消那一个，或换个时间。",
        "",
    ),
    "suspended_for_no_shows": (
        "因多次预约未到，{until} 之前暂停预约。如有特殊情况，请联系场馆工作人员。",
        "因多次预约未到，暂停预约中。如有特殊情况，请联系场馆工作人员。",
    ),
    "qualification_missing": (
        "这个岗位需要资格：{qualification}。请先登记有效的证书。",
        "这个岗位需要相应资格。请先登记有效的证书。",
    ),
    "clearance_missing": ("这个岗位会接触未成年人，需要先通过从业审查。请联系志愿者管理人员。", ""),
    "approval_declined": (
        "场馆没有通过这次申请：{reason}。可以调整后再申请，或联系场馆。",
        "场馆没有通过这次申请。可以调整后再申请，或联系场馆。",
    ),
    "venue_capacity_conflict": (
        "场地在这段时间已被别的安排占用。请看看其他时间或其他场地。",
        "",
    ),
    # What else can stand between a person and a reservation.
    "cancellation_closed": (
        "已过取消期限（{until}）。确有急事请直接联系场馆。",
        "已过取消期限。确有急事请直接联系场馆。",
    ),
    "not_cancellable": ("这个预约现在不能取消：它已经结束或早已取消。", ""),
    "slot_unknown": ("没有找到这一场，它可能已被撤下。请回到列表看看其他场次。", ""),
    "another_venue": ("只能换到同一场馆的其他场次。要去别的场馆，请另行预约。", ""),
    "reservation_ended": ("这个预约已经结束或取消，不能再改。请重新预约。", ""),
    "reservation_unknown": ("没有找到这个预约。请在“我的预约”里查看。", ""),
    "child_unknown": ("没有找到所选的孩子。请先在“我的孩子”里登记。", ""),
    "study_group_unknown": ("没有找到所选的班级团组。请先登记班级团组。", ""),
    "seats_above_group": (
        "人数不能超过这个团组的学生人数（{size} 人）。请减少人数，带队老师填在“随行成人”里。",
        "人数不能超过团组的学生人数。请减少人数，带队老师填在“随行成人”里。",
    ),
    "delegation_ended": (
        "监护人的委托已经结束，不能再为这个孩子增加人数或改期。可以减少人数或取消。",
        "",
    ),
    "seats_below_children": ("人数不能少于所选孩子的人数。请增加人数。", ""),
    "idempotency_key_reused": ("这个请求与之前的一次重复但内容不同。请刷新页面后重新提交。", ""),
    "unavailable": ("现在人很多，没有占用名额。请等几秒钟，再按一次。", ""),
    "failed": ("处理时出了错，没有占用名额。请稍后再试。", ""),
}

REFUSAL_CODES = frozenset(_SENTENCES)

_PERIODS = {"week": "周", "month": "月", "term": "学期", "year": "年", "day": "日"}
_INSTANTS = frozenset({"opens_at", "closes_at", "releases_at", "resets_at", "until"})


def sentence(refusal: Mapping[str, Any]) -> str:
    """One refusal ``{"code": …, parameters…}`` in words, with the way out.

    Parameters may be missing, and times may be datetimes or RFC 3339 text: what a decider says
    is read from the bus, from the database and from JSON alike.
    """
    code = str(refusal.get("code", ""))
    if code not in _SENTENCES:
        return f"暂时不能预约（{code or '原因不明'}）。请稍后再试，或联系场馆。"
    words = {name: text for name, value in refusal.items() if (text := _word(name, value))}
    if code == "age_out_of_range":
        words["ages"] = age_words.ages(refusal.get("min"), refusal.get("max"))
    if code == "grade_out_of_range":
        words["grades"] = age_words.grades(refusal.get("min"), refusal.get("max"))
    if code == "quota_reached" and refusal.get("period") == "slot":
        code = "school_cap_reached"
    full, short = _SENTENCES[code]
    if not short:
        return full
    try:
        return full.format_map({name: text for name, text in words.items() if text})
    except KeyError:
        return short


def sentences(refusals: list[dict[str, Any]]) -> str:
    return " ".join(sentence(refusal) for refusal in refusals)


def when(instant: dt.datetime | str) -> str:
    """A moment as people in the city write it: ``11月28日（周六）09:00``."""
    moment = local(instant)
    return f"{day(moment)}{moment:%H:%M}"


def day(instant: dt.datetime | str | dt.date) -> str:
    """``11月28日（周六）``."""
    moment: dt.date = local(instant) if isinstance(instant, (dt.datetime, str)) else instant
    return f"{moment.month}月{moment.day}日（周{WEEKDAYS[moment.weekday()]}）"


def days(first: str, last: str = "") -> str:
    """ISO dates as ``11月28日（周六）``, or two of them: ``… 到 …``."""
    begin = day(dt.date.fromisoformat(first))
    return f"{begin}到{day(dt.date.fromisoformat(last))}" if last not in {"", first} else begin


def span(starts_at: dt.datetime, ends_at: dt.datetime) -> str:
    """``11月28日（周六）09:00–11:00``; the second day is named only where it is another."""
    first, last = local(starts_at), local(ends_at)
    end = f"{last:%H:%M}" if last.date() == first.date() else when(last)
    return f"{when(first)}–{end}"


def local(instant: dt.datetime | str) -> dt.datetime:
    """The instant on the city's clocks."""
    moment = dt.datetime.fromisoformat(instant) if isinstance(instant, str) else instant
    return moment.astimezone(_SHANGHAI)


def audience_list(audiences: list[str] | None) -> str:
    """``家庭、居民``; nobody named means everybody."""
    if not audiences:
        return "所有人"
    return "、".join(AUDIENCES.get(name, name) for name in audiences)


def party_rules(party: Any, exclusive: bool) -> str:  # noqa: FBT001 - a property of the slot
    """How large a party may be, in words; ``party`` has min, max and chaperones_per."""
    rules = []
    if exclusive:
        rules.append("整场只接待一组")
    if party.min is not None and party.max is not None:
        rules.append(f"每次 {party.min}–{party.max} 人")
    elif party.max is not None:
        rules.append(f"每次最多 {party.max} 人")
    elif party.min is not None:
        rules.append(f"每次至少 {party.min} 人")
    if party.chaperones_per:
        rules.append(f"每 {party.chaperones_per} 人至少 1 位成人陪同")
    return "，".join(rules) + "。" if rules else ""


def _word(name: str, value: Any) -> str:
    if value is None:
        return ""
    if name in _INSTANTS:
        return when(value)
    if name == "audience":
        return AUDIENCES.get(value, str(value))
    if name == "audiences":
        return audience_list(list(value))
    if name == "period":
        return _PERIODS.get(value, str(value))
    return str(value)
