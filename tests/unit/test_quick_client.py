"""Our reading of message headers finds what the client's own finds."""

import asyncio

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from nats.aio.client import Client

from openyard_events.quick_client import QuickClient

_PIECES = st.sampled_from(
    [
        b"ce-id",
        b":",
        b": ",
        b"\r\n",
        b" ",
        b"\t",
        b"\x1c",
        b"\x85",
        "周末".encode(),
        b"\xff",
        b"a",
        b"\n",
    ]
)


async def _read(client: Client, lines: bytes) -> dict[str, str] | None:
    """As the client reads them off the wire."""
    return await client._process_headers(b"NATS/1.0\r\n" + lines)  # noqa: SLF001 - no other way


async def test_the_client_reads_headers_as_we_do(monkeypatch):
    """Were it renamed there, ours would stand idle."""
    monkeypatch.setattr(QuickClient, "_parse_header_lines", staticmethod(lambda _: {"ours": "1"}))
    assert await _read(QuickClient(), b"ce-id: 7\r\n\r\n") == {"ours": "1"}


@pytest.mark.parametrize("taken", [Client, QuickClient])
async def test_a_message_has_its_headers(taken):
    raw = b"ce-id: 7\r\nce-subject: \xe5\x91\xa8\r\nbad name: 1\r\n\r\n"
    assert await _read(taken(), raw) == {"ce-id": "7", "ce-subject": "周"}


@given(st.lists(_PIECES).map(b"".join) | st.binary())
@example(b": value\r\n\x1cname: 1\r\nna me: 2\r\nname:\t 3 \r\nname: 4\r\nno colon\r\n")
def test_headers_are_what_the_client_would_have_found(raw: bytes):
    theirs, ours = (asyncio.run(_read(client, raw)) for client in (Client(), QuickClient()))
    assert ours == theirs
