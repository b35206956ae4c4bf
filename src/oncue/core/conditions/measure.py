"""`count`, `rate`, `avg`, `min`, `max`, `sum`, `p95`: what the events of a sliding window come to.

It begins to hold when an event comes, never because one leaves the window; it ceases with an event, or at the instant at
which one leaves. So a fired window has a timer for each leaving, and the others one to be forgotten by.

Small counts are exact to the microsecond: the newest instants are kept. All else is kept in slots of a twentieth of the
window: an event is in the window for `within`, and up to a twentieth longer. What p95 is compared with is known before, so
how many values lie beyond it decides exactly, and no value has to be kept.
"""

import math
from typing import Final

import msgspec

from oncue.core.condition import Condition
from oncue.core.conditions.finding import (
    Finding,
    crosses,
    is_back,
    keep,
    limit_of,
    limit_said,
    near_miss,
    number,
    owned,
    window_of,
)
from oncue.core.duration import seconds
from oncue.core.normalise import Seen
from oncue.core.policy import Policy
from oncue.core.tx import Tx
from oncue.core.window import (
    Slot,
    Window,
    held_at,
    instant,
    instants,
    leaves_at,
    micros,
    pack_slots,
    packed,
    slot_length,
    span,
    unpacked,
    window_key,
)

EXACT: Final = 32
"""Counts up to this are exact; beyond, they are kept in slots."""
_SIDE: Final = float(2**26)
"""A slot of p95 holds two numbers: those beyond the limit, and, times this, those back behind the other one."""


