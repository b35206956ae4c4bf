"""The monitor `log`: lines of a file that fit a pattern, from probe to probe, through rotation and truncation.

The file is kept open, so that what was written before it was moved away is still read. A file that became shorter, or
whose bytes before the place read last are others now, was truncated and is read from its beginning. The first probe
starts at the end: what was there before is not news.
"""

import os
import socket
import stat
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final

import msgspec
import re2

from oncue.plugins.monitors import local
from oncue.sdk import ActionError, Context, ErrorDoc, Fault, MetricDoc, Probe, Reading

READ_LIMIT: Final = 8 * 1024 * 1024
"""Bytes that one probe reads; what is beyond waits for the next."""
LINE_LIMIT: Final = 16_384
MARK: Final = 64
"""Bytes before the place read last, by which a truncated file that has grown again is known."""


class Settings(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Which lines of which file."""

    path: Annotated[str, msgspec.Meta(pattern="^/", max_length=4096)]
    pattern: Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]
    """An RE2 expression that is searched in each line, as `(?i)error|fatal`."""
    ignore: Annotated[str, msgspec.Meta(max_length=4096)] | None = None
    """Lines in which this is found do not count."""
    matches: Annotated[int, msgspec.Meta(ge=0)] = 1
    """So many lines between two probes are a fault; 0 leaves it to thresholds on `log.matches`."""
    hold_s: Annotated[float, msgspec.Meta(ge=0)] = 300.0
    """How long after the last such probe the fault stays."""
    missing_ok: bool = False
    """Whether the file need not be there."""


class Log:
    """Reads what was added since the last probe."""

    name = "log"
    settings = Settings
    primary = ""
    remote = False
    passive = False
    metrics = (
        MetricDoc("log.matches", "", "Matching lines", "Lines that fit, since the last probe."),
        MetricDoc("log.lines", "", "Lines", "All lines since the last probe."),
        MetricDoc("log.size", "B", "Size", "The file's size."),
        MetricDoc("log.behind", "B", "Unread", "What was written faster than it is read."),
    )
    errors = (
        local.REFUSED,
        local.HANGS,
        ErrorDoc("inputs.invalid", "`pattern` or `ignore` is not an RE2 expression."),
        ErrorDoc("log.permission", "OnCue's user may not read the file."),
        ErrorDoc("log.not_a_file", "The path is a directory, a pipe or a device."),
    )

    def __init__(self) -> None:
        self._patient = local.Patient()
        self._followed: Followed | None = None
        self._fault: Fault | None = None
        self._fault_at = 0.0

    def subject(self, settings: Settings) -> str:
        """This machine."""
        return socket.gethostname()

    async def probe(self, settings: Settings, context: Context, at: datetime) -> Probe:
        """What was added."""
        wanted, unwanted = _compiled(settings.pattern, "pattern"), _compiled(settings.ignore, "ignore")
        if self._followed is None or self._followed.path != settings.path:
            self._followed = Followed(settings.path)
        lines = await self._patient.ask(self._followed.added)
        if self._followed.size is None and not settings.missing_ok:
            missing = Fault(code="log.missing", title=f"{settings.path} is missing", detail="there is no such file")
            return Probe(fault=missing)
        assert wanted is not None
        fitting = [line for line in lines if wanted.search(line) and not (unwanted and unwanted.search(line))]
        if settings.matches and len(fitting) >= settings.matches:
            self._fault, self._fault_at = _fault(settings, fitting), at.timestamp()
        elif self._fault is not None and at.timestamp() - self._fault_at >= settings.hold_s:
            self._fault = None
        readings = [
            Reading(metric="log.matches", value=float(len(fitting)), unit=""),
            Reading(metric="log.lines", value=float(len(lines)), unit=""),
            Reading(metric="log.size", value=float(self._followed.size or 0), unit="B"),
            Reading(metric="log.behind", value=float(self._followed.behind), unit="B"),
        ]
        return Probe(readings=readings, fault=self._fault)


def _compiled(pattern: str | None, field: str) -> re2._Regexp | None:
    try:
        return re2.compile(pattern) if pattern is not None else None
    except re2.error as error:
        raise ActionError("inputs.invalid", f"{field}: {error}") from error


def _fault(settings: Settings, fitting: list[str]) -> Fault:
    last = fitting[-1].strip()
    return Fault(
        code="log.match",
        title=f"{Path(settings.path).name}: {last[:300]}",
        detail="\n".join(line.strip()[:500] for line in fitting[-5:]),
        value=float(len(fitting)),
        limit=float(settings.matches),
        metric="log.matches",
    )


class Followed:
    """One file, and how far it was read."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.size: int | None = None
        """None while the file is missing."""
        self.behind = 0
        self._handle: int | None = None
        self._offset = 0
        self._mark = b""
        self._partial = b""
        self._from_end = True

    def __del__(self) -> None:
        self._close()

    def added(self) -> list[str]:
        """The lines since the last call. Raises `ActionError`."""
        lines: list[str] = []
        left = READ_LIMIT
        present = self._stat()
        if self._handle is not None:
            mine = os.fstat(self._handle)
            if self._was_truncated(mine.st_size):
                self._offset, self._partial, self._mark = 0, b"", b""
            left -= self._read(lines, left)
            self.behind = self._unread()
            moved = present is None or (present.st_dev, present.st_ino) != (mine.st_dev, mine.st_ino)
            if moved and self.behind == 0:
                if self._partial:
                    lines.append(_text(self._partial))
                self._close()
        if self._handle is None and present is not None:
            self._open()
            self._read(lines, left)
            self.behind = self._unread()
        self._from_end = False
        self.size = present.st_size if present is not None else None
        return lines

    def _unread(self) -> int:
        return max(0, os.fstat(self._handle).st_size - self._offset) if self._handle is not None else 0

    def _stat(self) -> os.stat_result | None:
        found = local.vet(Path(self.path))
        try:
            seen = found.stat()
        except FileNotFoundError:
            return None
        except PermissionError as error:
            raise ActionError("log.permission", f"{self.path}: {error.strerror}") from error
        if not stat.S_ISREG(seen.st_mode):
            raise ActionError("log.not_a_file", f"{self.path} is not a file")
        return seen

    def _open(self) -> None:
        try:
            handle = os.open(local.vet(Path(self.path)), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        except PermissionError as error:
            raise ActionError("log.permission", f"{self.path}: {error.strerror}") from error
        self._handle, self._partial, self._mark = handle, b"", b""
        self._offset = os.fstat(handle).st_size if self._from_end else 0
        self._remember()

    def _close(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
        self._handle, self._offset, self._partial, self._mark = None, 0, b"", b""

    def _was_truncated(self, size: int) -> bool:
        assert self._handle is not None
        if size < self._offset:
            return True
        return os.pread(self._handle, len(self._mark), self._offset - len(self._mark)) != self._mark

    def _remember(self) -> None:
        assert self._handle is not None
        length = min(MARK, self._offset)
        self._mark = os.pread(self._handle, length, self._offset - length)

    def _read(self, lines: list[str], limit: int) -> int:
        """Read whole lines to the end or the limit, and give the number of bytes; half a line waits for its rest."""
        if self._handle is None:
            return 0
        total = 0
        while total < limit and (chunk := os.pread(self._handle, min(262_144, limit - total), self._offset)):
            total += len(chunk)
            self._offset += len(chunk)
            *whole, self._partial = (self._partial + chunk).split(b"\n")
            lines.extend(_text(line) for line in whole)
            if len(self._partial) > LINE_LIMIT:
                lines.append(_text(self._partial))
                self._partial = b""
        self._remember()
        return total


def _text(line: bytes) -> str:
    return line[:LINE_LIMIT].decode("utf-8", "replace")
