"""The local mailbox: what would have been sent, where no mail relay is configured."""

import asyncio
import email
import email.policy
import re
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Final

import msgspec
from litestar import Response, get

from oncue.access.roles import allowed
from oncue.api.action_links import PREFIX
from oncue.api.context import Context, Ctx, Who
from oncue.api.guard import require
from oncue.api.params import Listing, json_response
from oncue.api.shapes import Mail
from oncue.core.errors import Refusal
from oncue.sdk.mail import MAILBOX

LISTED = 200
ADMINISTER: Final = "user:write"
"""Who holds this in every namespace may read what others could act by."""
_ACTS: Final = re.compile(rf"(?<={PREFIX})[A-Za-z0-9_.~%=-]+")
"""What makes a link in a mail one that acts."""


@get("/mailbox", opt={"permission": "mailbox:read"})
async def list_mails(ctx: Ctx, who: Who) -> Response[Listing[Mail]]:
    """The newest mails, without their texts. Mails of all namespaces lie together, so it needs the permission in every
    one."""
    require(who, "mailbox:read", None)
    mails = await asyncio.to_thread(_listed, _directory(ctx))
    return json_response(msgspec.json.encode({"items": mails, "next": None}))


@get("/mailbox/{mail_id:str}", opt={"permission": "mailbox:read"})
async def get_mail(ctx: Ctx, who: Who, mail_id: str) -> Response[Mail]:
    """One mail, with its texts. Links by which whoever got the mail can act are cut, unless an administrator reads it."""
    require(who, "mailbox:read", None)
    for path in await asyncio.to_thread(_paths, _directory(ctx)):
        if path.name == mail_id:
            mail = await asyncio.to_thread(_read, path, whole=True)
            if not allowed(who, ADMINISTER, None):
                mail.text, mail.html = (
                    _ACTS.sub("cut", one) if one is not None else None for one in (mail.text, mail.html)
                )
            return json_response(msgspec.json.encode(mail))
    raise Refusal("mail.not_found", mail_id[:200])


def _directory(ctx: Context) -> Path:
    return ctx.config.data / MAILBOX


def _paths(directory: Path) -> list[Path]:
    found = [path for folder in ("new", "cur") for path in (directory / folder).glob("*") if path.is_file()]
    return sorted(found, key=lambda path: path.stat().st_mtime_ns, reverse=True)[:LISTED]


def _listed(directory: Path) -> list[Mail]:
    return [_read(path, whole=False) for path in _paths(directory)]


def _read(path: Path, *, whole: bool) -> Mail:
    with path.open("rb") as file:
        message = email.message_from_binary_file(file, policy=email.policy.default)
    return Mail(
        id=path.name,
        at=datetime.fromtimestamp(path.stat().st_mtime, UTC),
        sender=str(message.get("From", "")),
        to=[str(one) for one in message.get_all("To", [])],
        subject=str(message.get("Subject", "")),
        text=_part(message, "plain") if whole else None,
        html=_part(message, "html") if whole else None,
    )


def _part(message: EmailMessage, kind: str) -> str | None:
    part: Any = message.get_body(preferencelist=(kind,))
    return None if part is None else str(part.get_content())


HANDLERS = [list_mails, get_mail]
