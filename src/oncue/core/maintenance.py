"""The maintenance window: when what is known to be worked on calls nobody, once or again and again.

A window is a manifest; `period` says when it is open.
"""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from oncue.core import period
from oncue.core.alert import Alert
from oncue.core.manifest import MaintenanceWindowSpec
from oncue.core.silence import Filed, Matcher, all_match, check_matchers


class Window(msgspec.Struct, frozen=True):
    """A window that is open: what it makes quiet, and until when."""

    id: str
    """`namespace/name`."""
    namespace: str
    matchers: tuple[Matcher, ...]
    since: datetime
    until: datetime
    description: str = ""


def covering(windows: Mapping[str, Window], filed: Filed, alert: Alert) -> list[Window]:
    """Those of the open windows that hold for the alert, in the order of their ids."""
    return [windows[id] for id in filed.candidates(alert) if all_match(windows[id].matchers, alert)]


def check(spec: MaintenanceWindowSpec) -> None:
    """Refuse a window that matches everything, is never open, or costs too much to follow.

    Raises `Refusal` silence.invalid, recurrence.invalid, recurrence.costly.
    """
    check_matchers(spec.matchers)
    period.check(spec)
