"""What conditions share: their finding, the key of an event, the window of a key, and what is nearly met."""

import hashlib
import math
from datetime import timedelta
from typing import Any, Final, Literal

import msgspec

from oncue.core import event as events
from oncue.core.condition import Condition
from oncue.core.expression import Failed, evaluate, spoken
from oncue.core.normalise import Seen
from oncue.core.policy import NEAR_MISSES, NearMiss, Policy, PolicyStats, stats_with
from oncue.core.tx import Tx
from oncue.core.window import Window, owner_of, window_key

Outcome = Literal["met", "held", "waiting", "cleared", "unjudged"]

KEY_LIMIT: Final = 500
"""Characters of a key; of a longer one the end is a hash."""
KEYS_LIMIT: Final = 1_000_000
"""Windows that there may be of all policies together; each policy has a limit of its own, `max_keys`."""


class Finding(msgspec.Struct, frozen=True):
    """What one policy makes of one event, or of the passing of time.

    `met`: its condition holds from now on. `held`: it held before and still does. `waiting`: it does not hold yet.
    `cleared`: it held and does no more. `unjudged`: there are windows for too many keys.
    """

    policy: Policy
    outcome: Outcome
    key: str
    window: Window | None = None
    began: bool = False
    """Whether the present event opened the window: what is said once is said then."""


class Full(Exception):
    """There are windows for too many keys; the text says how many."""


def near_miss(tx: Tx, policy: Policy, seen: Seen, reason: str, detail: str) -> None:
    """Remember that the policy nearly fired, and what was missing."""
    stats: PolicyStats = tx.state.cells["policy_stats"].get(policy.id) or PolicyStats()
    if policy.override is not None:
        detail = f"{detail} (override {policy.override})"
    miss = NearMiss(tx.now, seen.event_id, seen.position, reason, detail[:500])
    tx.cell("policy_stats", policy.id, stats_with(stats, near_misses=(*stats.near_misses[1 - NEAR_MISSES :], miss)))


def key_of(policy: Policy, seen: Seen) -> str:
    """What the policy keeps the event's window under. Raises `Failed` if an expression of `by` fails.

    Parts are joined by `|`, and one in a part is written `\\|`, so that different parts never make the same key.
    """
    condition = policy.condition
    assert condition is not None
    if not condition.by:
        return seen.fingerprint if policy.form == "for" else seen.resource
    parts = [spoken(evaluate(part, seen.scope)) for part in condition.by]
    key = parts[0] if len(parts) == 1 else "|".join(part.replace("\\", "\\\\").replace("|", "\\|") for part in parts)
    if len(key) > KEY_LIMIT:
        digest = hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
        key = f"{key[: KEY_LIMIT - 17]}#{digest}"
    return key


def number(text: str, seen: Seen) -> float:
    """The expression's value. Raises `Failed` if it is no number, or not a finite one."""
    value = evaluate(text, seen.scope)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise Failed(f"{text}: gives {value!r}, not a number")
    return float(value)


def is_late(tx: Tx, policy: Policy, seen: Seen) -> bool:
    """Whether the event's own time lies more than `late_after` before now; an event without a time is never late."""
    try:
        own = events.instant(seen.event.time)
    except ValueError:
        return False
    return own is not None and tx.now - own > timedelta(seconds=policy.late_after_s)


def window_of(tx: Tx, policy: Policy, key: str) -> Window | None:
    """The policy's window for this key."""
    return tx.state.windows.get(window_key(policy.id, key))


def owned(tx: Tx, cell: str) -> tuple[Policy, str, Window] | None:
    """The policy as it was for what came last, key and window of a cell; None if policy or window are gone."""
    window = tx.state.windows.get(cell)
    owner, key = owner_of(cell)
    policy = tx.state.policies.by_id.get(owner)
    return None if window is None or policy is None else (policy.stamped(window.override), key, window)


def keep(tx: Tx, policy: Policy, key: str, window: Window | None) -> None:
    """Replace the window of this key; None drops it. Raises `Full` if it is one too many."""
    if window is not None and window.override != policy.number:
        window = msgspec.structs.replace(window, override=policy.number)
    cell = window_key(policy.id, key)
    there = cell in tx.state.windows
    counts = tx.state.windows_of
    if there != (window is not None):
        own, all = counts.get(policy.id, 0), counts.get("", 0)
        if window is not None:
            limit = policy.condition.max_keys if policy.condition is not None else 0
            if own >= limit:
                raise Full(f"there are windows for {own} keys; max_keys is {limit}")
            if all >= KEYS_LIMIT:
                raise Full(f"there are {all} windows of all policies; that is the most there may be")
        change = 1 if window is not None else -1
        for owner, count in ((policy.id, own + change), ("", all + change)):
            if count:
                tx.set(counts, owner, count)
            else:
                tx.unset(counts, owner)
    tx.cell("window", cell, window)


def carrying(tx: Tx, window: Window, seen: Seen, *, data: bool = True) -> Window:
    """The window with what a timer needs to speak of the event: the event, or, without `data`, its attributes, and who sent
    it."""
    body = seen.body if data and seen.view_override is None else sketch(seen, data)
    return msgspec.structs.replace(
        window, event=body, origin=seen.origin, event_position=seen.position, requester=tx.cause.requester
    )


def sketch(seen: Seen, data: bool) -> bytes:
    """An event with the attributes of this one; of a sample's reading, the event that policies see."""
    event = seen.event
    attributes: dict[str, Any] = {
        "id": event.id, "source": event.source, "type": seen.type, "severity": event.severity, "check": event.check,
        "resource": seen.resource, "service": seen.service, "namespace": event.namespace, "time": event.time,
        "fingerprint": event.fingerprint, "title": event.title,
        "labels": events.encode(seen.labels).decode() if seen.labels else None,
        "data": seen.view().get("data") if data else None,
        "monitor": seen.view().get("monitor") if seen.view_override is not None else None,
        "correlationid": event.correlationid,
    }  # fmt: skip
    return events.encode({name: value for name, value in attributes.items() if value is not None})


# limits with hysteresis


def limit_of(condition: Condition) -> float:
    """The limit that it fires beyond."""
    return condition.fire_above if condition.fire_above is not None else condition.fire_below or 0.0


def limit_said(condition: Condition) -> str:
    """`above 90`."""
    return f"{'above' if condition.fire_above is not None else 'below'} {limit_of(condition):g}"


def crosses(condition: Condition, value: float) -> bool:
    """Whether the value is beyond the limit; the limit itself is not."""
    return value > limit_of(condition) if condition.fire_above is not None else value < limit_of(condition)


def is_back(condition: Condition, value: float) -> bool:
    """Whether what fired clears at this value."""
    if condition.fire_above is not None and condition.clear_below is not None:
        return value < condition.clear_below
    if condition.fire_below is not None and condition.clear_above is not None:
        return value > condition.clear_above
    return not crosses(condition, value)
