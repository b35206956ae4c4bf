"""Sources under test: what a message becomes, and what the engine makes of that."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import msgspec

from oncue import manifests
from oncue.plugins.sources.cloudevents import vet
from oncue.sdk import registry
from oncue.sdk.source import Message, Parsed, Refusal
from tests.unit.story import Story

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
FORM = {"content-type": "application/x-www-form-urlencoded"}


def message(body: Any, headers: dict[str, str] | None = None, **more: Any) -> Message:
    """What a sender posts to a source called `in-1`. A body that is not bytes or text is sent as JSON."""
    raw = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else msgspec.json.encode(body)
    pairs = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    return Message(name="in-1", headers=pairs, body=raw, now=NOW, **more)


def parse(type: str, body: Any, headers: dict[str, str] | None = None, **more: Any) -> Parsed:
    """What the source makes of the message. Every event that it makes is valid."""
    parsed = registry.source(type).parse(message(body, headers, **more))
    assert parsed.outlines == [vet(event) for event in parsed.events]
    return parsed


def events(type: str, body: Any, headers: dict[str, str] | None = None, **more: Any) -> list[dict[str, Any]]:
    """The events; nothing was refused. Labels are read, too."""
    parsed = parse(type, body, headers, **more)
    assert parsed.rejected == []
    found: list[dict[str, Any]] = [msgspec.json.decode(event) for event in parsed.events]
    for event in found:
        event["labels"] = msgspec.json.decode(event.get("labels", "{}"))
    return found


def event(type: str, body: Any, headers: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
    """The only event."""
    (found,) = events(type, body, headers, **more)
    return found


def told(type: str, *bodies: Any, headers: dict[str, str] | None = None, **more: Any) -> Story:
    """An engine that got these messages, one after the other."""
    story = Story()
    for body in bodies:
        for document in parse(type, body, headers, **more).events:
            story.skip("1s")
            story.feed(document, story.now)
    return story


def faults(type: str, settings: dict[str, Any]) -> list[tuple[str, str]]:
    """What `oncue apply` says about a source's `with`: dotted path and detail."""
    spec = {"type": type, "with": settings}
    document = {"apiVersion": "oncue/v1", "kind": "Source", "metadata": {"name": "x"}, "spec": spec}
    _, problems = manifests.check(manifests.Parsed(document, {}, {}))
    return [(one.path.removeprefix("spec."), one.detail) for one in problems if one.level == "error"]


class Vault:
    """What a source is given before it parses: secrets, and a client that answers from `pages`."""

    def __init__(
        self, secrets: dict[str, str] | None = None, pages: dict[str, tuple[int, bytes]] | None = None
    ) -> None:
        self._secrets = secrets or {}
        self._pages = pages or {}
        self.visited: list[str] = []

    def secret(self, reference: str) -> str:
        if reference not in self._secrets:
            raise Refusal("secret.not_found", reference)
        return self._secrets[reference]

    async def client(self) -> httpx.AsyncClient:
        def answer(request: httpx.Request) -> httpx.Response:
            self.visited.append(str(request.url))
            status, body = self._pages.get(str(request.url), (404, b""))

            async def content() -> AsyncIterator[bytes]:
                yield body

            return httpx.Response(status, content=content())

        return httpx.AsyncClient(transport=httpx.MockTransport(answer))
