"""Fetch what a stranger's address gives: over https, from public addresses, in bounded time."""

import asyncio
import ipaddress
import re
import socket
import ssl
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from urllib.parse import quote, urljoin, urlsplit

import httptools
from msgspec import Struct, field

_FORM = re.compile(r"https://[^\s\x00-\x20\x7f]+", re.IGNORECASE)
_LONGEST_URL = 2000
_REDIRECTS = 3
_SAFE = "%/:=&?~+!$,;'@()*[]"
_PIECE = 64 * 1024
_MOVED = {301, 302, 303, 307, 308}

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Limits(Struct, frozen=True, kw_only=True):
    """``seconds``: for all of it, redirects included. ``head_bytes``: of one answer's headers."""

    seconds: float = 30
    body_bytes: int = 5 * 1024 * 1024
    head_bytes: int = 64 * 1024


class Fetched(Struct, frozen=True, kw_only=True):
    """``data``: None: it is as it was when it had this ``etag`` or was ``modified`` then."""

    data: bytes | None
    etag: str = ""
    modified: str = ""


class CannotFetch(Exception):
    """``code``: for programs. The message names no part of the address, which may be a secret."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


async def resolve(host: str, port: int) -> list[str]:
    """Every address that the name has."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(one[4][0]) for one in found]


async def connect(address: str, port: int, host: str) -> Streams:
    """A connection to this very address; its certificate must be of ``host``."""
    context = ssl.create_default_context()
    return await asyncio.open_connection(
        address, port, ssl=context, server_hostname=host, limit=_PIECE
    )


class Network(Struct, frozen=True, kw_only=True):
    """How the world is reached; tests have a world of their own."""

    resolve: Callable[[str, int], Awaitable[list[str]]] = resolve
    connect: Callable[[str, int, str], Awaitable[Streams]] = connect


_WORLD = Network()
_LIMITS = Limits()


async def fetch(
    url: str,
    *,
    etag: str = "",
    modified: str = "",
    limits: Limits = _LIMITS,
    network: Network = _WORLD,
) -> Fetched:
    """What the address gives, unless it is as it was with this ``etag`` or ``modified``.

    Each name, that of a redirect too, is resolved once, and the connection goes to the address
    that was looked at.

    Raises:
        CannotFetch: nothing usable came.
    """
    known = {"If-None-Match": etag, "If-Modified-Since": modified}
    try:
        async with asyncio.timeout(limits.seconds):
            for _ in range(_REDIRECTS + 1):
                answer = await _ask(url, known, limits, network)
                if answer.status not in _MOVED:
                    return _taken(answer)
                url = urljoin(url, answer.headers.get("location", ""))
    except TimeoutError as error:
        raise CannotFetch("timed_out", "The answer took too long.") from error
    except (OSError, ValueError, asyncio.IncompleteReadError) as error:
        # Certificates are OSErrors, names that cannot be written are ValueErrors.
        raise CannotFetch(
            "unreachable", f"It cannot be reached: {type(error).__name__}."
        ) from error
    raise CannotFetch("redirects", "It leads from one place to another without an end.")


def check(url: str) -> str:
    """The address in one way of writing.

    Raises:
        CannotFetch: it is none that is ever fetched from.
    """
    if len(url) > _LONGEST_URL or not _FORM.fullmatch(url):
        raise CannotFetch("address_malformed", "An address begins with https:// and has no blanks.")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or 443
        host = host if ":" in host else host.encode("idna").decode()
    except ValueError as error:
        raise CannotFetch("address_malformed", "The address is malformed.") from error
    if not host or parts.username is not None or parts.password is not None:
        raise CannotFetch("address_malformed", "The address has no host, or a password in it.")
    place = f"[{host}]" if ":" in host else host
    place += "" if port == 443 else f":{port}"  # noqa: PLR2004 - of https
    query = f"?{quote(parts.query, safe=_SAFE)}" if parts.query else ""
    return f"https://{place}{quote(parts.path or '/', safe=_SAFE)}{query}"


def is_public(text: str) -> bool:
    """Whether an address is one of the open internet, not of this house, machine or provider."""
    try:
        address: Address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return all(
        one.is_global
        and not (one.is_multicast or one.is_reserved or one.is_unspecified or one.is_loopback)
        for one in (address, *_inner(address))
    )


