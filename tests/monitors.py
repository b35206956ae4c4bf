"""Monitors under test: what one probe of the real thing finds."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from oncue.sdk import Allow, Monitor, Probe, registry
from oncue.sdk.testing import context

LOCAL = (Allow("127.0.0.1"), Allow("::1"))
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def probe(
    monitor: str | Monitor,
    settings: Mapping[str, Any],
    tmp_path: Path,
    *,
    at: datetime | None = None,
    **surroundings: Any,
) -> Probe:
    """One probe by a monitor, or by a new one of this name. Its readings and errors are those that it describes."""
    used = registry.monitor(monitor) if isinstance(monitor, str) else monitor
    given = {"allows": LOCAL, **surroundings}
    found = await used.probe(
        registry.fit(dict(settings), used.settings), context(tmp_path, **given), at or datetime.now(UTC)
    )
    assert {one.metric for one in found.readings} <= {doc.metric for doc in used.metrics}
    return found


def values(found: Probe, metric: str) -> dict[str, float]:
    """The values of a metric, by instance."""
    return {one.instance: one.value for one in found.readings if one.metric == metric}


def value(found: Probe, metric: str) -> float:
    """The only value of a metric."""
    (only,) = values(found, metric).values()
    return only


def code(found: Probe) -> str | None:
    """The code of the fault."""
    return found.fault.code if found.fault else None


@asynccontextmanager
async def listening(handler: Handler, **options: Any) -> AsyncIterator[int]:
    """A TCP server of this machine; gives its port."""

    async def guarded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handler(reader, writer)
        except OSError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(guarded, "127.0.0.1", 0, **options)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
