"""The monitor `host.process`: whether the programs that should run on this machine do."""

import asyncio
import socket
from datetime import datetime
from typing import Annotated, Any

import msgspec
import psutil
import re2

from oncue.sdk import ActionError, Context, ErrorDoc, Fault, MetricDoc, Probe, Reading


class Settings(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Which processes. All that is given must fit."""

    name: str | None = None
    """The program's name, as `ps` shows it."""
    command: str | None = None
    """An RE2 expression that is searched in the whole command line."""
    user: str | None = None
    min_count: Annotated[int, msgspec.Meta(ge=0)] = 1
    max_count: Annotated[int, msgspec.Meta(ge=0)] | None = None


class HostProcess:
    """Counts processes; too few or too many is a fault."""

    name = "host.process"
    settings = Settings
    primary = ""
    remote = False
    passive = False
    metrics = (
        MetricDoc("host.process.count", "", "Processes", "Processes that fit."),
        MetricDoc("host.process.memory", "B", "Process memory", "Their resident memory together."),
    )
    errors = (ErrorDoc("inputs.invalid", "Neither `name` nor `command` is given, or the expression is none."),)

    def subject(self, settings: Settings) -> str:
        """This machine."""
        return socket.gethostname()

    async def probe(self, settings: Settings, context: Context, at: datetime) -> Probe:
        """The present count."""
        if settings.name is None and settings.command is None:
            raise ActionError("inputs.invalid", "give name or command")
        try:
            expression = re2.compile(settings.command) if settings.command is not None else None
        except re2.error as error:
            raise ActionError("inputs.invalid", f"command: {error}") from error
        count, memory = await asyncio.to_thread(_count, settings, expression)
        what = settings.name or settings.command or ""
        fault = None
        if count < settings.min_count:
            fault = _fault("host.process.missing", what, count, settings.min_count, "at least")
        elif settings.max_count is not None and count > settings.max_count:
            fault = _fault("host.process.too_many", what, count, settings.max_count, "at most")
        return Probe(
            readings=[
                Reading(metric="host.process.count", value=float(count), unit=""),
                Reading(metric="host.process.memory", value=float(memory), unit="B"),
            ],
            fault=fault,
        )


def _fault(code: str, what: str, count: int, limit: int, bound: str) -> Fault:
    running = "is not running" if count == 0 else f"has {count} processes"
    return Fault(
        code=code,
        title=f"Process {what} {running}",
        detail=f"{count} found, {bound} {limit} wanted",
        value=float(count),
        limit=float(limit),
        unit="",
        metric="host.process.count",
    )


def _count(settings: Settings, expression: Any) -> tuple[int, int]:
    count = memory = 0
    for process in psutil.process_iter(["name", "cmdline", "username", "memory_info", "status"]):
        found = process.info
        if found["status"] == psutil.STATUS_ZOMBIE:
            continue
        if settings.name is not None and found["name"] != settings.name:
            continue
        if settings.user is not None and found["username"] != settings.user:
            continue
        if expression is not None and not expression.search(" ".join(found["cmdline"] or ())):
            continue
        count += 1
        memory += found["memory_info"].rss if found["memory_info"] else 0
    return count, memory