class _Answer(Struct):
    """What the parser has met so far; it calls these names."""

    limits: Limits
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)
    is_complete: bool = False
    head: int = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        self.head += len(name) + len(value)
        if self.head > self.limits.head_bytes:
            raise CannotFetch("too_large", "The headers of the answer are too long.")
        self.headers.setdefault(name.decode("latin-1").lower(), value.decode("latin-1"))

    def on_body(self, piece: bytes) -> None:
        if len(self.body) + len(piece) > self.limits.body_bytes:
            raise CannotFetch("too_large", "The file is too large.")
        self.body += piece

    def on_message_complete(self) -> None:
        self.is_complete = True


async def _ask(url: str, known: dict[str, str], limits: Limits, network: Network) -> _Answer:
    """One request; the answer with its body where it is no redirect."""
    parts = urlsplit(check(url))
    host, port = parts.hostname or "", parts.port or 443
    addresses = await network.resolve(host, port)
    if not addresses or not all(is_public(one) for one in addresses):
        raise CannotFetch("address_not_public", "The address is not one of the open internet.")
    reader, writer = await network.connect(addresses[0], port, host)
    try:
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        lines = [f"GET {target} HTTP/1.1", f"Host: {parts.netloc}", "User-Agent: openyard"]
        lines += ["Accept: text/calendar, */*;q=0.1", "Accept-Encoding: identity"]
        lines += [f"{name}: {value}" for name, value in known.items() if value]
        writer.write("\r\n".join([*lines, "Connection: close", "", ""]).encode("ascii"))
        await writer.drain()
        return await _read(reader, limits)
    finally:
        # What the other side still has to say is of no interest.
        writer.transport.abort()


async def _read(reader: asyncio.StreamReader, limits: Limits) -> _Answer:
    answer = _Answer(limits=limits)
    parser = httptools.HttpResponseParser(answer)
    taken = 0
    while not answer.is_complete:
        piece = await reader.read(_PIECE)
        taken += len(piece)
        if taken > limits.body_bytes * 2 + limits.head_bytes:
            raise CannotFetch("too_large", "The answer is too long.")
        try:
            if not piece:
                break
            parser.feed_data(piece)
        except httptools.HttpParserCallbackError as error:
            if isinstance(error.__context__, CannotFetch):
                raise error.__context__ from None
            raise
        except httptools.HttpParserError as error:
            raise CannotFetch("no_http", "What answers there does not speak HTTP.") from error
        finally:
            answer.status = parser.get_status_code() or 0
    # Without a length, the end of the connection is the end of the file; with one, it is too early.
    if not answer.is_complete and ("content-length" in answer.headers or not answer.status):
        raise CannotFetch("cut_off", "The answer broke off.")
    if not answer.is_complete and "chunked" in answer.headers.get("transfer-encoding", ""):
        raise CannotFetch("cut_off", "The answer broke off.")
    return answer


def _taken(answer: _Answer) -> Fetched:
    """What a final answer gives.

    Raises:
        CannotFetch: no file.
    """
    headers = answer.headers
    if answer.status == HTTPStatus.NOT_MODIFIED:
        return Fetched(data=None)
    if answer.status != HTTPStatus.OK:
        raise CannotFetch("http_status", f"It answers {answer.status}.")
    if headers.get("content-encoding", "identity") != "identity":
        raise CannotFetch("encoded", "The file is compressed though that was not asked for.")
    if headers.get("content-type", "").lower().startswith(("text/html", "application/xhtml")):
        raise CannotFetch("web_page", "It is a web page, not a calendar.")
    return Fetched(
        data=bytes(answer.body),
        etag=_echoed(headers.get("etag", "")),
        modified=_echoed(headers.get("last-modified", "")),
    )


def _echoed(value: str) -> str:
    """A header that may be sent back; one that is odd is forgotten."""
    return value if value.isascii() and value.isprintable() and len(value) <= _LONGEST_URL else ""


def _inner(address: Address) -> list[Address]:
    """IPv4 addresses that an IPv6 one stands for: mapped, 6to4, Teredo. NAT64's are reserved."""
    if not isinstance(address, ipaddress.IPv6Address):
        return []
    found = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    return [one for one in found if one is not None]
