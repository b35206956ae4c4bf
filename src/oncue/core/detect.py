"""Detect: which policies an event meets, and whether their conditions over time hold.

A policy that took the event by its selector but did not fire leaves a near-miss, with the clause and the value it failed
on. A condition keeps a window per key; crossing it is a transition, reported once, and so is falling back. What judges
which condition is in the two tables here; each is a module in `conditions`.
"""

import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import Final

import msgspec

from oncue.core import event as events
from oncue.core.conditions import absent, lasting, level, measure, new_value, pattern, throttle
from oncue.core.conditions.finding import Finding, Full, keep, key_of, near_miss, owned
from oncue.core.expression import Failed, holds
from oncue.core.manifest import PolicySpec
from oncue.core.normalise import Seen
from oncue.core.policy import EMPTY, Policy, PolicyStats, stats_with
from oncue.core.tx import Tx
from oncue.core.window import Window, owner_of, window_key

JUDGES: Final[dict[str, Callable[[Tx, Policy, Seen, str], Finding | None]]] = {
    "for": lasting.judge,
    "value": level.judge,
    **dict.fromkeys(("count", "rate", "avg", "min", "max", "sum", "p95"), measure.judge),
    "absent": absent.judge,
    **dict.fromkeys(("sequence", "all", "any"), pattern.judge),
    **dict.fromkeys(("first", "once_after", "accumulate"), throttle.judge),
    "new_value": new_value.judge,
}
"""What judges an event, by the form of the condition."""

TIMERS: Final[dict[str, Callable[[Tx, str], Finding | None]]] = {
    "window.for": lasting.due,
    "window.aged": measure.due,
    "window.absent": absent.due,
    "window.pattern": pattern.due,
    "window.throttle": throttle.due,
    "window.values": new_value.due,
}
"""What a timer `what/cell` of a window is for."""

LIMITS: Final = "window.limits"
"""The timers of what `respond` keeps of a policy's firings."""


def immediate(tx: Tx, seen: Seen) -> list[Finding]:
    """Policies without a condition over time that the event meets."""
    bucket = tx.state.policies.bucket(seen.namespace, seen.type, False)
    if bucket is EMPTY:
        return []
    return [
        Finding(here, "met", seen.resource)
        for policy in bucket.candidates(seen.resource, seen.service, seen.labels)
        if _matches(tx, policy, seen) and not _off(tx, here := policy.on(seen, tx.now), seen)
    ]


def asks_for_alert(tx: Tx, seen: Seen) -> bool:
    """Whether a policy for such events has an alert, so that each of them is to be looked at."""
    buckets = (tx.state.policies.bucket(seen.namespace, seen.type, windowed) for windowed in (False, True))
    return any(
        policy.about_event and policy.alert is not None
        for bucket in buckets
        for policy in bucket.candidates(seen.resource, seen.service, seen.labels)
    )


def renaming(tx: Tx, seen: Seen) -> list[Policy]:
    """Policies that give the alerts of such events a fingerprint of their own. What a recovery need not say again, as how
    bad it was, is not asked.
    """
    found = []
    for windowed in (False, True):
        bucket = tx.state.policies.bucket(seen.namespace, seen.type, windowed)
        if bucket is not EMPTY:
            found += [
                policy
                for policy in bucket.candidates(seen.resource, seen.service, seen.labels)
                if policy.about_event
                and policy.alert is not None
                and policy.alert.fingerprint is not None
                and policy.selects(
                    min(policy.severities, default=None), seen.resource, seen.service, seen.event.source, seen.labels
                )
            ]
    return found


def windowed(tx: Tx, seen: Seen) -> list[Finding]:
    """Policies with a condition over time that the event concerns, their windows brought up to date."""
    bucket = tx.state.policies.bucket(seen.namespace, seen.type, True)
    if bucket is EMPTY:
        return []
    recovery = seen.signal == "recovery"
    findings = []
    for policy in bucket.candidates(seen.resource, seen.service, seen.labels):
        if (policy.hears_recovery or not recovery) and _matches(tx, policy, seen):
            here = policy.on(seen, tx.now)
            finding = _put_off(tx, here, seen) if _off(tx, here, seen) else _judge(tx, here, seen)
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


def _off(tx: Tx, policy: Policy, seen: Seen) -> bool:
    """Whether an override takes the event from the policy."""
    if policy.off:
        near_miss(tx, policy, seen, "override_off", "mode: off")
    return policy.off


def _put_off(tx: Tx, policy: Policy, seen: Seen) -> Finding | None:
    """What the policy remembers for the event's key goes; what had fired is cleared."""
    try:
        key = key_of(policy, seen)
    except Failed as failure:
        near_miss(tx, policy, seen, "condition_failed", str(failure))
        return None
    cell = window_key(policy.id, key)
    window = tx.state.windows.get(cell)
    if window is None:
        return None
    _let_go(tx, policy.id, cell, window)
    keep(tx, policy, key, None)
    return Finding(policy, "cleared", key, window) if window.fired else None


