"""The monitor `sap.syslog`: errors that come into a SAP instance's system log (SAPControl ABAPReadSyslog, as SM21).

A line's time is the SAP host's local one, so that age is counted from when OnCue first saw the line. What lies in the log
at the first probe is old.
"""

from collections import Counter
from datetime import datetime, timedelta
from typing import Annotated

import msgspec
import re2

from oncue.plugins.sap import control
from oncue.plugins.sap.control import SapControl, Target
from oncue.plugins.sap.rows import SyslogEntry
from oncue.sdk import ActionError, Context, ErrorDoc, Fault, MetricDoc, Probe, Reading


class Settings(Target, kw_only=True, forbid_unknown_fields=True):
    """Which instance, and which lines."""

    match: str | None = None
    """An RE2 expression that an error's number and text must hold, as in `EE1 Buffer ...`."""
    ignore: str | None = None
    """An RE2 expression of lines that do not count."""
    window_minutes: Annotated[int, msgspec.Meta(ge=1, le=1440)] = 10
    """How long a new error counts: the instance is at fault while there is one."""


class SapSyslog:
    """Reads the log once per probe. The instance is at fault while red lines are new."""

    name = "sap.syslog"
    settings = Settings
    primary = ""
    remote = True
    passive = False
    metrics = (
        MetricDoc("sap.syslog.errors", "", "Errors in the system log", "New red lines within `window_minutes`."),
        MetricDoc("sap.syslog.warnings", "", "Warnings in the system log", "New yellow lines within `window_minutes`."),
    )
    errors = (*control.ERRORS, ErrorDoc("inputs.invalid", "`match` or `ignore` is not an RE2 expression."))

    def __init__(self) -> None:
        self._known: Counter[SyslogEntry] | None = None
        self._new: list[tuple[datetime, SyslogEntry]] = []

    def subject(self, settings: Settings) -> str:
        """The instance's name."""
        return control.resource(settings)

    async def probe(self, settings: Settings, context: Context, at: datetime) -> Probe:
        """One ABAPReadSyslog."""
        wanted, unwanted = _pattern(settings.match, "match"), _pattern(settings.ignore, "ignore")
        try:
            found = await SapControl(settings, context).rows("ABAPReadSyslog", SyslogEntry)
        except ActionError as error:
            return control.silent(settings, error)
        present = Counter(found)
        if self._known is not None:
            self._new += [(at, entry) for entry in (present - self._known).elements()]
        self._known = present
        oldest = at - timedelta(minutes=settings.window_minutes)
        self._new = [(seen, entry) for seen, entry in self._new if seen > oldest]
        counted = [
            entry
            for _, entry in self._new
            if (wanted is None or wanted.search(_line(entry))) and not (unwanted and unwanted.search(_line(entry)))
        ]
        red = [entry for entry in counted if entry.severity == "RED"]
        yellow = [entry for entry in counted if entry.severity == "YELLOW"]
        labels = control.labels(settings)
        readings = [
            Reading(metric="sap.syslog.errors", value=float(len(red)), unit="", labels=labels),
            Reading(metric="sap.syslog.warnings", value=float(len(yellow)), unit="", labels=labels),
        ]
        return Probe(readings=readings, fault=_fault(settings, red))


def _pattern(text: str | None, field: str) -> re2._Regexp | None:
    try:
        return re2.compile(text) if text is not None else None
    except re2.error as error:
        raise ActionError("inputs.invalid", f"{field}: {error}") from error


def _line(entry: SyslogEntry) -> str:
    return f"{entry.message} {entry.text}"


def _fault(settings: Settings, red: list[SyslogEntry]) -> Fault | None:
    if not red:
        return None
    latest = red[-1]
    more = f" and {len(red) - 1} more" if len(red) > 1 else ""
    return Fault(
        code="sap.syslog",
        title=f"{control.resource(settings)}: {_line(latest)[:200]}{more}",
        detail="; ".join(f"{entry.time} {entry.user} {entry.tcode} {_line(entry)}" for entry in red[-10:])[:2000],
        value=float(len(red)),
        limit=0.0,
        metric="sap.syslog.errors",
        labels=control.labels(settings),
    )
