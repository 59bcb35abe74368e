import asyncio
import datetime as dt
import email
import email.message
import email.policy

import msgspec
import pytest
from aiosmtpd.smtp import SMTP

from openyard_calendars.invitation import Invitation, Method
from openyard_platform import mail
from openyard_platform.mail import CannotSend, Mail

AT = dt.datetime(2026, 11, 23, 8, 0, tzinfo=dt.UTC)
LETTER = Mail(
    sender="联育 <noreply@yard.example>",
    to="wang@example.org",
    subject="预约已确认",
    text="您好：\n周六见。\n",
    message_id="<1@yard.example>",
    at=AT,
)


class Inbox:
    """Keeps what it is sent; refuses recipients whose name starts with its answer's code."""

    url = ""

    def __init__(self) -> None:
        self.messages: list[email.message.EmailMessage] = []

    async def handle_RCPT(self, _server, _session, envelope, address, _options):  # noqa: N802
        if address[:3].isdigit():
            return f"{address[:3]} no"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server, _session, envelope):  # noqa: N802
        parsed = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.messages.append(parsed)
        return "250 OK"


@pytest.fixture
async def inbox():
    handler = Inbox()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(handler, enable_SMTPUTF8=True), "127.0.0.1", 0)
    handler.url = f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield handler
    server.close()


async def test_a_chinese_message_arrives_whole(inbox):
    await mail.send(inbox.url, LETTER)
    (message,) = inbox.messages
    assert message["Subject"] == "预约已确认"
    assert message["From"] == "联育 <noreply@yard.example>"
    assert message["Message-ID"] == "<1@yard.example>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Date"].datetime == AT
    assert message.get_content().replace("\r\n", "\n") == LETTER.text


@pytest.mark.parametrize("method", list(Method))
async def test_an_invitation_is_the_last_alternative_and_a_file(inbox, method):
    body = f"BEGIN:VCALENDAR\r\nMETHOD:{method}\r\nX-NOTE:周六见\r\nEND:VCALENDAR\r\n".encode()
    invitation = Invitation(method=method, body=body)
    await mail.send(
        inbox.url, msgspec.structs.replace(LETTER, html="<p>周六见</p>", invitation=invitation)
    )
    (message,) = inbox.messages
    alternatives, file = message.iter_parts()
    kinds = [part.get_content_type() for part in alternatives.iter_parts()]
    assert kinds == ["text/plain", "text/html", "text/calendar"]
    calendar = list(alternatives.iter_parts())[-1]
    assert calendar["Content-Type"].params == {"charset": "utf-8", "method": method.value}
    assert calendar["Content-Transfer-Encoding"] == "base64"
    assert calendar.get_payload(decode=True) == body
    assert file.get_filename() == "invite.ics"
    assert file.get_content_type() == "application/ics"
    assert file.get_content() == body


@pytest.mark.parametrize(("code", "permanent"), [("550", True), ("450", False)])
async def test_a_refusal_says_whether_another_try_may_help(inbox, code, permanent):
    letter = msgspec.structs.replace(LETTER, to=f"{code}@example.org")
    with pytest.raises(CannotSend) as caught:
        await mail.send(inbox.url, letter)
    assert caught.value.permanent is permanent


@pytest.mark.parametrize("url", ["", "smtp://127.0.0.1:1", "ftp://example.org", "smtp://"])
async def test_a_server_that_cannot_be_reached_is_worth_another_try(url):
    with pytest.raises(CannotSend) as caught:
        await mail.send(url, LETTER)
    assert not caught.value.permanent


async def test_without_a_server_messages_can_be_kept_as_files_once_each(tmp_path):
    url = f"file://{tmp_path}/mail"
    await mail.send(url, LETTER)
    await mail.send(url, LETTER)
    (file,) = (tmp_path / "mail").iterdir()
    parsed = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
    assert parsed.get_content().replace("\r\n", "\n") == LETTER.text


def test_a_line_break_does_not_become_a_header():
    """ASVS 1.3.11: nothing that a user wrote adds headers to a mail."""
    letter = Mail(
        sender=LETTER.sender,
        to=LETTER.to,
        subject="hello\r\nBcc: all@example.org",
        text="",
        message_id="<1@a>",
        at=AT,
    )
    with pytest.raises(ValueError, match="linefeed"):
        mail.compose(letter)