def present(tx: Tx, finding: Finding, seen: Seen) -> Finding:
    """What a timer found, with the policy as it is for this event now: its alert and mode may be others than those of
    the moment at which the event came.
    """
    policy = tx.state.policies.by_id[finding.policy.id].on(seen, tx.now)
    return finding if policy is finding.policy else msgspec.structs.replace(finding, policy=policy)


def _judge(tx: Tx, policy: Policy, seen: Seen) -> Finding | None:
    key = ""
    try:
        key = key_of(policy, seen)
        return JUDGES[policy.form](tx, policy, seen, key)
    except Failed as failure:
        near_miss(tx, policy, seen, "condition_failed", str(failure))
    except Full as full:
        near_miss(tx, policy, seen, "keys_full", f"{key}: {full}")
        stats: PolicyStats = tx.state.cells["policy_stats"][policy.id]
        stats = stats_with(stats, unjudged=stats.unjudged + 1)
        tx.cell("policy_stats", policy.id, stats)
        if not stats.unjudged & (stats.unjudged - 1):  # said at the first, second, fourth, ...
            return Finding(policy, "unjudged", key)
    return None


# what time does to windows


def due(tx: Tx, what: str, cell: str) -> Finding | None:
    """A window's timer is due. Gives `met` or `cleared` if that changes what holds."""
    return TIMERS[what](tx, cell)


def carried(tx: Tx, finding: Finding) -> Seen:
    """The event that a window carries for the day when a timer fires it. What follows whoever sent it has asked for."""
    window = finding.window
    assert window is not None
    tx.asked_by(window.requester)
    body = window.event
    return Seen(
        tx.state, events.decode(body), body, finding.policy.namespace, window.origin, window.event_position
    )  # fmt: skip


def recovered(tx: Tx, namespace: str, fingerprint: str) -> None:
    """The problem has gone: what waited on its lasting waits no more."""
    lasting.recovered(tx, namespace, fingerprint)


def remember_alert(tx: Tx, finding: Finding, alert: str) -> None:
    """The window's firing raised this alert; its clearing will resolve it."""
    cell = window_key(finding.policy.id, finding.key)
    window = tx.state.windows.get(cell)
    if window is not None:
        tx.cell("window", cell, msgspec.structs.replace(window, alert=alert))


def policy_fingerprint(policy: Policy, key: str) -> str:
    """The fingerprint of an alert that is a policy's own: 16 hex digits."""
    return hashlib.blake2b(f"policy\0{policy.id}\0{key}".encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


# configuration, and an absence of ours


def check_room(tx: Tx, policies: dict[str, PolicySpec]) -> None:
    """Whether there is room for what these policies declare. Raises `Refusal` policy.keys_full."""
    absent.check_room(tx, policies)


def expect(tx: Tx, policy: Policy) -> None:
    """A policy was applied: what it declares is expected from now on."""
    if policy.form == "absent":
        absent.expect(tx, policy)


def let_go(tx: Tx, cell: str) -> None:
    """What is remembered in this window will not go on: it goes with its timers."""
    window = tx.state.windows.get(cell)
    owner, key = owner_of(cell)
    if window is None or (policy := tx.state.policies.by_id.get(owner)) is None:
        return
    _let_go(tx, owner, cell, window)
    keep(tx, policy, key, None)


def forget(tx: Tx, policy: str) -> None:
    """A policy judges otherwise or is gone: its windows go with their timers, and what it remembers of its firings."""
    owners = (policy, f"{policy}#limits")
    state = tx.state
    for cell in sorted(cell for cell in state.windows if owner_of(cell)[0] in owners):
        _let_go(tx, policy, cell, state.windows[cell])
        tx.cell("window", cell, None)
    others = state.windows_of.get("", 0) - state.windows_of.get(policy, 0)
    tx.unset(state.windows_of, policy)
    if others:
        tx.set(state.windows_of, "", others)
    else:
        tx.unset(state.windows_of, "")


def _let_go(tx: Tx, policy: str, cell: str, window: Window) -> None:
    """The window's timers go, and nothing is held back for it."""
    for timer in (*TIMERS, LIMITS):
        tx.cancel(f"{timer}/{cell}")
    if window.fingerprint is None:
        return
    held_of = tx.state.held_of
    held = (policy.partition("/")[0], window.fingerprint)
    left = tuple(other for other in held_of.get(held, ()) if other != cell)
    if left:
        tx.set(held_of, held, left)
    else:
        tx.unset(held_of, held)


def excuse(tx: Tx, absence: timedelta) -> None:
    """OnCue was down for so long. What did not come meanwhile is not held against anyone."""
    waiting = {"absent": absent.excuse, "sequence": pattern.excuse}
    if not any(policy.form in waiting for policy in tx.state.policies.by_id.values()):
        return
    for cell in sorted(tx.state.windows):
        found = owned(tx, cell)
        if found is not None and found[0].form in waiting:
            policy, key, window = found
            waiting[policy.form](tx, policy, key, window, absence)
