"""What a notifier is: a way to tell someone, used by channels.

A notifier is a class without arguments, named by an entry point of the group `oncue.notifiers`; one file each. Telling
is at least once: `context.key` is the same for every try, and travels with the message where the medium has a place.
"""

from datetime import datetime
from typing import Any, Protocol, runtime_checkable

import msgspec

from oncue.core.alert import Crossing
from oncue.sdk.context import Context
from oncue.sdk.errors import ErrorDoc


class Message(msgspec.Struct, kw_only=True):
    """What there is to tell, without the form that a medium gives it."""

    title: str
    summary: str | None = None
    severity: str | None = None
    priority: str | None = None
    state: str | None = None
    incident: str | None = None
    service: str | None = None
    resource: str | None = None
    alert: str | None = None
    crossing: Crossing | None = None
    since: str | None = None
    """RFC 3339."""
    details: list[tuple[str, Any]] = []
    """Label and value, in the order to show."""
    url_path: str | None = None
    runbook: str | None = None


class Links(msgspec.Struct, kw_only=True):
    """That whoever reads the message may act by a link in it."""

    incident: str | None = None
    approval: str | None = None
    """What may be decided; only by the person whom the message is for."""
    until: datetime


class Notification(msgspec.Struct, kw_only=True, rename={"with_": "with"}):
    """The payload of a notify effect."""

    channel: str
    """`namespace/name`."""
    type: str
    """The notifier."""
    with_: dict[str, Any] = {}
    """The channel's settings."""
    reason: str = "first"
    """One of those that the page on escalation lists: `first`, `not_acknowledged`, `resolved` and so on."""
    message: Message
    to: str | None = None
    """Whom it is for: `user:name`, `team:name`, `channel:name`."""
    links: Links | None = None
    """None where nothing is to be done, or the channel has no links."""


class Delivery(msgspec.Struct, omit_defaults=True):
    """What became of a message."""

    to: list[str]
    """Who was reached, without credentials."""
    id: str | None = None
    """The medium's own id of the message."""
    status: int | None = None
    refused: dict[str, str] = {}


@runtime_checkable
class Notifier(Protocol):
    """Tells by one medium. `settings` is the schema of the channel's `with`."""

    @property
    def name(self) -> str:
        """What manifests call it."""
        ...

    @property
    def settings(self) -> type[msgspec.Struct]:
        """The schema of the manifest's `with`."""
        ...

    @property
    def errors(self) -> tuple[ErrorDoc, ...]:
        """What it may fail with, beside what anything may."""
        ...

    async def send(self, settings: Any, notification: Notification, context: Context) -> Delivery:
        """The message is with the medium. Raises `ActionError` with a code of `errors`."""
        ...
