"""What a slot says of itself in Chinese: whom it is made for, and what is kept for whom."""

import datetime as dt
from collections.abc import Sequence

from openyard_platform.domain import age_words, words
from openyard_platform.domain.reservations import Refusal


def kept(audience: str, seats: int, left: int, releases_at: dt.datetime, cap: int | None) -> str:
    """One allotment: how many are kept, how many of them are left, and until when."""
    who = words.AUDIENCES.get(audience, audience)
    rest = "都还没约" if left == seats else f"还剩 {left} 个" if left else "已全部约出"
    told = f"为{who}保留 {seats} 个名额（{rest}），到 {words.when(releases_at)}，之后向所有人开放"
    return f"{told}；每所学校最多 {cap} 个" if cap is not None else told


def misfit(refusals: Sequence[Refusal]) -> str:
    """Beside the name of a child or a group, before anybody tries: what does not fit."""
    told = []
    for refusal in refusals:
        low, high = refusal.get("min"), refusal.get("max")
        if refusal["code"] == "age_out_of_range":
            told.append(f"年龄不合，这一场适合 {age_words.ages(low, high)}")
        if refusal["code"] == "grade_out_of_range":
            told.append(f"年级不合，这一场适合 {age_words.grades(low, high)}")
    return "；".join(told)
