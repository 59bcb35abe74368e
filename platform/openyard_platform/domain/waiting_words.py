"""What the platform says to who waits or was offered seats: how long, how likely, passed over why.

Durations are rounded down: nobody is promised a minute that is not there.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from openyard_platform.domain import words

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_MANY_HOURS = 48


def time_left(until: dt.datetime, now: dt.datetime) -> str:
    """``还剩 1 小时 35 分``, or that it is over."""
    seconds = int((until - now).total_seconds())
    if seconds <= 0:
        return "已到期限"
    if seconds < _MINUTE:
        return "还剩不到 1 分钟"
    if seconds >= _MANY_HOURS * _HOUR:
        return f"还剩 {seconds // _DAY} 天 {seconds % _DAY // _HOUR} 小时"
    hours, minutes = seconds // _HOUR, seconds % _HOUR // _MINUTE
    if not hours:
        return f"还剩 {minutes} 分钟"
    return f"还剩 {hours} 小时 {minutes} 分" if minutes else f"还剩 {hours} 小时"


def estimate(slots: int, reached: int, place: int) -> str:
    """How the waiting lists of earlier slots ended, for who waits at ``place``."""
    told = f"最近 90 天，这里有 {slots} 场同类活动出现过候补，"
    if not reached:
        return f"{told}都没有轮到第 {place} 位。可以同时看看别的场次。"
    every = (
        f"全都轮到了第 {place} 位" if reached == slots else f"其中 {reached} 场轮到了第 {place} 位"
    )
    return f"{told}{every}。这是以往的情况，不代表这一次。"


def passed_over(skip: Mapping[str, Any], held: int) -> str:
    """Why somebody behind was served first; ``held``: the seats that the party needs."""
    code = skip.get("code")
    at = words.when(skip["at"]) if skip.get("at") else "有一次"
    if code == "insufficient_capacity":
        why = f"当时空出 {skip.get('remaining', 0)} 个名额，您这组要 {held} 个，不够坐下"
    elif code == "overlaps_own_reservation":
        why = "您在同一时间已有别的预约"
    elif code == "quota_reached":
        why = f"贵校在这一场最多 {skip.get('limit')} 个名额"
    elif code == "venue_capacity_conflict":
        why = "场地那时被别的安排占用"
    else:
        why = words.sentence(skip).rstrip("。")
    return f"{at}：{why}，先给了后面合适的一组。"
