"""The notifier `apprise`: chat, SMS and push through the services that apprise knows.

Apprise opens its connections itself. So it runs in a process of its own, where an audit hook judges every connection as
the guard would, and forbids it to start programs; the process is killed at the deadline. The URLs hold credentials
and travel by standard input.
"""

import asyncio
import contextlib
import os
import ssl
import sys
from typing import Annotated

import msgspec

from oncue.plugins.notifiers.email import links, render, subject
from oncue.sdk import ActionError, Context, Delivery, ErrorDoc, Notification


class Settings(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Where to send."""

    urls: Annotated[list[str], msgspec.Meta(min_length=1, max_length=20)]
    """Apprise URLs, or secrets (`secret://name`) that hold one."""


class Job(msgspec.Struct):
    """What the process is told."""

    urls: list[str]
    title: str
    body: str
    severity: str
    allows: list[tuple[str, int | None]]


class Verdict(msgspec.Struct):
    """What the process says: services reached, or an error."""

    sent: list[str] = []
    code: str | None = None
    detail: str = ""
    transient: bool = False


class AppriseNotifier:
    """Tells all of a channel's services."""

    name = "apprise"
    settings = Settings
    errors = (
        ErrorDoc("apprise.url", "A URL is not one that apprise knows."),
        ErrorDoc("apprise.failed", "A service did not take the message.", transient=True),
    )

    async def send(self, settings: Settings, notification: Notification, context: Context) -> Delivery:
        """Every service took it."""
        urls = [context.secret(url) if url.startswith("secret://") else url for url in settings.urls]
        for url in urls:
            context.mask.add(url)
        message = notification.message
        over = notification.reason == "resolved" or message.state == "resolved"
        job = Job(
            urls=urls,
            title=subject(notification),
            body=render(notification, context.base_url, links(notification, context))[0],
            severity="clear" if over else message.severity or "info",
            allows=context.guard.present(),
        )
        verdict = await _run(msgspec.json.encode(job))
        if verdict.code is not None:
            raise ActionError(verdict.code, verdict.detail, transient=verdict.transient)
        return Delivery(to=verdict.sent, id=context.key)


def _environment() -> dict[str, str]:
    """None of the server's own: it holds credentials. TLS trusts what the machine trusts."""
    store = ssl.get_default_verify_paths().cafile
    return {
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "NETRC": os.devnull,
        **({"REQUESTS_CA_BUNDLE": store} if store else {}),
    }


async def _run(job: bytes) -> Verdict:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "oncue.plugins.notifiers.apprise_process",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=_environment(),
    )  # fmt: skip
    try:
        stdout, stderr = await process.communicate(job)
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    try:
        return msgspec.json.decode(stdout, type=Verdict)
    except msgspec.DecodeError as error:
        last = stderr.decode("utf-8", "replace").strip()[-500:]
        raise ActionError(
            "apprise.failed", f"apprise ended with {process.returncode}: {last}", transient=True
        ) from error
