"""The form of an opening schedule: from a plan to its fields, and back."""

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from openyard_calendars import recurrence
from openyard_events import form as messages
from openyard_platform.domain.errors import Invalid
from openyard_platform.domain.schedules import Plan
from openyard_platform.web.pages.forms import Form

WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_ZONE = ZoneInfo("Asia/Shanghai")
_NUMBERS = ("slot_minutes", "gap_minutes", "capacity", "horizon_weeks")
_TEXTS = ("title", "starts_on", "ends_on", "from", "to", "touched")
_POLICIES = ("adjusted_workday", "holiday", "exam_day")
_LISTS = ("spaces", "weekdays", "audiences")
_DAYS = ("closed", "extra")

_SENTENCES = {
    "ends_before_start": "结束日期在开始日期之前。",
    "too_long": "一个计划最多三年。",
    "out_of_range": "超出了允许的范围。",
    "no_room": "这段时间里连一个场次也排不下。",
    "too_many_slots": "场次太多了，请缩短日期或减少场地。",
    "outside_validity": "有日期不在计划的起止日期之内。",
    "twice": "有一项重复了。",
    "wrong_format": "格式不对，请检查。",
    "allotments_above_capacity": "比已经为学校等保留的名额少。",
    "allotment_for_nobody": "已经为其中一类保留了名额，不能不对他们开放。",
    "missing_field": "缺少这一项。",
    "unknown_field": "没有这一项，请检查拼写。",
    "unknown_value": "没有这个选项，请检查拼写。",
    "wrong_type": "类型不对：数字不加引号，文字要加引号。",
    "rule_not_weekly": "只能是每周重复，写法如 FREQ=WEEKLY;BYDAY=SA,SU。",
    "space_unknown": "没有这个场地，请填场地的代号。",
    "schedule_unknown": "没有这个编号的计划，可能已经停止。",
    "hours_needless": "停开的日期不用写时间。",
    "hours_missing": "起止时间要一起写。",
    "missing_file": "请选择一个计划文件（.toml 或 .json）。",
    "file_too_large": "文件太大，最多 256 KB。",
    "not_utf8": "文字编码不对，请用 UTF-8。",
    "malformed_file": "文件写得不对，读不下去。",
}


def blank(today: dt.date) -> dict[str, Any]:
    """The fields of a new schedule: the weekends of half a year."""
    return {
        "title": "周末开放",
        "spaces": [],
        "weekdays": ["SA", "SU"],
        "starts_on": f"{today}",
        "ends_on": f"{today + dt.timedelta(days=182)}",
        "from": "09:00",
        "to": "17:00",
        "slot_minutes": "120",
        "gap_minutes": "0",
        "capacity": "30",
        "horizon_weeks": "8",
        "audiences": ["family"],
        "adjusted_workday": "closed",
        "holiday": "as_rule",
        "exam_day": "closed",
        "closed": "",
        "extra": "",
        "volunteers": "",
        "touched": "keep",
        "in_term_only": False,
    }


def values_of(plan: Plan) -> dict[str, Any]:
    """The fields of a schedule that is there."""
    document = msgspec.to_builtins(plan)
    values = {name: str(document[name]) for name in (*_TEXTS, *_NUMBERS)}
    values |= {name: document["day_policy"][name] for name in _POLICIES}
    for kind in _DAYS:
        days = sorted(f"{one.date}" for one in plan.exceptions if one.kind == kind)
        values[kind] = "\n".join(days)
    values["volunteers"] = "\n".join(f"{one.role} {one.needed}" for one in plan.volunteers)
    return values | {
        "in_term_only": plan.in_term_only,
        "spaces": document["spaces"],
        "audiences": document["audiences"],
        "weekdays": _weekdays(plan.rrule),
    }


def sent(form: Form) -> dict[str, Any]:
    """The fields as they were sent, right or wrong."""
    values: dict[str, Any] = {
        name: form.text(name) for name in (*_TEXTS, *_NUMBERS, *_POLICIES, *_DAYS, "volunteers")
    }
    values["in_term_only"] = form.ticked("in_term_only")
    return values | {name: list(form.values.get(name, [])) for name in _LISTS}


def document(values: dict[str, Any], before: Plan | None) -> dict[str, Any]:
    """What the fields say, as the API takes it. ``before``: what the form knows nothing of."""
    found: dict[str, Any] = {name: values[name] for name in (*_TEXTS, "spaces", "audiences")}
    for name in _NUMBERS:
        text = values[name]
        found[name] = int(text) if text.isdecimal() and len(text) < len("1000000") else text
    found["day_policy"] = {name: values[name] for name in _POLICIES}
    found["in_term_only"] = values["in_term_only"]
    found["rrule"] = _rule(values["weekdays"], before)
    found["exceptions"] = _exceptions(values, before)
    found["volunteers"] = [
        _volunteers(line) for line in values["volunteers"].split("\n") if line.strip()
    ]
    found["allotments"] = [] if before is None else msgspec.to_builtins(before.allotments)
    return found


def _volunteers(line: str) -> dict[str, Any]:
    """``引导 2``; one of them is enough where no number stands."""
    *role, last = line.split()
    if role and last.isdecimal():
        return {"role": " ".join(role), "needed": int(last[:6])}
    return {"role": " ".join((*role, last)), "needed": 1}


def plan_of(found: dict[str, Any]) -> Plan:
    """Raises Invalid, with ``errors``: some field cannot be understood."""
    try:
        return msgspec.convert(found, Plan)
    except msgspec.ValidationError as error:
        raise Invalid("The form is not a plan.", errors=[messages.explain(error)]) from error


def complaints(error: Invalid) -> dict[str, str]:
    """What to say beside which field."""
    said = {}
    for one in error.parameters.get("errors", ()):
        name = one.path.partition("[")[0].rpartition(".")[2]
        name = {"rrule": "weekdays", "exceptions": "closed"}.get(name, name)
        if name == "allotments":
            # Stated by API, and no field here: what of the form does not go with them.
            name = "audiences" if one.code == "allotment_for_nobody" else "capacity"
        said[name] = sentence(one.code)
    return said


def sentence(code: str) -> str:
    """What is wrong, in words."""
    return _SENTENCES.get(code, "请检查这一项。")


def _weekdays(rrule: str) -> list[str]:
    rule = recurrence.parse(rrule, _ZONE)
    return [WEEKDAYS[number] for _, number in sorted(rule.weekdays)]


def _rule(weekdays: list[str], before: Plan | None) -> str:
    """The rule as it was where the days are the same: it may know intervals, and an end."""
    if before is not None and sorted(weekdays) == sorted(_weekdays(before.rrule)):
        return before.rrule
    return f"FREQ=WEEKLY;BYDAY={','.join(weekdays)}"


def _exceptions(values: dict[str, Any], before: Plan | None) -> list[dict[str, Any]]:
    """The listed days, and other hours that were stated elsewhere."""
    known = {} if before is None else {f"{one.date}": one for one in before.exceptions}
    found = []
    for kind in _DAYS:
        for day in values[kind].split():
            one = known.pop(day, None)
            same = one is not None and one.kind == kind
            found.append(msgspec.to_builtins(one) if same else {"date": day, "kind": kind})
    rest = [msgspec.to_builtins(one) for one in known.values() if one.kind == "hours"]
    return [*found, *rest]
