"""Detect: which policies an event meets, and whether their conditions over time hold.

A policy that took the event by its selector but did not fire leaves a near-miss, with the clause and the value it failed
on. A condition keeps a window per key; crossing it is a transition, reported once, and so is falling back.
"""

import hashlib
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from oncue.core.expression import Failed, evaluate, holds, spoken
from oncue.core.manifest import Condition
from oncue.core.normalise import Seen
from oncue.core.policy import EMPTY, NEAR_MISSES, NearMiss, Policy, PolicyStats, stats_with
from oncue.core.tx import Tx
from oncue.core.window import Window

Outcome = Literal["met", "held", "waiting", "cleared"]


class Finding(msgspec.Struct, frozen=True):
    """What one policy makes of one event.

    `met`: its condition holds from now on. `held`: it held before and still does. `waiting`: it does not hold yet.
    `cleared`: it held and does no more.
    """

    policy: Policy
    outcome: Outcome
    key: str
    window: Window | None = None


def immediate(tx: Tx, seen: Seen) -> list[Finding]:
    """Policies without a condition over time that the event meets."""
    bucket = tx.state.policies.bucket(seen.namespace, seen.type, False)
    if bucket is EMPTY:
        return []
    return [
        Finding(policy, "met", seen.resource)
        for policy in bucket.candidates(seen.resource, seen.service, seen.labels)
        if _matches(tx, policy, seen)
    ]


def windowed(tx: Tx, seen: Seen) -> list[Finding]:
    """Policies with a condition over time that the event concerns, their windows brought up to date."""
    bucket = tx.state.policies.bucket(seen.namespace, seen.type, True)
    if bucket is EMPTY:
        return []
    findings = []
    for policy in bucket.candidates(seen.resource, seen.service, seen.labels):
        if _matches(tx, policy, seen):
            finding = _judge(tx, policy, seen)
            if finding is not None:
                findings.append(finding)
    return findings


def _matches(tx: Tx, policy: Policy, seen: Seen) -> bool:
    if not policy.selects(seen.severity, seen.resource, seen.service, seen.event.source, seen.labels):
        return False
    if policy.where is None:
        return True
    try:
        if holds(policy.where, seen.scope):
            return True
        near_miss(tx, policy, seen, "where_false", f"where: {policy.where}")
    except Failed as failure:
        near_miss(tx, policy, seen, "where_failed", str(failure))
    return False


def near_miss(tx: Tx, policy: Policy, seen: Seen, reason: str, detail: str) -> None:
    """Remember that the policy nearly fired, and what was missing."""
    stats: PolicyStats = tx.state.cells["policy_stats"].get(policy.id) or PolicyStats()
    miss = NearMiss(tx.now, seen.event_id, seen.position, reason, detail[:500])
    tx.cell("policy_stats", policy.id, stats_with(stats, near_misses=(*stats.near_misses[1 - NEAR_MISSES :], miss)))


def window_key(policy: str, key: str) -> str:
    """The cell in which a policy's window for this key is kept."""
    return f"{policy}|{key}"


def _key(policy: Policy, seen: Seen, by: list[str]) -> str:
    if not by:
        lasting = policy.condition is not None and policy.condition.value is None and policy.condition.count is None
        return seen.fingerprint if lasting else seen.resource
    return "|".join(spoken(evaluate(part, seen.scope)) for part in by)[:500]


def _judge(tx: Tx, policy: Policy, seen: Seen) -> Finding | None:
    condition = policy.condition
    assert condition is not None
    try:
        key = _key(policy, seen, condition.by)
        if condition.value is not None:
            return _threshold(tx, policy, condition, seen, key)
    except Failed as failure:
        near_miss(tx, policy, seen, "condition_failed", str(failure))
        return None
    if condition.count is not None:
        return _count(tx, policy, condition.count, seen, key)
    return _lasting(tx, policy, seen, key)


def _window(tx: Tx, policy: Policy, key: str) -> Window:
    return tx.state.windows.get(window_key(policy.id, key)) or Window(policy.id, policy.namespace, key)


def _carrying(window: Window, seen: Seen) -> Window:
    return msgspec.structs.replace(
        window, event=seen.body, event_namespace=seen.namespace, origin=seen.origin, event_position=seen.position
    )


def _threshold(tx: Tx, policy: Policy, condition: Condition, seen: Seen, key: str) -> Finding:
    value = evaluate(condition.value or "", seen.scope)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Failed(f"{condition.value}: gives {value!r}, not a number")
    value = float(value)
    window = _window(tx, policy, key)
    cell = window_key(policy.id, key)
    if condition.fire_above is not None:
        limit, crossed = condition.fire_above, value > condition.fire_above
        back = value < (condition.clear_below if condition.clear_below is not None else condition.fire_above)
        back = back or (condition.clear_below is None and not crossed)
        wanted = f"above {limit:g}"
    else:
        limit = condition.fire_below if condition.fire_below is not None else 0.0
        crossed = value < limit
        back = value > (condition.clear_above if condition.clear_above is not None else limit)
        back = back or (condition.clear_above is None and not crossed)
        wanted = f"below {limit:g}"
    if window.fired:
        if back:
            tx.cell("window", cell, None)
            return Finding(policy, "cleared", key, msgspec.structs.replace(window, value=value))
        return Finding(policy, "held", key, window)
    if not crossed:
        if window.since is not None:
            tx.cancel(f"window.for/{cell}")
            tx.cell("window", cell, None)
        near_miss(tx, policy, seen, "threshold_not_met", f"{condition.value} is {value:g}, not {wanted}")
        return Finding(policy, "waiting", key, window)
    since = window.since or tx.now
    window = msgspec.structs.replace(window, since=since, value=value, limit=limit)
    if policy.for_s and tx.now < since + timedelta(seconds=policy.for_s):
        if not tx.state.windows.get(cell):
            tx.timer_after(f"window.for/{cell}", policy.for_s)
        tx.cell("window", cell, _carrying(window, seen))
        near_miss(tx, policy, seen, "window_not_met", f"{value:g} is {wanted}, not yet for {policy.for_s:g} s")
        return Finding(policy, "waiting", key, window)
    window = msgspec.structs.replace(window, fired=True)
    tx.cancel(f"window.for/{cell}")
    tx.cell("window", cell, window)
    return Finding(policy, "met", key, window)


