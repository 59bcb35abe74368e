"""Strangers' addresses: what is fetched from a real server over TLS, and what never is."""

import asyncio

import pytest

from openyard_platform import fetching
from openyard_platform.fetching import CannotFetch, Fetched, Limits, Network
from tests.integration.strangers import FILE, HOST, PUBLIC, World, answer, world

URL = f"https://{HOST}/a.ics"
QUICK = Limits(seconds=3, body_bytes=10_000)


async def refusal(url: str, there: World) -> str:
    with pytest.raises(CannotFetch) as caught:
        await fetching.fetch(url, limits=QUICK, network=there.network)
    assert HOST not in str(caught.value)
    return caught.value.code


async def test_a_file_is_fetched_with_what_tells_it_from_the_next():
    async with world(answer(ETag='"7"', Last_Modified="Sat, 07 Mar 2026 00:00:00 GMT")) as there:
        found = await fetching.fetch(f"{URL}?k=锁", network=there.network)

    assert found == Fetched(data=FILE, etag='"7"', modified="Sat, 07 Mar 2026 00:00:00 GMT")
    assert there.connected == [(PUBLIC, 443, HOST)]
    head = there.asked[0].splitlines()
    assert (head[0], "Host: calendar.example" in head) == ("GET /a.ics?k=%E9%94%81 HTTP/1.1", True)


async def test_what_is_as_it_was_is_not_sent_again():
    async with world(answer(b"", "304 Not Modified")) as there:
        found = await fetching.fetch(URL, etag='"7"', modified="x", network=there.network)

    assert found.data is None
    assert 'If-None-Match: "7"' in there.asked[0]
    assert "If-Modified-Since: x" in there.asked[0]


@pytest.mark.parametrize(
    "sent",
    [
        answer(b"3\r\nBEG\r\n1d\r\n" + FILE[3:] + b"\r\n0\r\n\r\n", Transfer_Encoding="chunked"),
        b"HTTP/1.0 200 OK\r\n\r\n" + FILE,
    ],
)
async def test_a_file_comes_in_chunks_or_until_the_connection_ends(sent):
    async with world(sent) as there:
        assert (await fetching.fetch(URL, network=there.network)).data == FILE


async def test_a_redirect_is_followed_to_another_public_place():
    moved = answer(b"", "302 Found", Location="https://moved.example/b.ics")
    async with world(moved, answer()) as there:
        there.names["moved.example"] = ["8.8.8.8"]
        found = await fetching.fetch(URL, network=there.network)

    assert found.data == FILE
    assert there.connected == [(PUBLIC, 443, HOST), ("8.8.8.8", 443, "moved.example")]


@pytest.mark.parametrize(
    ("location", "code"),
    [
        ("https://inside.example/", "address_not_public"),
        ("https://127.0.0.1/", "address_not_public"),
        ("http://calendar.example/a.ics", "address_malformed"),
        ("file:///etc/passwd", "address_malformed"),
        ("/round-and-round", "redirects"),
    ],
)
async def test_no_redirect_leads_inside_or_round_for_ever(location, code):
    async with world(answer(b"", "301 Moved", Location=location)) as there:
        there.names |= {"inside.example": ["10.0.0.1"], "127.0.0.1": ["127.0.0.1"]}

        assert await refusal(URL, there) == code

    assert {address for address, _, _ in there.connected} == {PUBLIC}


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254"),
        "0.0.0.0",  # noqa: S104 - nobody is bound to it
        *("100.64.0.1", "224.0.0.1", "255.255.255.255", "198.18.0.1", "::1", "::", "fe80::1%1"),
        *("fc00::1", "ff02::1", "::ffff:127.0.0.1", "2002:7f00:1::", "64:ff9b::10.0.0.1"),
        *("2001:0:4136:e378:8000:63bf:80ff:fffe", "not an address"),
    ],
)
async def test_what_is_not_public_is_never_connected_to(address):
    assert not fetching.is_public(address)
    async with world(answer()) as there:
        there.names[HOST] = [PUBLIC, address]

        assert await refusal(URL, there) == "address_not_public"

    assert there.connected == []


@pytest.mark.parametrize("address", [PUBLIC, "2606:4700:4700::1111"])
def test_what_is_public_may_be_connected_to(address):
    assert fetching.is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        *("http://calendar.example/", "https://", "https:///a", "ftp://calendar.example/", "a.ics"),
        *("https://me:secret@calendar.example/", "https://calendar.example:99999/"),
        *("https://calendar.example/a b", "https://calendar.example/\r\nX: y", "https://[::1/"),
        f"https://{'a' * 70}.example/",
        f"https://calendar.example/{'a' * 2000}",
    ],
)
async def test_what_is_no_address_is_not_asked(url):
    async with world(answer()) as there:
        assert await refusal(url, there) == "address_malformed"

    assert there.asked == []


def test_an_address_is_written_in_one_way():
    assert fetching.check("HTTPS://Calendar.Example:443/日历.ics?a=b c".replace(" ", "+")) == (
        "https://calendar.example/%E6%97%A5%E5%8E%86.ics?a=b+c"
    )
    assert fetching.check("https://馆.example") == "https://xn--j85a.example/"


async def drip(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X: y\r\n")
        await writer.drain()
        await asyncio.sleep(0.2)


async def flood(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        writer.write(b"x" * 60_000)
        await writer.drain()


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (answer(status="404 Not Found"), "http_status"),
        (answer(status="500 Oops"), "http_status"),
        (answer(Content_Type="text/html; charset=utf-8"), "web_page"),
        (answer(Content_Encoding="gzip"), "encoded"),
        (answer(b"x" * 10_001), "too_large"),
        (answer(X="y" * 70_000), "too_large"),
        (answer(FILE[:5], Content_Length="99"), "cut_off"),
        (answer(b"3\r\nBEG\r\n", Transfer_Encoding="chunked"), "cut_off"),
        (b"SSH-2.0-OpenSSH_9\r\n", "no_http"),
        (b"", "cut_off"),
        (drip, "timed_out"),
        (flood, "too_large"),
    ],
)
async def test_what_is_no_file_of_bounded_size_says_what_it_is(sent, code):
    async with world(sent) as there:
        assert await refusal(URL, there) == code


async def test_a_certificate_of_another_name_is_refused():
    async with world(answer()) as there:
        assert await refusal("https://other.example/", there) == "unreachable"
        assert there.asked == []


async def test_a_name_that_nobody_knows_cannot_be_reached():
    async with world(answer()) as there:

        async def resolve(_host: str, _port: int) -> list[str]:
            raise OSError

        with pytest.raises(CannotFetch) as caught:
            await fetching.fetch(URL, network=Network(resolve=resolve, connect=there.connect))

    assert caught.value.code == "unreachable"


async def test_the_machine_itself_is_not_public_by_its_own_name_either():
    with pytest.raises(CannotFetch) as caught:
        await fetching.fetch("https://localhost/")

    assert caught.value.code == "address_not_public"
