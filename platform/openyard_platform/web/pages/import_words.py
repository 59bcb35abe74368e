"""What an import says in Chinese: its changes, what is wrong with an event, what became of it."""

import datetime as dt

from openyard_platform.domain.calendar_addresses import CalendarAddress, Outcome
from openyard_platform.domain.imports import Item, Result

CHANGES = {
    "conflict": "有冲突，不导入",
    "gone": "日历里已经没有，将撤下",
    "moved": "改时间或场地",
    "changed": "改内容",
    "added": "新增",
    "kept": "保持不变",
    "covered": "已包含在别的自用时间里",
    "same": "没有变化",
}

# Why nothing is made of an event; the sentence is about that event.
PROBLEMS = {
    "past": "已经过去。",
    "cancelled": "日历里已取消。",
    "superseded": "同一日程有更新的版本。",
    "transparent": "标为“空闲”，不占用场地。",
    "beyond_horizon": "一直重复，只导入到截止日期为止。",
    "no_occurrences": "每一次都被排除了。",
    "all_day": "是全天日程，没有可预约的钟点。",
    "tentative": "还没有确定。",
    "title_missing": "没有标题。",
    "uid_missing": "没有编号（UID）。",
    "start_missing": "没有开始时间。",
    "end_missing": "没有结束时间或时长。",
    "ends_before_start": "结束不晚于开始。",
    "end_malformed": "结束时间写得不对。",
    "time_malformed": "时间写得不对。",
    "duration_malformed": "时长写得不对。",
    "dates_malformed": "重复的日期写得不对。",
    "length": "时间太长，或不是整天。",
    "slot_too_long": "一场超过 31 天。",
    "not_whole_minutes": "起止不是整分钟。",
    "out_of_range": "日期超出范围。",
    "year": "年份超出范围。",
    "zone_missing": "没有说明时区。",
    "zone_unknown": "时区不认识。",
    "repeated": "同一项写了两次。",
    "repeated_id": "与文件里另一个日程编号相同。",
    "status_unknown": "状态不认识。",
    "method": "这是一封邀请的答复，不是日程。",
    "not_an_event": "不是日程（可能是待办或便签）。",
    "unfinished": "这一段没有写完整。",
    "malformed_line": "有一行写得不对。",
    "not_utf8": "文字编码不对，请用 UTF-8。",
    "exrule": "用了不支持的排除规则。",
    "period": "用了不支持的时间段写法。",
    "range": "用了不支持的“之后全部更改”。",
    "dates_too_many": "单独列出的日期太多。",
    "rule_frequency": "重复太频繁，最密只能每天。",
    "rule_malformed": "重复规则写得不对。",
    "rule_part_unknown": "重复规则里有不支持的部分。",
    "rule_out_of_range": "重复的次数或间隔超出范围。",
    "rule_too_dense": "一天里重复得太多。",
    "rule_too_many": "重复的次数太多。",
    "rule_endless": "重复没有尽头。",
    "extensions_too_long": "附加的属性（X-OPENYARD）太多。",
    "unknown_field": "有不认识的附加属性。",
    "unknown_value": "有一项附加属性的值不对。",
    "wrong_type": "有一项附加属性的值不对。",
    "wrong_format": "有一项附加属性的格式不对。",
    "allotment_malformed": "预留名额写得不对。",
    "space_unknown": "场馆没有这个场地。",
    "too_large": "文件超过 5 MB。",
    "too_many_events": "日程太多，请分成几个文件，或缩短时间。",
    "too_costly": "读这个文件太费时间，没有导入。",
    "failed": "读这个文件时出了错，没有导入。",
    "no_events": "文件里没有日程，或者它不是日历文件（.ics）。",
    "started": "已经开始。",
    "withdrawn": "工作人员已经把它撤下。",
}

_REFUSALS = {
    "space_occupied": "场地在这段时间刚被别的安排占用。",
    "space_too_small": "人数超过场地能容纳的。",
    "capacity_below_taken": "已约的座位比新的名额多。",
}
_OF_THE_FORM = {
    "url": "请填以 https:// 开头的网址，里面不要带密码。",
    "source": "只能用字母、数字、“-”和“_”。",
    "space": "请选择场地。",
    "capacity": "请填每场的名额。",
    "until": "日程太多，或截止日期不在今后三年之内。",
}


def problem(code: str) -> str:
    return PROBLEMS.get(code, f"没有导入（{code}）。")


def beside(path: str) -> str:
    """What to say of a field of the form."""
    return _OF_THE_FORM.get(path, "请检查这一项。")


def outcome(item: Item, result: Result | None) -> str:
    """What became of an item that was applied; nothing where there was nothing to do."""
    if result is None:
        return ""
    match result.status:
        case "accepted":
            return "已撤下" if item.withdrawal else "已发布"
        case "kept":
            return "有人预约，保持不变"
        case "duplicate":
            return "刚刚有人改过，没有改动"
        case "refused":
            codes = [error.code for error in result.errors]
            return " ".join(_REFUSALS.get(code, f"没有接受（{code}）。") for code in codes)


def reading(address: CalendarAddress, now: dt.datetime) -> str:
    """What the last reading of an address came to."""
    if address.due_at <= now:
        return "正在读取……"
    if address.outcome is Outcome.CHANGED:
        return "有改动，等您确认。"
    if address.outcome is Outcome.SAME:
        return "和现在的安排一致。"
    why = _ADDRESSES.get(address.reason) or problem(address.reason)
    return f"没有读成：{why}现有的安排不变，稍后会再试。"


_ADDRESSES = {
    "address_malformed": "网址转到了不能读取的地方。",
    "address_not_public": "这个网址不在公共互联网上。",
    "unreachable": "连不上，或对方的安全证书有问题。",
    "timed_out": "对方太慢，没有等到。",
    "redirects": "网址一直在跳转。",
    "http_status": "对方说没有这份日历，或暂时不能给。",
    "web_page": "那里是一个网页，不是日历文件。",
    "encoded": "文件被压缩了，读不了。",
    "too_large": "文件太大，最大 5 MB。",
    "cut_off": "传到一半断了。",
    "no_http": "对方不是网站。",
    "failed": "读取时出了错。",
    "space_unknown": "场地已经不在了。",
}
