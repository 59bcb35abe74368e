"""Mail: composed once, and sent over SMTP or kept as files."""

import asyncio
import datetime as dt
import email.policy
import email.utils
import hashlib
import ssl
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import unquote, urlsplit

import aiosmtplib
from msgspec import Struct

from openyard_calendars.invitation import FILE_NAME, Invitation
from openyard_platform.domain.errors import Unavailable

_PATIENCE = 10.0


class CannotSend(Unavailable):
    """The message did not leave. ``permanent``: trying again will not help."""

    code = "mail_unavailable"

    def __init__(self, message: str, *, permanent: bool = False) -> None:
        super().__init__(message)
        self.permanent = permanent


class Mail(Struct, frozen=True, kw_only=True):
    """``message_id``: the same on a repeat, so that the receiver can tell.

    ``html``: the same said again for those who prefer it; empty: plain text only.
    ``invitation``: for the reader's calendar.
    """

    sender: str
    to: str
    subject: str
    text: str
    message_id: str
    at: dt.datetime
    html: str = ""
    invitation: Invitation | None = None


def message_id(name: object, base_url: str) -> str:
    """``<name@our host>``."""
    return f"<{name}@{urlsplit(base_url).hostname or 'localhost'}>"


def compose(mail: Mail) -> EmailMessage:
    """Raises ValueError where a header would hold a line break."""
    message = EmailMessage(policy=email.policy.SMTP)
    message["From"] = mail.sender
    message["To"] = mail.to
    message["Subject"] = mail.subject
    message["Date"] = email.utils.format_datetime(mail.at)
    message["Message-ID"] = mail.message_id
    # Holiday notices must not answer to it (RFC 3834).
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.text)
    if mail.html:
        message.add_alternative(mail.html, subtype="html")
    if mail.invitation is not None:
        _enclose(message, mail.invitation)
    return message


def _enclose(message: EmailMessage, invitation: Invitation) -> None:
    """As the last alternative, which calendars look for, and as a file for all who do not."""
    message.add_alternative(
        invitation.body.decode(),
        subtype="calendar",
        # Nothing on the way must fold or re-code its lines (RFC 6047, 2.4).
        cte="base64",
        params={"method": invitation.method.value},
    )
    # Not text/calendar again: some programs would show the event twice.
    message.add_attachment(
        invitation.body, maintype="application", subtype="ics", filename=FILE_NAME
    )


async def send(smtp_url: str, mail: Mail) -> None:
    """Send one message and return when the server has taken it.

    ``smtp_url``: ``smtp://``, ``smtps://`` (TLS from the start) with credentials and port, or
    ``file:///directory``, where each message becomes one file: for a machine without mail.

    Raises:
        CannotSend: it was not taken; says whether another try may help.
    """
    if not smtp_url:
        raise CannotSend("This installation sends no mail: OPENYARD_SMTP_URL is not set.")
    message = compose(mail)
    address = urlsplit(smtp_url)
    if address.scheme == "file":
        await asyncio.to_thread(_keep, Path(unquote(address.path)), message)
        return
    if address.scheme not in ("smtp", "smtps") or not address.hostname:
        raise CannotSend("OPENYARD_SMTP_URL is none of smtp://, smtps:// and file://.")
    try:
        await aiosmtplib.send(
            message,
            hostname=address.hostname,
            port=address.port,
            username=unquote(address.username) if address.username else None,
            password=unquote(address.password) if address.password else None,
            use_tls=address.scheme == "smtps",
            timeout=_PATIENCE,
        )
    except aiosmtplib.SMTPRecipientsRefused as error:
        codes = [refusal.code for refusal in error.recipients]
        permanent = all(_is_permanent(code) for code in codes)
        raise CannotSend(f"The mail server refuses {mail.to}.", permanent=permanent) from error
    except aiosmtplib.SMTPResponseException as error:
        permanent = _is_permanent(error.code) and not isinstance(
            # Our own log-in is the operator's to mend, and then all of them can go.
            error,
            aiosmtplib.SMTPAuthenticationError,
        )
        text = f"The mail server answers {error.code}."
        raise CannotSend(text, permanent=permanent) from error
    except (aiosmtplib.SMTPException, OSError, ssl.SSLError) as error:
        raise CannotSend("The mail server cannot be reached.") from error


def _is_permanent(code: int) -> bool:
    return 500 <= code < 600  # noqa: PLR2004 - SMTP's permanent failures


def _keep(directory: Path, message: EmailMessage) -> None:
    """A repeat has the same Message-ID and so the same file."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = hashlib.sha256(str(message["Message-ID"]).encode()).hexdigest()[:32]
    draft = directory / f"{name}.new"
    draft.write_bytes(bytes(message))
    draft.replace(directory / f"{name}.eml")
