"""`for`: a problem that lasts. It begins with the first event that matches and ends with the recovery of its alert."""

from datetime import timedelta

import msgspec

from oncue.core.conditions.finding import Finding, carrying, keep, near_miss, owned, window_of
from oncue.core.normalise import Seen
from oncue.core.policy import Policy
from oncue.core.tx import Tx
from oncue.core.window import Window, owner_of, window_key


def judge(tx: Tx, policy: Policy, seen: Seen, key: str) -> Finding:
    """The first event opens the window; the others find it open."""
    window = window_of(tx, policy, key)
    if window is not None and not window.fired and window.override != policy.number:
        window = _otherwise(tx, policy, key, window)
        if window.fired:
            return Finding(policy, "met", key, window)
    if window is not None:
        return Finding(policy, "held" if window.fired else "waiting", key, window)
    window = carrying(tx, Window(since=tx.now, fingerprint=seen.fingerprint), seen)
    keep(tx, policy, key, window)
    cell = window_key(policy.id, key)
    held = (seen.namespace, seen.fingerprint)
    tx.set(tx.state.held_of, held, (*tx.state.held_of.get(held, ()), cell))
    tx.timer_after(f"window.for/{cell}", policy.for_s)
    near_miss(tx, policy, seen, "window_not_met", f"not yet for {policy.for_s:g} s")
    return Finding(policy, "waiting", key, window, began=True)


def _otherwise(tx: Tx, policy: Policy, key: str, window: Window) -> Window:
    """Another override counts: how long it must last is another time, which may be over already."""
    assert window.since is not None
    ends_at, timer = window.since + timedelta(seconds=policy.for_s), f"window.for/{window_key(policy.id, key)}"
    window = msgspec.structs.replace(window, fired=tx.now >= ends_at, override=policy.number)
    keep(tx, policy, key, window)
    if window.fired:
        tx.cancel(timer)
    else:
        tx.timer(timer, ends_at)
    return window


def due(tx: Tx, cell: str) -> Finding | None:
    """The time is up: it has lasted. Of a threshold, too."""
    found = owned(tx, cell)
    if found is None or found[2].fired:
        return None
    policy, key, window = found
    window = msgspec.structs.replace(window, fired=True)
    keep(tx, policy, key, window)
    return Finding(policy, "met", key, window)


def recovered(tx: Tx, namespace: str, fingerprint: str) -> None:
    """The problem has gone: what waited on its lasting waits no more."""
    cells = tx.state.held_of.get((namespace, fingerprint))
    if cells is None:
        return
    tx.unset(tx.state.held_of, (namespace, fingerprint))
    for cell in cells:
        tx.cancel(f"window.for/{cell}")
        owner, key = owner_of(cell)
        keep(tx, tx.state.policies.by_id[owner], key, None)
