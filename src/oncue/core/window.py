"""Windows: what a policy remembers of the past, per key, to judge a condition over time.

A window is one cell, `namespace/policy|key`, replaced and never changed in place. What it holds of many events is packed,
so that a key costs a few hundred bytes whatever comes: instants as integers of microseconds, and measures in slots.
"""

import struct
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class Window(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One policy's memory for one key. Replaced, never changed in place."""

    times: bytes = b""
    """Instants (`packed`): what they are of is the condition's affair."""
    slots: bytes = b""
    """Measures of a sliding window (`Slots`), or values seen (`new_value`)."""
    since: datetime | None = None
    """Since when the condition holds, or is waited on, without a break."""
    fired: bool = False
    value: float | None = None
    limit: float | None = None
    fingerprint: str | None = None
    """Of the condition whose lasting is watched, where it is one alert's."""
    alert: str | None = None
    """The alert that firing raised."""
    event: bytes = b""
    """The event that the alert's text is made of when a timer fires it."""
    origin: str = ""
    event_position: int = 0
    override: int = 0
    """Which of the policy's overrides counted for what came last; 0 if none did."""
    requester: str | None = None
    """Who sent `event`: what it leads to later they have asked for."""


def window_key(policy: str, key: str) -> str:
    """The cell in which a policy's window for this key is kept."""
    return f"{policy}|{key}"


def owner_of(cell: str) -> tuple[str, str]:
    """(policy, key) of a cell."""
    policy, _, key = cell.partition("|")
    return policy, key


def micros(at: datetime) -> int:
    """Microseconds since 1970."""
    return (at - EPOCH) // _MICROSECOND


def instant(at: int) -> datetime:
    """The instant so many microseconds after 1970."""
    return EPOCH + timedelta(microseconds=at)


def span(seconds: float) -> int:
    """A duration in microseconds."""
    return round(seconds * 1_000_000)


def packed(times: list[int]) -> bytes:
    """Instants in microseconds as a window keeps them: 8 bytes each."""
    return struct.pack(f"<{len(times)}q", *times)


def instants(times: bytes) -> list[int]:
    """The instants again, as they were packed."""
    return list(struct.unpack(f"<{len(times) // 8}q", times))


SLOTS: Final = 20
"""Into how many slots the time of a window is cut: what is in it may stay a twentieth of its length too long."""

_ENTRY: Final = struct.Struct("<BId")
_HEAD: Final = struct.Struct("<q")
_WHOLE: Final = [struct.Struct("<q" + "BId" * count) for count in range(SLOTS + 2)]
"""A head and so many entries."""
_COUNT_LIMIT: Final = 2**32 - 1

Slot = tuple[int, int, float]
"""(its number since 1970, how many values, what they come to)."""


def slot_length(within_us: int) -> int:
    """Microseconds of one slot of a window of this length."""
    return max(1, -(-within_us // SLOTS))


def unpacked(slots: bytes) -> list[Slot]:
    """The slots of a window, oldest first."""
    if not slots:
        return []
    (first,) = _HEAD.unpack_from(slots)
    return [(first + offset, count, figure) for offset, count, figure in _ENTRY.iter_unpack(slots[_HEAD.size :])]


def pack_slots(slots: list[Slot]) -> bytes:
    """Slots as a window keeps them: 8 bytes and 13 more for each, 281 at the most."""
    if not slots:
        return b""
    first = slots[0][0]
    flat: list[float] = []
    for number, count, figure in slots:
        flat += (number - first, min(count, _COUNT_LIMIT), figure)
    return _WHOLE[len(slots)].pack(first, *flat)


def held_at(slots: list[Slot], at: int, length: int) -> list[Slot]:
    """Those that are in the window at an instant: the slot of the instant, and the `SLOTS` before it."""
    oldest = at // length - SLOTS
    return [slot for slot in slots if slot[0] >= oldest]


def leaves_at(slot: Slot, length: int) -> int:
    """The first instant at which the slot is in the window no more, in microseconds since 1970."""
    return (slot[0] + SLOTS + 1) * length
