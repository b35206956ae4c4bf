"""The monitor `tcp`: whether a port takes connections, how fast, and whether what it says is what it should say."""

import asyncio
import time
from datetime import datetime
from typing import Annotated, Final

import msgspec
import re2

from oncue.plugins.monitors import reaching
from oncue.sdk import ActionError, Context, Fault, MetricDoc, Probe, Reading

ANSWER_LIMIT: Final = 16_384
"""Bytes of an answer that are looked at."""


class Settings(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Where to connect, and what to expect there."""

    host: Annotated[str, msgspec.Meta(min_length=1, max_length=253)]
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)]
    send: Annotated[str, msgspec.Meta(max_length=4096)] | None = None
    """Sent once connected, as `PING\\r\\n`."""
    expect: Annotated[str, msgspec.Meta(max_length=1024)] | None = None
    """An RE2 expression that must be found in the first 16 KiB that come, as `^220 `."""


class Tcp:
    """Connects once per probe. That nothing listens is a finding, not an error of the monitor."""

    name = "tcp"
    settings = Settings
    primary = ""
    remote = True
    passive = False
    metrics = (
        MetricDoc("tcp.up", "", "Up", "1 if the connection was made and the answer as it should be, else 0."),
        MetricDoc("tcp.connect", "ms", "Connect time", "Resolving the name and connecting."),
        MetricDoc("tcp.answer", "ms", "Answer time", "From the connection until what `expect` says was there."),
    )
    errors = (reaching.REFUSED, reaching.PATTERN)

    def subject(self, settings: Settings) -> str:
        """The host."""
        return settings.host

    async def probe(self, settings: Settings, context: Context, at: datetime) -> Probe:
        """One connection."""
        try:
            expected = re2.compile(settings.expect) if settings.expect is not None else None
        except re2.error as error:
            raise ActionError("inputs.invalid", f"expect: {error}") from error
        name = reaching.place(settings.host, settings.port)
        started = time.monotonic()
        try:
            sock = await context.guard.connect(settings.host, settings.port)
        except (ActionError, OSError) as error:
            return reaching.silent(name, f"{name} takes no connection", error, "tcp")
        readings = [Reading(metric="tcp.connect", value=reaching.ms_since(started), unit="ms")]
        connected = time.monotonic()
        reader, writer = await asyncio.open_connection(sock=sock)
        fault = None
        try:
            if settings.send is not None:
                writer.write(settings.send.encode())
            if expected is not None:
                said, why = await _answer(reader, expected, reaching.share(context))
                if why is None:
                    readings.append(Reading(metric="tcp.answer", value=reaching.ms_since(connected), unit="ms"))
                else:
                    fault = Fault(
                        code="tcp.answer",
                        title=f"{name} does not answer as it should",
                        detail=f"{settings.expect!r} was not found {why}; it said {said[:300]!r}",
                    )
        finally:
            writer.transport.abort()
        return Probe(readings=[Reading(metric="tcp.up", value=0.0 if fault else 1.0, unit=""), *readings], fault=fault)


async def _answer(reader: asyncio.StreamReader, expected: re2._Regexp, within_s: float) -> tuple[str, str | None]:
    """What came, and why it is not what was expected; None if it is."""
    said = b""
    try:
        async with asyncio.timeout(within_s):
            while len(said) < ANSWER_LIMIT:
                chunk = await reader.read(ANSWER_LIMIT - len(said))
                said += chunk
                text = said.decode("utf-8", "replace")
                if expected.search(text):
                    return text, None
                if not chunk:
                    return text, "before it closed the connection"
    except TimeoutError:
        return said.decode("utf-8", "replace"), f"within {within_s:.1f} s"
    except OSError as error:
        return said.decode("utf-8", "replace"), f"before the connection broke ({error})"
    return said.decode("utf-8", "replace"), f"in the first {ANSWER_LIMIT} bytes"
