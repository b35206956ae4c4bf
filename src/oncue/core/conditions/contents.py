"""What is in a window, for people: the same bytes that are judged, read back."""

from datetime import datetime, timedelta

import msgspec

from oncue.core.conditions import new_value
from oncue.core.policy import Policy
from oncue.core.window import (
    Window,
    held_at,
    instant,
    instants,
    leaves_at,
    micros,
    owner_of,
    slot_length,
    span,
    unpacked,
)


class Part(msgspec.Struct, omit_defaults=True, kw_only=True):
    """One thing in a window: an event, a slot of events, a step of a sequence, a value."""

    what: str
    """`event`, `slot`, `step 1`, `selector 1` or `value`."""
    at: datetime
    """When it came; of a slot, when it began; of a step, when the sequence began that has come so far."""
    until: datetime
    """When it leaves the window."""
    count: int = 1
    """Events."""
    figure: float | None = None
    """What the values of a slot come to: their sum, the least or the greatest."""


class Contents(msgspec.Struct, kw_only=True):
    """A window of a policy's condition over time: what it remembers for one key."""

    key: str
    condition: str
    """`for`, `count`, `avg`, ..."""
    holds: bool
    """Whether the condition holds, so that the policy has fired."""
    since: datetime | None
    """Since when it holds or waits; with `absent`, when the newest event came; with throttles, when the window began."""
    value: float | None
    limit: float | None
    count: int
    """Events, or values, in it."""
    parts: list[Part]
    """Oldest first."""
    alert: str | None
    """What firing raised."""
    override: str | None = None
    """The policy's override that counted for what came last."""


def contents(policy: Policy, cell: str, window: Window, now: datetime) -> Contents:
    """The window as it is now."""
    policy = policy.stamped(window.override)
    parts = _parts(policy, window, micros(now))
    count = sum(part.count for part in parts)
    value = window.value
    if policy.form in ("first", "once_after", "accumulate"):
        count, value = int(window.value or 0), None
    return Contents(
        key=owner_of(cell)[1],
        condition=policy.form,
        holds=window.fired,
        since=window.since,
        value=value,
        limit=window.limit,
        count=count,
        parts=parts,
        alert=window.alert,
        override=policy.override,
    )


def _parts(policy: Policy, window: Window, now: int) -> list[Part]:
    within = span(policy.within_s)
    if policy.form == "new_value":
        seen = [at for _, at in new_value.ENTRY.iter_unpack(window.slots) if at > now - within]
        return [Part(what="value", at=instant(at), until=instant(at + within)) for at in seen]
    if window.slots:
        length = slot_length(within)
        return [
            Part(
                what="slot", at=instant(slot[0] * length), until=instant(leaves_at(slot, length)), count=slot[1],
                figure=slot[2] if policy.form in ("avg", "sum", "min", "max") else None,
            )
            for slot in held_at(unpacked(window.slots), now, length)
        ]  # fmt: skip
    times = [(number, at) for number, at in enumerate(instants(window.times), 1) if at > now - within]
    word = {"sequence": "step", "all": "selector", "any": "selector"}.get(policy.form)
    named = [(f"{word} {number}" if word else "event", at) for number, at in times]
    parts = [Part(what=what, at=instant(at), until=instant(at + within)) for what, at in named]
    if not parts and window.since is not None and policy.form in ("for", "value", "absent", "sequence"):
        lasts = {"absent": policy.absent_s, "sequence": policy.within_s}.get(policy.form, policy.for_s)
        parts = [Part(what="event", at=window.since, until=window.since + timedelta(seconds=lasts))]
    return parts
