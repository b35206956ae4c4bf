"""`sequence`, `all`, `any`: several matches within a time.

A sequence keeps, for each step, the latest instant at which a run of matches that has come so far began: of all the ways to
choose the events, that is the one that stays within the time if any does. So a window is a few instants, whatever comes.
"""

from datetime import timedelta

import msgspec

from oncue.core.conditions.absent import FORGET_AFTER_S
from oncue.core.conditions.finding import Finding, carrying, keep, near_miss, owned, window_of
from oncue.core.expression import Failed, holds
from oncue.core.normalise import Seen
from oncue.core.policy import Policy
from oncue.core.tx import Tx
from oncue.core.window import Window, instant, instants, micros, packed, span, window_key


def judge(tx: Tx, policy: Policy, seen: Seen, key: str) -> Finding | None:
    """What the event adds to the pattern; None if it is none of its parts. Raises `Full`."""
    hits = [_hits(tx, policy, seen, number) for number in range(len(policy.selectors))]
    if not any(hits):
        return None
    if policy.form != "sequence":
        return _together(tx, policy, seen, key, hits)
    if policy.selectors[-1].unless:
        return _without(tx, policy, seen, key, hits)
    return _in_order(tx, policy, seen, key, hits)


def _hits(tx: Tx, policy: Policy, seen: Seen, number: int) -> bool:
    one = policy.selectors[number]
    if not one.selects(seen.type, seen.severity, seen.resource, seen.service, seen.event.source, seen.labels):
        return False
    if one.match.where is None:
        return True
    try:
        return holds(one.match.where, seen.scope)
    except Failed as failure:
        near_miss(tx, policy, seen, "where_failed", str(failure))
        return False


def _set_timer(tx: Tx, policy: Policy, key: str, at: int, *, move: bool) -> None:
    timer = f"window.pattern/{window_key(policy.id, key)}"
    if move or timer not in tx.state.timers.by_key:
        tx.timer(timer, instant(at))


# in whatever order


def _needed(policy: Policy) -> int:
    assert policy.condition is not None
    return (policy.condition.at_least or 1) if policy.form == "any" else len(policy.selectors)


def _together(tx: Tx, policy: Policy, seen: Seen, key: str, hits: list[bool]) -> Finding:
    window = window_of(tx, policy, key)
    now, within, needed = micros(tx.now), span(policy.within_s), _needed(policy)
    last = instants(window.times) if window is not None else [0] * len(hits)
    last = [now if hit else before for hit, before in zip(hits, last, strict=True)]
    there = sum(at > now - within for at in last)
    was = window is not None and window.fired
    fires = there >= needed and not was
    after = msgspec.structs.replace(window or Window(), times=packed(last), fired=there >= needed)
    if was and there < needed:  # another override counts, that needs more
        keep(tx, policy, key, msgspec.structs.replace(after, alert=None))
        _set_timer(tx, policy, key, now + within, move=True)
        return Finding(policy, "cleared", key, after)
    keep(tx, policy, key, after)
    if was and policy.varies:
        _set_timer(tx, policy, key, _ends(last, needed, within), move=True)
    if fires:
        _set_timer(tx, policy, key, _ends(last, needed, within), move=True)
        return Finding(policy, "met", key, after)
    _set_timer(tx, policy, key, now + within, move=False)
    if was:
        return Finding(policy, "held", key, after)
    near_miss(tx, policy, seen, "window_not_met", f"{there} of {needed} within {policy.within_s:g} s")
    return Finding(policy, "waiting", key, after, window is None)


def _ends(last: list[int], needed: int, within: int) -> int:
    """When fewer than are needed will be left, if nothing comes."""
    return sorted(last, reverse=True)[needed - 1] + within


# in order


def _advanced(starts: list[int], hits: list[bool], now: int, within: int) -> tuple[list[int], bool]:
    """Where the runs of matches began after an event, and whether it completed one."""
    after, complete = list(starts), False
    for step in range(len(starts), -1, -1):  # from the last step on, so that one event is never two of them
        if not hits[step]:
            continue
        began = now if step == 0 else starts[step - 1]
        if began and now - began < within:
            if step == len(starts):
                complete = True
            else:
                after[step] = began
    return after, complete


def _in_order(tx: Tx, policy: Policy, seen: Seen, key: str, hits: list[bool]) -> Finding:
    window = window_of(tx, policy, key)
    now, within, steps = micros(tx.now), span(policy.within_s), len(hits)
    starts = instants(window.times) if window is not None and window.times else [0] * (steps - 1)
    after, complete = _advanced(starts, hits, now, within)
    was = window is not None and window.fired
    if complete:
        met = msgspec.structs.replace(window or Window(), times=b"", fired=True, since=tx.now)
        keep(tx, policy, key, met)
        _set_timer(tx, policy, key, now + within, move=not was)
        return Finding(policy, "held" if was else "met", key, met)
    if after == starts:
        near_miss(tx, policy, seen, "window_not_met", "it is not the step that comes next")
        return Finding(policy, "held" if was else "waiting", key, window)
    going = msgspec.structs.replace(window or Window(), times=packed(after))
    keep(tx, policy, key, going)
    _set_timer(tx, policy, key, now + within, move=False)
    if was:
        return Finding(policy, "held", key, going)
    reached = max(step for step, began in enumerate(after) if began and now - began < within) + 1
    near_miss(tx, policy, seen, "window_not_met", f"{reached} of {steps} steps within {policy.within_s:g} s")
    return Finding(policy, "waiting", key, going, window is None)


