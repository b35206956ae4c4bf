"""`value`: a number of each event beyond a limit, with hysteresis, and, with `for`, without a break for some time."""

from datetime import timedelta

import msgspec

from oncue.core.conditions.finding import (
    Finding,
    carrying,
    crosses,
    is_back,
    keep,
    limit_of,
    limit_said,
    near_miss,
    number,
    window_of,
)
from oncue.core.normalise import Seen
from oncue.core.policy import Policy
from oncue.core.tx import Tx
from oncue.core.window import Window, window_key


def judge(tx: Tx, policy: Policy, seen: Seen, key: str) -> Finding:
    """Compare the event's number. Only what is beyond the limit, or fired, has a window. Raises `Failed`, `Full`."""
    condition = policy.condition
    assert condition is not None
    value = number(condition.value or "", seen)
    window = window_of(tx, policy, key)
    timer = f"window.for/{window_key(policy.id, key)}"
    if window is not None and window.fired:
        if not is_back(condition, value):
            return Finding(policy, "held", key, window)
        keep(tx, policy, key, None)
        return Finding(policy, "cleared", key, msgspec.structs.replace(window, value=value))
    if not crosses(condition, value):
        if window is not None:
            tx.cancel(timer)
            keep(tx, policy, key, None)
        near_miss(tx, policy, seen, "threshold_not_met", f"{condition.value} is {value:g}, not {limit_said(condition)}")
        return Finding(policy, "waiting", key, window)
    began = window is None
    since = window.since if window is not None and window.since is not None else tx.now
    window = msgspec.structs.replace(window or Window(), since=since, value=value, limit=limit_of(condition))
    if policy.for_s and tx.now < since + timedelta(seconds=policy.for_s):
        keep(tx, policy, key, carrying(tx, window, seen))
        if began or policy.varies:
            tx.timer(timer, since + timedelta(seconds=policy.for_s))
        detail = f"{value:g} is {limit_said(condition)}, not yet for {policy.for_s:g} s"
        near_miss(tx, policy, seen, "window_not_met", detail)
        return Finding(policy, "waiting", key, window, began)
    if policy.varies:
        tx.cancel(timer)
    window = msgspec.structs.replace(window, fired=True)
    keep(tx, policy, key, window)
    return Finding(policy, "met", key, window)
