"""The city's ten districts."""

from msgspec import Struct

from openyard_platform.domain import words


class District(Struct, frozen=True, kw_only=True):
    """``latitude``, ``longitude``: about where its centre is, in degrees."""

    key: str
    name: str
    latitude: float
    longitude: float


def _district(key: str, latitude: float, longitude: float) -> District:
    return District(key=key, name=words.DISTRICTS[key], latitude=latitude, longitude=longitude)


# In the order of the plan: five city districts, then five counties.
DISTRICTS = (
    _district("liubei", 24.36, 109.40),
    _district("chengzhong", 24.32, 109.42),
    _district("yufeng", 24.30, 109.45),
    _district("liunan", 24.32, 109.38),
    _district("liujiang", 24.26, 109.33),
    _district("liucheng", 24.65, 109.24),
    _district("luzhai", 24.47, 109.75),
    _district("rongan", 25.22, 109.40),
    _district("rongshui", 25.07, 109.26),
    _district("sanjiang", 25.78, 109.60),
)
BY_KEY = {district.key: district for district in DISTRICTS}
