"""Ages and grades in Chinese; nothing is said where neither end is."""

_KINDERGARTEN = "幼儿园"


def ages(low: int | None, high: int | None) -> str:
    """``6–12 岁``, ``6 岁以上``, ``12 岁以下``."""
    return _bounds(low, high, "岁")


def grades(low: int | None, high: int | None) -> str:
    """``1–6 年级``; 0 is the kindergarten."""
    if high == 0:
        return _KINDERGARTEN
    if low == 0:
        return f"{_KINDERGARTEN}及以上" if high is None else f"{_KINDERGARTEN}至 {high} 年级"
    return _bounds(low, high, "年级")


def _bounds(low: int | None, high: int | None, unit: str) -> str:
    if low is None and high is None:
        return ""
    if high is None:
        return f"{low} {unit}以上"
    if low is None:
        return f"{high} {unit}以下"
    return f"{low} {unit}" if low == high else f"{low}–{high} {unit}"
