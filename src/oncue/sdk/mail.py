"""The operator's mail transport: an SMTP relay, or a Maildir for machines that have none.

A message's id comes from the idempotency key of what sends it: a second try carries the same one, so that mail systems
drop the copy; the local mailbox does so itself.
"""

import asyncio
import hashlib
import os
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, getaddresses
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

import aiosmtplib

from oncue.sdk.errors import ActionError, ErrorDoc
from oncue.sdk.outbound import Guard, tls_context

MAILBOX: Final = "mailbox"
"""The local mailbox's name in the data directory: a Maildir."""

RECIPIENTS_LIMIT: Final = 100

ERRORS: Final = (
    ErrorDoc("smtp.unavailable", "The relay cannot be reached or is busy (4xx).", transient=True),
    ErrorDoc("smtp.refused", "The relay refuses the message or every recipient for good (5xx)."),
    ErrorDoc("smtp.auth", "The relay does not take the credentials."),
    ErrorDoc("smtp.tls", "The relay offers no TLS, or its certificate is not valid."),
    ErrorDoc("mail.address", "A recipient is not a mail address."),
    ErrorDoc("mailbox.unwritable", "The local mailbox cannot be written.", transient=True),
)


class Mailer:
    """Sends mail by one relay.

    `url` is `mailbox:`, `smtp://user:password@host:port?starttls` or `smtps://...`. Without `starttls` and without
    credentials TLS is used if the relay offers it, with any certificate; credentials go over verified TLS only, unless
    the relay is this machine. The operator configures the relay, so no guard stands before it unless one is given.
    """

    def __init__(self, url: str, sender: str, data: Path, guard: Guard | None = None) -> None:
        self._parts: Final[SplitResult] = urlsplit(url)
        self.sender = sender
        self.data = data
        self._guard = guard

    async def send(self, message: EmailMessage, recipients: Sequence[str], timeout_s: float) -> dict[str, str]:
        """The message is with the relay, or in the mailbox; returns the recipients that were refused, with the reason.

        Raises `ActionError` with the codes in `ERRORS`.
        """
        if self._parts.scheme == "mailbox":
            await asyncio.to_thread(deliver_locally, message, self.data / MAILBOX)
            return {}
        try:
            return await self._relay(message, recipients, timeout_s)
        except aiosmtplib.SMTPAuthenticationError as error:
            raise ActionError("smtp.auth", f"{error.code} {error.message}", nothing_done=True) from error
        except aiosmtplib.SMTPRecipientsRefused as error:
            reasons = "; ".join(f"{one.recipient}: {one.code} {one.message}" for one in error.recipients)
            transient = all(400 <= one.code < 500 for one in error.recipients)
            raise ActionError(
                "smtp.unavailable" if transient else "smtp.refused", reasons, transient=transient
            ) from error
        except aiosmtplib.SMTPResponseException as error:
            transient = 400 <= error.code < 500 or error.code < 0
            code = "smtp.unavailable" if transient else "smtp.refused"
            raise ActionError(code, f"{error.code} {error.message}", transient=transient) from error
        except ssl.SSLError as error:
            raise ActionError("smtp.tls", str(error)) from error
        except (aiosmtplib.SMTPException, OSError) as error:
            detail = f"{self._parts.hostname}: {error or type(error).__name__}"
            if isinstance(error, aiosmtplib.SMTPException) and "STARTTLS" in str(error):
                raise ActionError("smtp.tls", detail) from error
            unsent = isinstance(error, aiosmtplib.SMTPConnectError)
            raise ActionError("smtp.unavailable", detail, transient=True, nothing_done=unsent) from error

    async def _relay(self, message: EmailMessage, recipients: Sequence[str], timeout_s: float) -> dict[str, str]:
        parts = self._parts
        host = parts.hostname or "localhost"
        implicit = parts.scheme == "smtps"
        credentials = parts.username is not None
        required = "starttls" in parse_qs(parts.query, keep_blank_values=True)
        here = host in ("localhost", "127.0.0.1", "::1")
        verified = implicit or required or (credentials and not here)
        port = parts.port or (465 if implicit else 587 if credentials else 25)
        sock = await self._guard.connect(host, port) if self._guard is not None else None
        client = aiosmtplib.SMTP(
            hostname=host,
            port=None if sock is not None else port,
            sock=sock,
            timeout=timeout_s,
            use_tls=implicit,
            start_tls=None if not verified else not implicit,
            tls_context=tls_context(verified),
            username=unquote(parts.username) if parts.username is not None else None,
            password=unquote(parts.password) if parts.password is not None else None,
        )
        async with client:
            refused, _ = await client.send_message(message, sender=self.sender, recipients=list(recipients))
        return {recipient: f"{answer.code} {answer.message}" for recipient, answer in refused.items()}

    def compose(self, key: str, subject: str, text: str, html: str | None, to: Sequence[str]) -> EmailMessage:
        """A message with all its headers; `key` makes its id. Raises `ActionError` mail.address."""
        message = EmailMessage(policy=SMTP)
        message["Subject"] = " ".join(subject.split())[:240]
        message["From"] = self.sender
        message["To"] = [address_of(one) for one in to]
        message["Date"] = format_datetime(datetime.now(UTC))
        message["Message-ID"] = f"<{hashlib.sha256(key.encode()).hexdigest()[:32]}@{self._domain}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text)
        if html is not None:
            message.add_alternative(html, subtype="html")
        return message

    @property
    def _domain(self) -> str:
        return getaddresses([self.sender])[0][1].rpartition("@")[2] or "localhost"


def address_of(text: str) -> Address:
    """The mail address in `a@b` or `Name <a@b>`. Raises `ActionError` mail.address."""
    name, spec = getaddresses([text])[0]
    if (
        any(ord(character) < 32 for character in text)
        or spec.count("@") != 1
        or spec.startswith("@")
        or spec.endswith("@")
    ):
        raise ActionError("mail.address", f"{text!r} is not a mail address")
    try:
        return Address(display_name=name, addr_spec=spec)
    except (ValueError, IndexError) as error:
        raise ActionError("mail.address", f"{text!r} is not a mail address") from error


def deliver_locally(message: EmailMessage, mailbox: Path) -> Path:
    """The message lies in the Maildir, on disk, once per message id. Raises `ActionError` mailbox.unwritable."""
    name = hashlib.sha256(str(message["Message-ID"]).encode()).hexdigest()[:32] + ".oncue"
    try:
        for folder in ("tmp", "new", "cur"):
            (mailbox / folder).mkdir(parents=True, exist_ok=True, mode=0o700)
        for known in (mailbox / "new" / name, *(mailbox / "cur").glob(f"{name}*")):
            if known.exists():
                return known
        draft = mailbox / "tmp" / f"{name}.{os.getpid()}"
        with draft.open("wb") as file:
            file.write(message.as_bytes())
            file.flush()
            os.fsync(file.fileno())
        draft.rename(mailbox / "new" / name)
    except OSError as error:
        raise ActionError("mailbox.unwritable", str(error), transient=True) from error
    return mailbox / "new" / name
