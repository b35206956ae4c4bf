"""Flapping: how often an alert changed between firing and resolved lately.

As Nagios and its successors have it: of the last 20 states each counts that differs from the one before, the newest with
the weight 1.2, the oldest with 0.8. An alert flaps from 30 % on, and is steady again below 25 %. Reports come as often as
their sender pleases, so states are counted in time: each change is one, and so is every full two minutes without one.
A report of what is so already therefore changes nothing here, and costs nothing.
"""

from datetime import datetime, timedelta
from typing import Final

from oncue.core.alert import Alert

STATES: Final = 20
STATE: Final = timedelta(minutes=2)
"""How long an alert stays as it is for that to count as another state."""
HIGH: Final = 30.0
LOW: Final = 25.0

_MASK: Final = (1 << STATES) - 1
_WEIGHTS: Final = tuple(114 - 2 * age for age in range(STATES))
"""By age, newest first, in 95ths: 1.2 to 0.8. In whole numbers, because thresholds must not hang on rounding."""


def rate(turns: int) -> float:
    """The weighted share of changes among the last states, in percent."""
    return 100.0 * sum(weight for age, weight in enumerate(_WEIGHTS) if turns >> age & 1) / sum(_WEIGHTS)


def turn(alert: Alert, now: datetime) -> None:
    """The alert, which was touched before, returns or resolves now."""
    stayed = min(STATES, (now - alert.turned_at) // STATE) if alert.turned_at is not None else 0
    alert.turns = (alert.turns << stayed + 1 | 1) & _MASK
    alert.turned_at = now


def forget(alert: Alert) -> None:
    """Someone has dealt with the alert, which was touched before: what was, counts no more."""
    alert.turns, alert.turned_at = 0, None


def steady_at(alert: Alert) -> datetime:
    """When the alert is steady if it stays as it is."""
    assert alert.turned_at is not None
    stayed = next(count for count in range(1, STATES + 1) if rate(alert.turns << count & _MASK) < LOW)
    return alert.turned_at + stayed * STATE
