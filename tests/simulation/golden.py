"""Golden journals: histories that every later version must replay to the same decisions, or explain the difference.

`python -m tests.simulation.golden VERSION` records one; it is done once for a version whose decisions differ from those
before, and the reason goes into the changelog. Older ones are kept while a supported version can have written such a journal.
"""

import hashlib
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from oncue.core.engine import Engine
from oncue.core.event import decode
from oncue.core.state import Identity, State
from oncue.core.tx import Batch
from oncue.runtime.clock import instant
from tests.simulation.world import World, plan, prepare

FOLDER: Final = Path(__file__).parent / "golden"
SEEDS: Final = (31, 35, 49)
LENGTH: Final = 25


class Line(msgspec.Struct, array_like=True, frozen=True):
    """One record. Of a derived one only its type and the SHA-256 of its bytes are kept."""

    position: int
    recorded_at: int
    kind: str
    """`input`, `rejected`, `derived`."""
    namespace: str
    origin: str
    actor: str | None
    body: str
    person: str | None = None


def lines(world: World) -> Iterator[Line]:
    """A world's journal."""
    for r in world.records():
        kind = "derived" if r.derived else "rejected" if r.rejected else "input"
        body = r.body.decode()
        if r.derived:
            body = f"{decode(r.body).type} {hashlib.sha256(r.body).hexdigest()}"
        yield Line(r.position, r.recorded_at, kind, r.namespace, r.origin, r.actor, body, r.person)


def replayed(path: Path) -> str | None:
    """Where today's engine parts from a golden journal; None if it does not."""
    state = State(Identity("simulation"))
    engine, batch = Engine(state), Batch()
    expected: list[str] = []
    for number, text in enumerate(path.read_bytes().splitlines(), 1):
        line = msgspec.json.decode(text, type=Line)
        if line.kind == "derived":
            now = expected.pop(0) if expected else "nothing"
            if now != line.body:
                return f"{path.name}:{number}: at {line.position} it was {line.body}, and is {now}"
        elif expected:
            return f"{path.name}:{number}: before {line.position} there is now {expected[0]}"
        elif line.kind == "rejected":
            state.position, state.now = line.position, instant(line.recorded_at)
        else:
            body = line.body.encode()
            at = instant(line.recorded_at)
            derived, _ = engine.process(
                decode(body), body, line.namespace, line.origin, line.actor, at, batch, line.person
            )
            expected = [f"{one.type} {hashlib.sha256(one.body).hexdigest()}" for one in derived]
    return None


def main() -> None:
    """Record the journals of some seeds."""
    FOLDER.mkdir(exist_ok=True)
    for seed in SEEDS:
        with tempfile.TemporaryDirectory() as folder:
            world = World(Path(folder) / "world", prepare(Path(folder) / "template"), seed)
            world.run(plan(seed, LENGTH))
            path = FOLDER / f"{sys.argv[1]}-{seed}.jsonl"
            path.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines(world)))
            world.life.close()


if __name__ == "__main__":
    main()
