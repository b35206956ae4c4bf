"""Throttles: how many of a policy's alerts call people within a time. `suppress` asks before an alert is heard.

What is kept of each policy and key is when alerts were heard, as one window; who waits is said by the alerts themselves.
"""

from collections.abc import Iterator
from datetime import datetime

from oncue.core.alert import Alert, Quiet
from oncue.core.duration import seconds
from oncue.core.manifest import Throttle
from oncue.core.silence import value_of
from oncue.core.tx import Tx
from oncue.core.window import Window, instant, instants, micros, owner_of, packed, span, window_key


def full(tx: Tx, alert: Alert) -> Quiet | None:
    """Why the alert has to wait; None if there is room for it."""
    for cell, throttle in _throttles(tx, alert):
        heard = _heard(tx, cell, throttle)
        if len(heard) >= throttle.count:
            detail = f"{len(heard)} called people within {throttle.within}"
            return Quiet("throttled", _by(cell), tx.now, None, detail)
    return None


def keys(tx: Tx, alert: Alert) -> list[str]:
    """What may make the alert wait, as alerts that wait say it."""
    return [_by(cell) for cell, _ in _throttles(tx, alert)]


def take(tx: Tx, alert: Alert) -> None:
    """The alert is heard, and takes up room."""
    for cell, throttle in _throttles(tx, alert):
        _keep(tx, cell, throttle, [*_heard(tx, cell, throttle), micros(tx.now)])


def waiting(tx: Tx, cell: str) -> list[Alert]:
    """The alerts that wait for room, in the order in which they began to."""
    return sorted((tx.state.alerts[id] for id in tx.state.inhibitions.held(_by(cell))), key=_since)


def room(tx: Tx, cell: str) -> int:
    """How many may be heard now, at an instant at which that may have changed."""
    throttle = _said(tx, owner_of(cell)[0].removesuffix("#throttle"))
    if throttle is None:
        tx.cell("window", cell, None)
        return len(tx.state.inhibitions.held(_by(cell)))
    heard = _heard(tx, cell, throttle)
    _keep(tx, cell, throttle, heard)
    return max(0, throttle.count - len(heard))


def cells(tx: Tx, policy: str) -> list[str]:
    """What is kept of a policy, whatever the keys."""
    return sorted(cell for cell in tx.state.windows if owner_of(cell)[0] == f"{policy}#throttle")


def drop(tx: Tx, cell: str) -> None:
    """Forget who was heard."""
    tx.cancel(f"throttle.room/{cell}")
    tx.cell("window", cell, None)


def _by(cell: str) -> str:
    """As alerts say it: `namespace/policy`, or `namespace/policy|key`."""
    policy, key = owner_of(cell)
    return policy.removesuffix("#throttle") + (f"|{key}" if key else "")


def _since(alert: Alert) -> tuple[datetime, str]:
    return next(one.since for one in alert.quiet if one.reason == "throttled"), alert.id


def _throttles(tx: Tx, alert: Alert) -> Iterator[tuple[str, Throttle]]:
    """Those of the policies that shaped the alert, as they are now, each with the cell for the alert's key."""
    for version in alert.policies:
        policy = version.rpartition("@")[0]
        throttle = _said(tx, policy)
        if throttle is not None:
            key = "|".join(value_of(alert, name) for name in throttle.by)
            yield window_key(f"{policy}#throttle", key), throttle


def _said(tx: Tx, id: str) -> Throttle | None:
    policy = tx.state.policies.by_id.get(id)
    return policy.alert.throttle if policy is not None and policy.alert is not None else None


def _heard(tx: Tx, cell: str, throttle: Throttle) -> list[int]:
    window = tx.state.windows.get(cell)
    since = micros(tx.now) - span(seconds(throttle.within))
    return [at for at in instants(window.times) if at > since] if window is not None else []


def _keep(tx: Tx, cell: str, throttle: Throttle, heard: list[int]) -> None:
    heard = heard[-throttle.count :]
    tx.cell("window", cell, Window(times=packed(heard)) if heard else None)
    if heard:
        tx.timer(f"throttle.room/{cell}", instant(heard[0] + span(seconds(throttle.within))))