def judge(tx: Tx, policy: Policy, seen: Seen, key: str) -> Finding:
    """Add the event to its window, and judge it. Raises `Failed`, `Full`."""
    condition = policy.condition
    assert condition is not None
    if condition.count is not None and policy.counts_kept <= EXACT:
        return _count(tx, policy, condition.count, seen, key)
    value = number(getattr(condition, policy.form), seen) if policy.form not in ("count", "rate") else 0.0
    window = window_of(tx, policy, key)
    began = window is None
    at, length = micros(tx.now), slot_length(span(policy.within_s))
    held = held_at(unpacked(window.slots if window is not None else b""), at, length)
    slots = _added(policy, condition, held, at // length, value)
    count = sum(slot[1] for slot in slots)
    figure = _figure(policy, slots, count) if policy.form != "p95" else value
    was = window is not None and window.fired
    enough = count >= (condition.min_count or 1)
    fires = enough and not was and _crosses(policy, condition, slots, figure)
    cleared = was and (not enough or _is_back(policy, condition, slots, figure))
    now = msgspec.structs.replace(
        window or Window(), slots=pack_slots(slots), fired=fires or (was and not cleared), value=figure,
        limit=_limit(condition), since=tx.now if fires else window.since if window is not None and was else None,
    )  # fmt: skip
    if cleared:
        keep(tx, policy, key, msgspec.structs.replace(now, alert=None, since=None))
        return Finding(policy, "waiting" if policy.about_event else "cleared", key, now)
    keep(tx, policy, key, now)
    _look_again(tx, policy, key, slots, length, fires)
    if not now.fired:
        short = (
            f"{count} of {condition.min_count} values within" if not enough else _said(policy, condition, slots, now)
        )
        near_miss(tx, policy, seen, "window_not_met", f"{short} {policy.within_s:g} s")
        return Finding(policy, "waiting", key, now, began)
    return Finding(policy, "met" if fires else "held", key, now)


def _look_again(tx: Tx, policy: Policy, key: str, slots: list[Slot], length: int, fires: bool) -> None:
    timer = f"window.aged/{window_key(policy.id, key)}"
    if fires:
        tx.timer(timer, instant(leaves_at(slots[0], length)))
    elif timer not in tx.state.timers.by_key:
        tx.timer(timer, instant(leaves_at(slots[-1], length)))


def _count(tx: Tx, policy: Policy, wanted: int, seen: Seen, key: str) -> Finding:
    window = window_of(tx, policy, key)
    began = window is None
    within, now = span(policy.within_s), micros(tx.now)
    known = instants(window.times) if window is not None else []
    times = [*(at for at in known if at > now - within), now][-policy.counts_kept :]
    was, enough = window is not None and window.fired, len(times) >= wanted
    fires, timer = enough and not was, f"window.aged/{window_key(policy.id, key)}"
    if was and not enough:  # another override counts, with another number
        assert window is not None
        keep(tx, policy, key, msgspec.structs.replace(window, times=packed(times), fired=False, alert=None))
        tx.timer(timer, instant(now + within))
        return Finding(policy, "waiting" if policy.about_event else "cleared", key, window)
    window = msgspec.structs.replace(window or Window(), times=packed(times), fired=enough)
    keep(tx, policy, key, window)
    if fires or (was and policy.varies):
        tx.timer(timer, instant(times[-wanted] + within))
    elif timer not in tx.state.timers.by_key:
        tx.timer(timer, instant(now + within))
    if not window.fired:
        near_miss(tx, policy, seen, "window_not_met", f"{len(times)} of {wanted} within {policy.within_s:g} s")
        return Finding(policy, "waiting", key, window, began)
    return Finding(policy, "met" if fires else "held", key, window)


def due(tx: Tx, cell: str) -> Finding | None:
    """Something leaves the window. Gives `cleared` if it had fired and holds no more."""
    found = owned(tx, cell)
    if found is None or found[0].condition is None:
        return None
    policy, key, window = found
    condition, within = policy.condition, span(policy.within_s)
    assert condition is not None
    if window.times:
        return _count_due(tx, policy, condition, key, window)
    length = slot_length(within)
    slots, now = unpacked(window.slots), micros(tx.now)
    if not window.fired:
        last = leaves_at(slots[-1], length)
        if last > now:
            tx.timer(f"window.aged/{cell}", instant(last))
        else:
            keep(tx, policy, key, None)
        return None
    first = leaves_at(slots[0], length)
    if first > now:
        tx.timer(f"window.aged/{cell}", instant(first))
        return None
    slots = slots[1:]
    count = sum(slot[1] for slot in slots)
    figure = _figure(policy, slots, count) if policy.form != "p95" else window.value or 0.0
    cleared = count < (condition.min_count or 1) or _is_back(policy, condition, slots, figure)
    after = msgspec.structs.replace(window, slots=pack_slots(slots), fired=not cleared, value=figure)
    if cleared:
        after = msgspec.structs.replace(after, alert=None, since=None)
    keep(tx, policy, key, after if slots else None)
    if slots:
        tx.timer(f"window.aged/{cell}", instant(leaves_at(slots[-1 if cleared else 0], length)))
    return Finding(policy, "cleared", key, window) if cleared else None


def _count_due(tx: Tx, policy: Policy, condition: Condition, key: str, window: Window) -> Finding | None:
    within, now, times = span(policy.within_s), micros(tx.now), instants(window.times)
    timer = f"window.aged/{window_key(policy.id, key)}"
    leaves = times[-(condition.count or 1) if window.fired else -1] + within
    if leaves > now:
        tx.timer(timer, instant(leaves))
        return None
    left = [at for at in times if at > now - within]
    after = msgspec.structs.replace(window, times=packed(left), fired=False, alert=None)
    keep(tx, policy, key, after if left else None)
    if left:
        tx.timer(timer, instant(left[-1] + within))
    return Finding(policy, "cleared", key, window) if window.fired else None


# what slots come to


def _added(policy: Policy, condition: Condition, slots: list[Slot], number: int, value: float) -> list[Slot]:
    form, figure = policy.form, value
    if form == "p95":
        back = condition.clear_below if condition.fire_above is not None else condition.clear_above
        behind = back is not None and (value < back if condition.fire_above is not None else value > back)
        if back is None and policy.varies:  # each value is judged by the limits that counted when it came
            behind = not crosses(condition, value)
        figure = crosses(condition, value) + behind * _SIDE
    if not slots or slots[-1][0] != number:
        return [*slots, (number, 1, figure)]
    _, count, known = slots[-1]
    merged = min(known, value) if form == "min" else max(known, value) if form == "max" else known + figure
    return [*slots[:-1], (number, count + 1, merged)]


def _figure(policy: Policy, slots: list[Slot], count: int) -> float:
    """What the window comes to; 0 if nothing is in it."""
    figures = [slot[2] for slot in slots]
    if policy.form == "rate":
        rate = policy.condition.rate if policy.condition is not None else None
        return count * seconds(rate.per) / policy.within_s if rate is not None else 0.0
    if policy.form == "count":
        return float(count)
    if policy.form in ("min", "max"):
        return (min if policy.form == "min" else max)(figures, default=0.0)
    total = math.fsum(figures)  # exactly rounded, so the same in every Python
    return total / count if policy.form == "avg" and count else total


def _limit(condition: Condition) -> float:
    return float(condition.count) if condition.count is not None else limit_of(condition)


def _crosses(policy: Policy, condition: Condition, slots: list[Slot], figure: float) -> bool:
    if condition.count is not None:
        return figure >= condition.count
    if policy.form == "p95":
        return _beyond(slots)[0] >= _rank(slots, condition.fire_above is not None)
    return crosses(condition, figure)


def _is_back(policy: Policy, condition: Condition, slots: list[Slot], figure: float) -> bool:
    if condition.count is not None:
        return figure < condition.count
    if policy.form == "p95":
        above = condition.fire_above is not None
        if (condition.clear_below if above else condition.clear_above) is None and not policy.varies:
            return not _crosses(policy, condition, slots, figure)
        return _beyond(slots)[1] >= _rank(slots, not above)
    return is_back(condition, figure)


def _beyond(slots: list[Slot]) -> tuple[int, int]:
    """How many values lie beyond the limit, and how many back behind the other one."""
    pairs = [divmod(int(slot[2]), int(_SIDE)) for slot in slots]
    return sum(pair[1] for pair in pairs), sum(pair[0] for pair in pairs)


def _rank(slots: list[Slot], above: bool) -> int:
    """How many values above a limit put the 95th percentile (nearest rank) above it; how many below, below it."""
    count = sum(slot[1] for slot in slots)
    rank = -(-19 * count // 20)
    return count - rank + 1 if above else rank


def _said(policy: Policy, condition: Condition, slots: list[Slot], window: Window) -> str:
    count = sum(slot[1] for slot in slots)
    if condition.count is not None:
        return f"{count} of {condition.count} within"
    if policy.form == "p95":
        return f"{_beyond(slots)[0]} of {count} values are {limit_said(condition)}, too few for p95, within"
    return f"{policy.form} of {count} is {window.value:g}, not {limit_said(condition)}, within"
