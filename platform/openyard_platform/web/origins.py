"""A browser that sends our cookie from somebody else's page is refused (ASVS 3.5.1)."""

from typing import Any
from urllib.parse import urlsplit

from litestar.connection import ASGIConnection

from openyard_platform.domain.errors import NotAllowed

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# "none" is the person themselves: an address typed in, a bookmark.
_OWN_SITES = frozenset({b"same-origin", b"none"})


def check(connection: ASGIConnection[Any, Any, Any, Any]) -> None:
    """Let only pages of our own change something with the browser's cookie.

    Requests without ``Sec-Fetch-Site`` and ``Origin`` come from no browser; those with a token of
    their own need no protection.

    Raises:
        NotAllowed: another site made the browser send this.
    """
    if connection.scope.get("method") in SAFE_METHODS:
        return
    headers = dict(connection.scope["headers"])
    if b"authorization" in headers:
        return
    if not is_own(headers, connection.app.state.settings.base_url):
        raise NotAllowed("This request comes from another site.", code="foreign_origin")


def is_own(headers: dict[bytes, bytes], base_url: str) -> bool:
    """Whether our own page, or no browser at all, sent these headers."""
    site = headers.get(b"sec-fetch-site")
    if site is not None:
        return site in _OWN_SITES
    origin = headers.get(b"origin")
    if origin is None:
        return True
    own = urlsplit(base_url)
    text = origin.decode("latin-1")
    if text == f"{own.scheme}://{own.netloc}":
        return True
    # Reached under another name, e.g. localhost: a foreign page cannot choose our Host.
    return urlsplit(text).netloc.encode("latin-1") == headers.get(b"host") != b""
