"""The monitor `file`: whether files are there, how many, how old and how large."""

import glob
import os
import socket
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec

from oncue.plugins.monitors import local
from oncue.sdk import ActionError, Context, ErrorDoc, Fault, MetricDoc, Probe, Reading

FILES_LIMIT: Final = 100_000
"""Files that one probe looks at."""


class Settings(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Which files, and how many there should be."""

    path: Annotated[str, msgspec.Meta(pattern="^/", max_length=4096)]
    """An absolute path; `*`, `?`, `[...]` and `**` stand for what shells take them for: `/srv/outbox/**/*.xml`."""
    kind: Literal["file", "directory", "any"] = "file"
    min_count: Annotated[int, msgspec.Meta(ge=0)] = 1
    max_count: Annotated[int, msgspec.Meta(ge=0)] | None = None


class File:
    """Looks at names, sizes and times of change; never inside."""

    name = "file"
    settings = Settings
    primary = ""
    remote = False
    passive = False
    metrics = (
        MetricDoc("file.count", "", "Files", "Files that fit the path."),
        MetricDoc("file.size", "B", "Size", "Their sizes together."),
        MetricDoc("file.largest", "B", "Largest file", "The largest one's size."),
        MetricDoc("file.age", "s", "Age", "Since the newest one was changed."),
        MetricDoc("file.oldest", "s", "Oldest file", "Since the oldest one was changed."),
    )
    errors = (
        local.REFUSED,
        local.HANGS,
        ErrorDoc("file.permission", "OnCue's user may not look there."),
        ErrorDoc("file.too_many", f"More than {FILES_LIMIT} files fit."),
    )

    def __init__(self) -> None:
        self._patient = local.Patient()

    def subject(self, settings: Settings) -> str:
        """This machine."""
        return socket.gethostname()

    async def probe(self, settings: Settings, context: Context, at: datetime) -> Probe:
        """One look."""
        found = await self._patient.ask(_look, settings)
        readings = [Reading(metric="file.count", value=float(len(found)), unit="")]
        if found:
            sizes = [size for size, _ in found]
            ages = [max(0.0, round(at.timestamp() - changed, 1)) for _, changed in found]
            readings += [
                Reading(metric="file.size", value=float(sum(sizes)), unit="B"),
                Reading(metric="file.largest", value=float(max(sizes)), unit="B"),
                Reading(metric="file.age", value=min(ages), unit="s"),
                Reading(metric="file.oldest", value=max(ages), unit="s"),
            ]
        return Probe(readings=readings, fault=_fault(settings, len(found)))


def _fault(settings: Settings, count: int) -> Fault | None:
    if settings.min_count <= count and (settings.max_count is None or count <= settings.max_count):
        return None
    few = count < settings.min_count
    limit = settings.min_count if few else settings.max_count
    title = f"{settings.path} is missing" if count == 0 else f"{count} files fit {settings.path}"
    return Fault(
        code="file.missing" if count == 0 else "file.count",
        title=title,
        detail=f"{count} found; {'at least' if few else 'at most'} {limit} should be there",
        value=float(count),
        limit=float(limit or 0),
        metric="file.count",
    )


def _look(settings: Settings) -> list[tuple[int, float]]:
    """Size and time of change of each file. Raises `ActionError`."""
    found: list[tuple[int, float]] = []
    for path in _paths(settings.path):
        try:
            if settings.kind != "any" and settings.kind != ("directory" if path.is_dir() else "file"):
                continue
            seen = path.stat()
        except FileNotFoundError:
            continue
        except PermissionError as error:
            raise ActionError("file.permission", f"{path}: {error.strerror}") from error
        if len(found) >= FILES_LIMIT:
            raise ActionError("file.too_many", f"more than {FILES_LIMIT} files fit {settings.path}")
        found.append((seen.st_size, seen.st_mtime))
    return found


def _paths(pattern: str) -> Iterator[Path]:
    if not glob.has_magic(pattern):
        local.vet(Path(pattern))
        yield Path(pattern)
        return
    parts = Path(pattern).parts
    fixed = next(index for index, part in enumerate(parts) if glob.has_magic(part))
    base = local.vet(Path(*parts[:fixed]))
    if base.is_dir() and not os.access(base, os.R_OK | os.X_OK):
        raise ActionError("file.permission", f"{base} may not be listed")
    for found in glob.iglob(pattern, recursive=True, include_hidden=True):  # noqa: PTH207 - Path.glob takes no absolute pattern
        path = Path(found)
        # A pattern may reach what is closed from above it, as `/**` does.
        if path.is_symlink() or base != path.parent:
            try:
                local.vet(path)
            except ActionError:
                continue
        yield path
