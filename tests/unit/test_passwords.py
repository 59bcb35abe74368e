import pytest

from openyard_platform import passwords
from openyard_platform.domain import passwords as rules
from openyard_platform.domain.errors import Invalid, Unavailable

EMAIL = "wang.fang@example.org"


@pytest.mark.parametrize(
    "password",
    ["correct horse", "一个很长的中文密码呀", "x7!kQz_p", "p" * 60 + "qrs"],
)
def test_a_long_enough_uncommon_password_is_taken(password):
    """ASVS 6.2.5, 6.2.9: any characters, 64 and more are allowed."""
    rules.check(password, EMAIL)


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("short7!", "password_too_short"),
        ("x7!kQz_p" * 17, "password_too_long"),
        ("password", "password_too_common"),
        ("Password123!", "password_too_common"),
        ("12345678", "password_too_common"),
        ("87654321", "password_too_common"),
        ("aaaaaaaa", "password_too_common"),
        ("abababab", "password_too_common"),
        ("qwertyuiop", "password_too_common"),
        ("wang.fang", "password_too_common"),
        ("Wang.Fang2019", "password_too_common"),
        ("woaini1314", "password_too_common"),
    ],
)
def test_a_short_or_notorious_password_is_refused(password, code):
    """ASVS 6.2.1, 6.2.4: at least 8 characters, and not what everybody tries first."""
    with pytest.raises(Invalid) as caught:
        rules.check(password, EMAIL)
    assert caught.value.code == code


def test_a_hash_is_argon2id_with_19_mib_and_two_passes():
    """ASVS 11.4.2: passwords are kept by a slow, memory-hard function."""
    assert passwords.hash_now("x7!kQz_p").startswith("$argon2id$v=19$m=19456,t=2,p=1$")


async def test_a_password_is_verified_exactly_as_it_was_given():
    """ASVS 6.2.8: not cut off, no change of case, no blanks removed."""
    hasher = passwords.Hasher()
    stored = await hasher.hash(" Geheim-" + "x" * 100)
    assert await hasher.matches(stored, " Geheim-" + "x" * 100)
    for wrong in ("Geheim-" + "x" * 100, " geheim-" + "x" * 100, " Geheim-" + "x" * 99, ""):
        assert not await hasher.matches(stored, wrong)
    hasher.close()


async def test_an_unknown_account_and_a_damaged_hash_match_nothing():
    hasher = passwords.Hasher()
    assert not await hasher.matches(None, "openyard: nobody has this one")
    assert not await hasher.matches("damaged", "x7!kQz_p")
    hasher.close()


async def test_a_full_line_asks_to_come_back():
    hasher = passwords.Hasher(threads=1, waiting=-1)
    with pytest.raises(Unavailable):
        await hasher.hash("x7!kQz_p")
    hasher.close()
