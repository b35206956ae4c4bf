"""What a system for ticket mirrors is: another place where tickets are kept, as ServiceNow or Jira.

It is a class without arguments, named by an entry point of the group `oncue.itsm`; one file each. The engine keeps the
order and tries again; the plugin looks before it acts, so that the same push twice leaves one ticket and one of each remark.
"""

from typing import Any, Final, Protocol, runtime_checkable

import msgspec

from oncue.core.mirror import News, Pull, Pulled, Push, Pushed, Remark, View
from oncue.core.ticket import TicketState
from oncue.sdk.context import Context
from oncue.sdk.errors import ErrorDoc

PULLED_LIMIT: Final = 60_000
"""Bytes of what one question may bring."""
_TEXT_LIMITS: Final = (8_000, 2_000, 500, 100, 0)
"""Characters of each remark, until all of it fits; 0 leaves the remarks out."""


@runtime_checkable
class System(Protocol):
    """Keeps tickets. `settings` is the schema of the mirror's `with`."""

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

    async def push(self, settings: Any, push: Push, context: Context) -> Pushed:
        """There is one ticket with `push.key`, as `push.ticket` says, with each of `push.remarks` once, in order. Where
        `push.remote` is None, or `push.again` or `context.redelivered` says so, some of it may be there already.

        Raises `ActionError` with a code of `errors`.
        """
        ...

    async def pull(self, settings: Any, pull: Pull, context: Context) -> Pulled:
        """What changed there since `pull.cursor`, of tickets that came from OnCue, the oldest change first. Raises as
        `push`."""
        ...


def bounded(pulled: Pulled) -> Pulled:
    """The same, with remarks cut short as far as it takes to fit."""
    for limit in _TEXT_LIMITS:
        if len(msgspec.json.encode(pulled)) <= PULLED_LIMIT:
            break
        for news in pulled.news:
            cut = (msgspec.structs.replace(one, text=one.text[:limit]) for one in news.remarks)
            news.remarks = list(cut) if limit else []
    return pulled


__all__ = ["News", "Pull", "Pulled", "Push", "Pushed", "Remark", "System", "TicketState", "View", "bounded"]
