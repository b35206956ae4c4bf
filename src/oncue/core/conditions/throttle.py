"""`first`, `once_after`, `accumulate`: of many events, let few through. Their windows tumble: one begins with the first
event that finds none, and ends at a fixed instant. What they let through is a moment, and nothing that clears."""

import msgspec

from oncue.core.conditions.finding import Finding, carrying, keep, near_miss, owned, window_of
from oncue.core.normalise import Seen
from oncue.core.policy import Policy
from oncue.core.tx import Tx
from oncue.core.window import Window, window_key


def judge(tx: Tx, policy: Policy, seen: Seen, key: str) -> Finding:
    """Count the event, and let it through or not. Raises `Full`."""
    condition = policy.condition
    assert condition is not None
    there = window_of(tx, policy, key)
    window = there or Window(since=tx.now, value=0.0)
    count = int(window.value or 0) + 1
    window = msgspec.structs.replace(window, value=float(count))
    length_s = policy.once_after_s or policy.within_s
    cell = window_key(policy.id, key)
    if condition.accumulate is not None and count >= condition.accumulate:
        tx.cancel(f"window.throttle/{cell}")
        keep(tx, policy, key, None)
        return Finding(policy, "met", key, msgspec.structs.replace(window, limit=float(condition.accumulate)))
    keep(tx, policy, key, carrying(tx, window, seen) if condition.once_after is not None else window)
    if there is None:
        tx.timer_after(f"window.throttle/{cell}", length_s)
    if condition.first is not None and count <= condition.first:
        return Finding(policy, "met", key, window)
    if condition.first is not None:
        near_miss(tx, policy, seen, "throttled", f"{count} within {length_s:g} s; the first {condition.first} count")
    elif condition.accumulate is not None:
        detail = f"{count} of {condition.accumulate} within {length_s:g} s"
        near_miss(tx, policy, seen, "window_not_met", detail)
    else:
        near_miss(tx, policy, seen, "window_not_met", f"{count} so far; it fires once after {length_s:g} s")
    return Finding(policy, "waiting", key, window, there is None)


def due(tx: Tx, cell: str) -> Finding | None:
    """The window is over. Gives `met` if something waited for that."""
    found = owned(tx, cell)
    if found is None:
        return None
    policy, key, window = found
    keep(tx, policy, key, None)
    return Finding(policy, "met", key, window) if policy.form == "once_after" else None
