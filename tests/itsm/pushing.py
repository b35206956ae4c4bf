"""Pushes and pulls as the engine makes them, for tests of one system."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from oncue.sdk import Allow, Pull, Pulled, Push, Pushed, Remark, View, registry
from oncue.sdk.testing import context
from tests.itsm.system import System

AT = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
KEY = "journal.1.TCK-1"


def view(**more: Any) -> View:
    """A ticket."""
    given = {"id": "TCK-1", "type": "incident", "title": "Slow", "description": "It is slow.", "state": "new",
             "priority": "P2", "opened_at": AT}  # fmt: skip
    return View(**{**given, **more})  # type: ignore[arg-type]


def remark(number: int, text: str = "Seen.") -> Remark:
    """A remark."""
    return Remark(f"co-{number}", "basis-1", AT, text)


class Desk:
    """One mirror of a system, as the engine sees it: it remembers what was sent."""

    def __init__(self, plugin: Any, system: System, directory: Path, secrets: dict[str, str], **settings: Any) -> None:
        self.plugin = plugin
        self.url = system.url
        self.settings = registry.fit(settings, plugin.settings)
        self._directory = directory
        self._secrets = secrets
        self.remote: str | None = None
        self.sent: View | None = None
        self.spec: dict[str, Any] = {}
        """Members of Push or Pull that the manifest gives."""

    async def push(
        self, ticket: View, *remarks: Remark, again: bool = False, redelivered: bool = False, **more: Any
    ) -> Pushed:
        """The system is to know this. Raises `ActionError`; then nothing is remembered."""
        push = Push(
            mirror="default/desk", url=self.url, ticket=ticket, before=self.sent, remote=self.remote,
            remarks=list(remarks), again=again, **{"key": KEY, **self.spec, **more},
        )  # fmt: skip
        pushed: Pushed = await self.plugin.push(self.settings, push, self._context(redelivered))
        self.remote, self.sent = pushed.remote, ticket
        return pushed

    async def pull(self, cursor: str = "2026-03-01T03:00:00Z", **more: Any) -> Pulled:
        """What is new there."""
        given = {name: one for name, one in self.spec.items() if name in ("states",)}
        pull = Pull(mirror="default/desk", url=self.url, cursor=cursor, **{**given, **more})
        pulled: Pulled = await self.plugin.pull(self.settings, pull, self._context(False))
        return msgspec.json.decode(msgspec.json.encode(pulled), type=Pulled)

    def _context(self, redelivered: bool) -> Any:
        return context(
            self._directory, secrets=self._secrets, allows=[Allow(host="127.0.0.1")], timeout_s=5.0,
            redelivered=redelivered,
        )  # fmt: skip
