"""`absent`: expected and not seen. It costs a timer per key, which an event leaves where it is: when it is due, it looks
whether anything came meanwhile, and if so is set anew. So an event costs one window, and a quiet hour nothing at all.

Keys are declared, and expected from the moment of applying on; or learned, each from its first event on. A learned key that
stays away is forgotten after `forget_after`. A late event proves nothing of the present, and is not taken for a sign of life.
"""

from datetime import timedelta

import msgspec

from oncue.core import event as events
from oncue.core.conditions.finding import KEYS_LIMIT, Finding, carrying, is_late, keep, near_miss, owned, window_of
from oncue.core.duration import seconds
from oncue.core.errors import Refusal
from oncue.core.manifest import PolicySpec
from oncue.core.normalise import Seen
from oncue.core.policy import Policy
from oncue.core.tx import Tx
from oncue.core.window import Window, window_key

FORGET_AFTER_S = 30 * 86400.0


def judge(tx: Tx, policy: Policy, seen: Seen, key: str) -> Finding | None:
    """A sign of life. Raises `Full`."""
    if is_late(tx, policy, seen):
        near_miss(tx, policy, seen, "late", f"its time {seen.event.time} is older than {policy.late_after_s:g} s")
        return None
    if policy.keys and key not in policy.keys:
        near_miss(tx, policy, seen, "key_not_expected", f"{key} is none of keys")
        return None
    window = window_of(tx, policy, key)
    keep(tx, policy, key, carrying(tx, Window(since=tx.now), seen, data=False))
    if window is None or window.fired or policy.varies:
        tx.timer_after(f"window.absent/{window_key(policy.id, key)}", policy.absent_s)
    if window is not None and window.fired:
        return Finding(policy, "cleared", key, window)
    return Finding(policy, "waiting", key, window)


def check_room(tx: Tx, policies: dict[str, PolicySpec]) -> None:
    """Whether there is room for the keys that these policies (by `namespace/name`) declare. Raises `Refusal`
    policy.keys_full.
    """
    wanted = 0
    for id, spec in policies.items():
        condition = spec.condition
        if condition is None or not condition.keys:
            continue
        keys = len(frozenset(condition.keys))
        if keys > condition.max_keys:
            raise Refusal("policy.keys_full", f"Policy {id} declares {keys} keys; its max_keys is {condition.max_keys}")
        wanted += max(0, keys - tx.state.windows_of.get(id, 0))
    there = tx.state.windows_of.get("", 0)
    if wanted and there + wanted > KEYS_LIMIT:
        raise Refusal(
            "policy.keys_full", f"there are {there} windows, and these would be {wanted} more; at most {KEYS_LIMIT}"
        )


def expect(tx: Tx, policy: Policy) -> None:
    """The policy was applied: declared keys are expected from now on, those that have a window as before."""
    for key in sorted(policy.keys):
        if window_of(tx, policy, key) is None:
            nothing = _nothing(policy, key)
            here = policy.on(Seen(tx.state, events.decode(nothing), nothing, policy.namespace, "engine", 0), tx.now)
            if not here.off:
                keep(tx, here, key, Window(since=tx.now, event=nothing, origin="engine"))
                tx.timer_after(f"window.absent/{window_key(policy.id, key)}", here.absent_s)


def _nothing(policy: Policy, key: str) -> bytes:
    """What stands for the event of a key that has never had one."""
    type = next((type for type in policy.types if not set("*?[") & set(type)), "absent")
    return events.encode(
        {
            "id": f"{policy.id}|{key}",
            "source": "/oncue/engine",
            "type": type,
            "resource": key,
            "namespace": policy.namespace,
        }
    )


def due(tx: Tx, cell: str) -> Finding | None:
    """Nothing has come, or something has and the timer is set anew; or the key has stayed away for too long."""
    found = owned(tx, cell)
    if found is None:
        return None
    policy, key, window = found
    since = window.since or tx.now
    silent = since + timedelta(seconds=policy.absent_s)
    if silent > tx.now:
        tx.timer(f"window.absent/{cell}", silent)
        return None
    forgotten = since + timedelta(seconds=_forget_after_s(policy))
    if not window.fired:
        window = msgspec.structs.replace(window, fired=True)
        keep(tx, policy, key, window)
        if not policy.keys:
            tx.timer(f"window.absent/{cell}", forgotten)
        return Finding(policy, "met", key, window)
    keep(tx, policy, key, None)
    return Finding(policy, "cleared", key, window)


def _forget_after_s(policy: Policy) -> float:
    condition = policy.condition
    asked = condition.forget_after if condition is not None else None
    return seconds(asked) if asked is not None else max(FORGET_AFTER_S, 2 * policy.absent_s)


def excuse(tx: Tx, policy: Policy, key: str, window: Window, absence: timedelta) -> None:
    """OnCue was down for so long, and could have heard nothing: the key has that much more time."""
    if window.since is not None and not window.fired:
        keep(tx, policy, key, msgspec.structs.replace(window, since=window.since + absence))
