"""Which passwords are refused. No rule asks for certain characters (ASVS 6.2.5)."""

from openyard_platform.domain.errors import Invalid

SHORTEST = 8
LONGEST = 128
_FEWEST_DIFFERENT = 4

# What everybody tries first, and what stands around this platform.
_NOTORIOUS = (
    *("password", "passw0rd", "qwertyui", "qwerty12", "iloveyou", "letmein", "welcome", "sunshine"),
    *("princess", "football", "baseball", "superman", "trustno1", "dragon12", "monkey12", "admin"),
    *("abcd1234", "a1b2c3d4", "1q2w3e4r", "1qaz2wsx", "q1w2e3r4", "qazwsx", "asdfghjk", "zxcvbnm"),
    *("woaini", "wodemima", "nihao", "mima1234", "5201314", "1314520", "openyard", "lianyu"),
    *("liuzhou", "guangxi", "88888888", "66666666", "11223344", "12341234", "147258369"),
)
_RUNS = (
    "0123456789012345678901234567890",
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiopasdfghjklzxcvbnm",
)


def check(password: str, email: str) -> None:
    """Take any password that is long enough and that nobody would guess first.

    Raises:
        Invalid: with one of the codes ``password_too_short``, ``password_too_long``,
            ``password_too_common``.
    """
    if len(password) < SHORTEST:
        message = f"A password needs at least {SHORTEST} characters."
        raise Invalid(message, code="password_too_short", min=SHORTEST)
    if len(password) > LONGEST:
        message = f"A password has at most {LONGEST} characters."
        raise Invalid(message, code="password_too_long", max=LONGEST)
    if _is_common(password.lower(), email.partition("@")[0]):
        raise Invalid("This password is too easy to guess.", code="password_too_common")


def _is_common(password: str, name: str) -> bool:
    if len(set(password)) < _FEWEST_DIFFERENT:
        return True
    if any(password in run or password[::-1] in run for run in _RUNS):
        return True
    # A notorious word with a few figures around it is still the same word.
    core = password.strip("0123456789!@#$%.*_-")
    return any(word in _NOTORIOUS or word == name for word in (password, core))
