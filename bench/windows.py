"""`python -m bench.windows`: what conditions over time cost in the core, per event, per key and per timer that is due.

One engine in memory, no store: microseconds of processor time of an event that one windowed policy takes, against the
same event that none takes; bytes of a key as stored and as held in memory, its timer included; and 100,000 keys of `absent`.
"""

import gc
import time
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from oncue.core import event as events
from oncue.core.engine import Engine
from oncue.core.state import Identity, State
from oncue.core.tx import Batch

START: Final = datetime(2026, 3, 1, tzinfo=UTC)
EVENTS: Final = 20_000
KEYS: Final = 1_000
SILENT: Final = 100_000
VALUE: Final = "event.data.value"
_A: Final = {"where": "event.data.value < 50.0"}
_B: Final = {"where": "event.data.value >= 50.0"}

CONDITIONS: Final[dict[str, dict[str, Any]]] = {
    "value": {"value": VALUE, "fire_above": 98, "clear_below": 90},
    "count 30": {"count": 30, "within": "5m"},
    "count 1000": {"count": 1000, "within": "5m"},
    "rate": {"rate": {"per": "1m"}, "within": "5m", "fire_above": 100},
    "avg": {"avg": VALUE, "within": "5m", "fire_above": 98},
    "p95": {"p95": VALUE, "within": "5m", "fire_above": 99},
    "absent": {"absent": "1h"},
    "sequence": {"sequence": [_A, {**_B, "severities": ["major"]}], "within": "5m"},
    "all": {"all": [_A, {**_B, "severities": ["major"]}], "within": "5m"},
    "first": {"first": 1, "within": "5m"},
    "once_after": {"once_after": "1d"},
    "new_value": {"new_value": "string(int(event.data.value) / 10)", "within": "1d"},
}


class Core:
    """An engine with one policy, or none."""

    def __init__(self, condition: dict[str, Any] | None) -> None:
        self.state = State(Identity("bench"))
        self.engine = Engine(self.state)
        self.number = 0
        if condition is not None:
            spec = {"match": {"types": ["probe"]}, "condition": {"max_keys": 1_000_000, **condition}}
            change = {"op": "apply", "kind": "Policy", "namespace": "default", "name": "p", "spec": spec}
            self.take({"type": "oncue.config.applied", "data": {"changes": [change]}}, START)

    def take(self, document: dict[str, Any], at: datetime) -> int:
        """Handle one input. Gives how many facts it caused."""
        self.number += 1
        body = msgspec.json.encode({"specversion": "1.0", "id": f"e{self.number}", "source": "/bench", **document})
        batch = Batch()
        return len(self.engine.process(events.decode(body), body, "default", "bench", None, at, batch)[0])

    def prepared(self, count: int, keys: int, every: timedelta) -> Iterator[tuple[bytes, datetime]]:
        """Events, each on the next of the keys."""
        for number in range(count):
            document = {
                "specversion": "1.0", "id": f"p{number}", "source": "/bench", "type": "probe",
                "resource": f"host-{number % keys:06d}.example.com", "data": {"value": float(number * 37 % 97)},
            }  # fmt: skip
            yield msgspec.json.encode(document), START + number * every

    def run(self, prepared: list[tuple[bytes, datetime]]) -> float:
        """Microseconds of processor time per event."""
        process, decode = self.engine.process, events.decode
        began = time.process_time()
        batch = Batch()
        for number, (body, at) in enumerate(prepared):
            process(decode(body), body, "default", "bench", None, at, batch)
            if number % 1000 == 999:
                batch = Batch()
        return (time.process_time() - began) / len(prepared) * 1e6


def stored(state: State) -> float:
    """Bytes of a window's row, without its key."""
    sizes = [len(msgspec.msgpack.encode(window)) for window in state.windows.values()]
    return sum(sizes) / max(1, len(sizes))


def cost(condition: dict[str, Any]) -> tuple[float, float, float]:
    """(microseconds per event, bytes of a key stored, bytes of a key in memory)."""
    core = Core(condition)
    took = core.run(list(core.prepared(EVENTS, KEYS, timedelta(milliseconds=10))))
    core = Core(condition)
    prepared = list(core.prepared(20 * KEYS, KEYS, timedelta(milliseconds=10)))
    gc.collect()
    tracemalloc.start()
    core.run(prepared)
    gc.collect()
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    windows = len(core.state.windows)
    return took, stored(core.state), held / windows if windows == KEYS else 0.0


def main() -> None:
    """Print the figures."""
    alone = Core(None)
    base = alone.run(list(alone.prepared(EVENTS, KEYS, timedelta(milliseconds=10))))
    print(f"an event that no policy takes: {base:.1f} µs")
    for name, condition in CONDITIONS.items():
        took, row, memory = cost(condition)
        size = f"{row:5.0f} B stored   {memory:5.0f} B in memory a key" if memory else "no windows but for what fires"
        print(f"{name:12} +{took - base:5.1f} µs an event   {size}")
    core = Core({"absent": "10m"})
    beats = list(core.prepared(SILENT, SILENT, timedelta(microseconds=1)))
    first = core.run(beats)
    again = core.run([(body, at + timedelta(minutes=5)) for body, at in beats])
    began = time.process_time()
    core.take({"type": "oncue.clock.advanced"}, START + timedelta(minutes=9))
    quiet = (time.process_time() - began) * 1e6
    began = time.process_time()
    core.take({"type": "oncue.clock.advanced"}, START + timedelta(minutes=10, seconds=1))
    due = (time.process_time() - began) * 1e6
    print(f"absent, {SILENT} keys: {first:.1f} µs the first event of a key, {again:.1f} µs each other one")
    print(f"  a tick at which none is due: {quiet:.0f} µs; each timer that was due in vain: {due / SILENT:.2f} µs")
    print(f"  {stored(core.state):.0f} B stored a key; all of them due at {core.state.timers.next_at}")


if __name__ == "__main__":
    main()