def _count(tx: Tx, policy: Policy, wanted: int, seen: Seen, key: str) -> Finding:
    window = _window(tx, policy, key)
    cell = window_key(policy.id, key)
    oldest = tx.now - timedelta(seconds=policy.within_s)
    times = (*(at for at in window.times if at > oldest), tx.now)[-wanted:]
    reached = len(times) >= wanted
    was_fired = window.fired
    window = msgspec.structs.replace(window, times=times, fired=reached or was_fired)
    tx.cell("window", cell, window)
    if f"window.count/{cell}" not in tx.state.timers.by_key:
        tx.timer(f"window.count/{cell}", times[0] + timedelta(seconds=policy.within_s))
    if not window.fired:
        near_miss(tx, policy, seen, "window_not_met", f"{len(times)} of {wanted} within {policy.within_s:g} s")
        return Finding(policy, "waiting", key, window)
    return Finding(policy, "held" if was_fired else "met", key, window)


def _lasting(tx: Tx, policy: Policy, seen: Seen, key: str) -> Finding:
    cell = window_key(policy.id, key)
    window: Window | None = tx.state.windows.get(cell)
    if window is not None:
        return Finding(policy, "held" if window.fired else "waiting", key, window)
    if seen.signal == "recovery":
        return Finding(policy, "waiting", key, None)
    window = _carrying(Window(policy.id, policy.namespace, key, since=tx.now, fingerprint=seen.fingerprint), seen)
    tx.cell("window", cell, window)
    held = (seen.namespace, seen.fingerprint)
    tx.set(tx.state.held_of, held, (*tx.state.held_of.get(held, ()), cell))
    tx.timer_after(f"window.for/{cell}", policy.for_s)
    near_miss(tx, policy, seen, "window_not_met", f"not yet for {policy.for_s:g} s")
    return Finding(policy, "waiting", key, window)


# what time does to windows


def lasted(tx: Tx, cell: str) -> Finding | None:
    """A `for` is up: the condition has lasted. None if its policy or window is gone."""
    window: Window | None = tx.state.windows.get(cell)
    policy = tx.state.policies.by_id.get(window.policy) if window is not None else None
    if window is None or policy is None or window.fired:
        return None
    window = msgspec.structs.replace(window, fired=True)
    tx.cell("window", cell, window)
    return Finding(policy, "met", window.key, window)


def aged(tx: Tx, cell: str) -> Finding | None:
    """The oldest of a `count` window leaves it. Gives `cleared` if it had fired and is below its count now."""
    window: Window | None = tx.state.windows.get(cell)
    policy = tx.state.policies.by_id.get(window.policy) if window is not None else None
    if window is None or policy is None or policy.condition is None:
        return None
    oldest = tx.now - timedelta(seconds=policy.within_s)
    times = tuple(at for at in window.times if at > oldest)
    if times:
        tx.timer(f"window.count/{cell}", times[0] + timedelta(seconds=policy.within_s))
    enough = len(times) >= (policy.condition.count or 1)
    left = msgspec.structs.replace(window, times=times, fired=window.fired and enough)
    tx.cell("window", cell, left if times else None)
    return Finding(policy, "cleared", window.key, window) if window.fired and not enough else None


def just_began(tx: Tx, finding: Finding) -> bool:
    """Whether the window was opened by the present event: what is said once is said then."""
    window = finding.window
    return window is not None and (window.since == tx.now or (window.since is None and len(window.times) == 1))


def recovered(tx: Tx, namespace: str, fingerprint: str) -> None:
    """The condition has gone: what waited on its lasting waits no more."""
    cells = tx.state.held_of.get((namespace, fingerprint))
    if cells is None:
        return
    tx.unset(tx.state.held_of, (namespace, fingerprint))
    for cell in cells:
        tx.cancel(f"window.for/{cell}")
        tx.cell("window", cell, None)


def remember_alert(tx: Tx, finding: Finding, alert: str) -> None:
    """The window's firing raised this alert; its clearing will resolve it."""
    cell = window_key(finding.policy.id, finding.key)
    window: Window | None = tx.state.windows.get(cell)
    if window is not None:
        tx.cell("window", cell, msgspec.structs.replace(window, alert=alert))


def policy_fingerprint(policy: Policy, key: str) -> str:
    """The fingerprint of an alert that is a policy's own: 16 hex digits."""
    return hashlib.blake2b(f"policy\0{policy.id}\0{key}".encode(), digest_size=8).hexdigest()


def within(times: tuple[datetime, ...], now: datetime, seconds: float) -> tuple[datetime, ...]:
    """Those of `times` that lie less than `seconds` before `now`."""
    oldest = now - timedelta(seconds=seconds)
    return tuple(at for at in times if at > oldest)