def _without(tx: Tx, policy: Policy, seen: Seen, key: str, hits: list[bool]) -> Finding | None:
    """All steps but the last have come, or it has: `since` is when the wait for it began."""
    window = window_of(tx, policy, key)
    now, within, steps = micros(tx.now), span(policy.within_s), len(hits) - 1
    if window is not None and window.since is not None:
        if not hits[-1]:
            return Finding(policy, "held" if window.fired else "waiting", key, window)
        keep(tx, policy, key, None)
        tx.cancel(f"window.pattern/{window_key(policy.id, key)}")
        if window.fired:
            return Finding(policy, "cleared", key, window)
        near_miss(tx, policy, seen, "window_not_met", "what must not come has come")
        return Finding(policy, "waiting", key, None)
    starts = instants(window.times) if window is not None else [0] * (steps - 1)
    after, complete = _advanced(starts, hits[:-1], now, within)
    if complete:
        waits = carrying(tx, Window(since=tx.now), seen)
        keep(tx, policy, key, waits)
        _set_timer(tx, policy, key, now + within, move=True)
        near_miss(tx, policy, seen, "window_not_met", f"waits {policy.within_s:g} s for the last step")
        return Finding(policy, "waiting", key, waits, True)
    if after != starts:
        keep(tx, policy, key, Window(times=packed(after)))
        _set_timer(tx, policy, key, now + within, move=False)
        near_miss(tx, policy, seen, "window_not_met", f"not all of the first {steps} steps yet")
    return Finding(policy, "waiting", key, window)


# what time does


def due(tx: Tx, cell: str) -> Finding | None:
    """The time of a match is over, or what should come has not."""
    found = owned(tx, cell)
    if found is None:
        return None
    policy, key, window = found
    now, within, times = micros(tx.now), span(policy.within_s), instants(window.times)
    if policy.form != "sequence":
        return _together_due(tx, policy, key, window, times)
    if policy.selectors[-1].unless and window.since is not None:
        return _without_due(tx, policy, key, window)
    began = micros(window.since) if window.fired and window.since is not None else 0
    newest = max(times, default=0)
    ends = (began or newest) + within
    if ends > now:
        _set_timer(tx, policy, key, ends, move=True)
        return None
    left = newest + within > now
    keep(tx, policy, key, msgspec.structs.replace(window, fired=False, since=None, alert=None) if left else None)
    if left:
        _set_timer(tx, policy, key, newest + within, move=True)
    return Finding(policy, "cleared", key, window) if window.fired else None


def _together_due(tx: Tx, policy: Policy, key: str, window: Window, last: list[int]) -> Finding | None:
    now, within = micros(tx.now), span(policy.within_s)
    ends = _ends(last, _needed(policy), within) if window.fired else max(last) + within
    if ends > now:
        _set_timer(tx, policy, key, ends, move=True)
        return None
    gone = max(last) + within
    keep(tx, policy, key, msgspec.structs.replace(window, fired=False, alert=None) if gone > now else None)
    if gone > now:
        _set_timer(tx, policy, key, gone, move=True)
    return Finding(policy, "cleared", key, window) if window.fired else None


def _without_due(tx: Tx, policy: Policy, key: str, window: Window) -> Finding | None:
    assert window.since is not None
    now = micros(tx.now)
    ends = micros(window.since) + span(policy.within_s)
    if ends > now:  # an absence of ours was added
        _set_timer(tx, policy, key, ends, move=True)
        return None
    if not window.fired:
        met = msgspec.structs.replace(window, fired=True)
        keep(tx, policy, key, met)
        _set_timer(tx, policy, key, ends + span(FORGET_AFTER_S), move=True)
        return Finding(policy, "met", key, met)
    if ends + span(FORGET_AFTER_S) > now:
        _set_timer(tx, policy, key, ends + span(FORGET_AFTER_S), move=True)
        return None
    keep(tx, policy, key, None)
    return Finding(policy, "cleared", key, window)


def excuse(tx: Tx, policy: Policy, key: str, window: Window, absence: timedelta) -> None:
    """OnCue was down for so long: what must come within a time has that much more of it."""
    if policy.selectors[-1].unless and window.since is not None and not window.fired:
        keep(tx, policy, key, msgspec.structs.replace(window, since=window.since + absence))
