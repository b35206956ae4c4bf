"""`new_value`: a value that this key has not had for some time. A key's first value is never new; what comes while `learn`
runs is only learned. Values are kept as hashes of 8 bytes, each with the instant at which it was last seen."""

import hashlib
import struct
from datetime import timedelta
from typing import Final

import msgspec

from oncue.core.conditions.finding import Finding, keep, near_miss, owned, window_of
from oncue.core.duration import seconds
from oncue.core.expression import evaluate, spoken
from oncue.core.normalise import Seen
from oncue.core.policy import Policy
from oncue.core.tx import Tx
from oncue.core.window import Window, instant, micros, span, window_key

VALUES_LIMIT: Final = 20
"""Values that a key remembers; of more, those that were seen last."""

ENTRY: Final = struct.Struct("<8sq")
"""(hash of the value, when it was last seen)."""


def judge(tx: Tx, policy: Policy, seen: Seen, key: str) -> Finding:
    """Remember the value, and say whether it is new. Raises `Failed`, `Full`."""
    condition = policy.condition
    assert condition is not None
    value = spoken(evaluate(condition.new_value or "", seen.scope))
    mark = hashlib.blake2b(value.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    there = window_of(tx, policy, key)
    now, within = micros(tx.now), span(policy.within_s)
    window = there or Window(since=tx.now)
    known = [entry for entry in ENTRY.iter_unpack(window.slots) if entry[1] > now - within]
    others = [entry for entry in known if entry[0] != mark]
    kept = [*others, (mark, now)][-VALUES_LIMIT:]
    keep(tx, policy, key, msgspec.structs.replace(window, slots=b"".join(ENTRY.pack(*entry) for entry in kept)))
    if there is None:
        tx.timer(f"window.values/{window_key(policy.id, key)}", instant(now + within))
    if len(others) < len(known):
        near_miss(tx, policy, seen, "window_not_met", f"{value} is known for this key")
        return Finding(policy, "waiting", key, window)
    learned = window.since is not None and tx.now >= window.since + timedelta(seconds=seconds(condition.learn or "0s"))
    if there is None or not learned:
        near_miss(tx, policy, seen, "learning", f"{value} is learned for this key")
        return Finding(policy, "waiting", key, window, there is None)
    return Finding(policy, "met", key, window)


def due(tx: Tx, cell: str) -> Finding | None:
    """Forget the key if none of its values was seen within the time."""
    found = owned(tx, cell)
    if found is None:
        return None
    policy, key, window = found
    newest = max(at for _, at in ENTRY.iter_unpack(window.slots))
    forgotten = instant(newest + span(policy.within_s))
    if forgotten > tx.now:
        tx.timer(f"window.values/{cell}", forgotten)
    else:
        keep(tx, policy, key, None)
    return None
