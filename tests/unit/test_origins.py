import pytest

from openyard_platform.web import origins

OWN = "https://yard.example"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {b"sec-fetch-site": b"same-origin"},
        {b"sec-fetch-site": b"none"},
        {b"origin": b"https://yard.example"},
        {b"origin": b"http://localhost:8000", b"host": b"localhost:8000"},
    ],
)
def test_our_own_pages_and_programs_may_change_something(headers):
    assert origins.is_own(headers, OWN)


@pytest.mark.parametrize(
    "headers",
    [
        {b"sec-fetch-site": b"cross-site"},
        {b"sec-fetch-site": b"same-site"},
        {b"sec-fetch-site": b"cross-site", b"origin": b"https://yard.example"},
        {b"origin": b"https://evil.example", b"host": b"yard.example"},
        {b"origin": b"http://yard.example"},
        {b"origin": b"https://yard.example.evil.example"},
        {b"origin": b"https://yard.example:8443"},
        {b"origin": b"null"},
        {b"origin": b""},
    ],
)
def test_a_foreign_page_may_not(headers):
    """ASVS 3.5.1: a browser that was led here from elsewhere changes nothing."""
    assert not origins.is_own(headers, OWN)
