"""Whatever breaks, and whenever: what was acknowledged is there once, the journal says all, and the backlog drains.

A failure names its seed and the shortest plan found that still fails. `make soak` tries ten thousand seeds.
"""

import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest
import zstandard
from sqlalchemy import select

from oncue.core.engine import Engine
from oncue.core.event import decode
from oncue.core.state import State
from oncue.core.tx import Batch
from oncue.replay.verify import verify as replay
from oncue.runtime.clock import instant
from oncue.store import schema
from oncue.store.verify import verify
from tests.simulation.world import Op, World, plan, prepare

SEEDS = 40
LANES = 2
"""How many tests the seeds are spread over."""


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made once, because making the schema takes longer than a seed."""
    return prepare(tmp_path_factory.mktemp("template"))


def check(world: World) -> None:
    """What must hold when all is quiet again."""
    world.life.close()
    proof = verify(world.data)
    assert proof.exit_code == 0, proof
    history = replay(world.data)
    assert history.exit_code == 0, history
    records = world.records()
    inputs = Counter(
        msgspec.json.decode(record.body)["id"] for record in records if not record.derived and not record.rejected
    )
    missing = [id for id in world.producer.acknowledged if inputs[id] != 1]
    assert not missing, f"acknowledged, and not there once: {missing[:5]}"
    assert max(inputs.values()) == 1
    finals: Counter[str] = Counter()
    for (effect, _), count in world.outcomes().items():
        finals[effect] += count
    assert all(count == 1 for count in finals.values()), "an effect has more than one final result"
    acted = Counter(effect for effect, _, kind in world.ledger if kind == "at-most-once")
    twice = [effect for effect, count in acted.items() if count > 1]
    assert not twice, f"done twice: {twice[:5]}"
    done = {effect for effect, *_ in world.ledger}
    assert all(effect in done for (effect, state) in world.outcomes() if state == "succeeded")
    letters(world)
    fold(world)


def letters(world: World) -> None:
    """Those that were redriven are in the journal, each once; the others are not."""
    inputs = Counter(msgspec.json.decode(record.body)["id"] for record in world.records() if not record.derived)
    with world.life.reading.connect() as connection:
        for letter in connection.execute(select(schema.dead_letter)):
            id = msgspec.json.decode(letter.body)["id"]
            assert inputs[id] == (letter.redriven_at is not None), f"letter {letter.id} is there {inputs[id]} times"


def fold(world: World) -> None:
    """From each snapshot on, the inputs lead to the same facts and to the live state."""
    with world.life.reading.connect() as connection:
        snapshots = connection.execute(select(schema.snapshot)).all()
    records = world.records()
    for snapshot in snapshots:
        state = State(world.life.state.identity)
        state.restore(zstandard.decompress(snapshot.body))
        engine, batch, derived = Engine(state), Batch(), []
        for record in records:
            if record.position <= snapshot.position:
                continue
            if record.derived:
                assert derived.pop(0).body == record.body, f"snapshot {snapshot.position}: {record.position} differs"
            elif record.rejected:
                state.position, state.now = record.position, instant(record.recorded_at)
            else:
                where = (record.namespace, record.origin, record.actor, instant(record.recorded_at))
                derived, _ = engine.process(decode(record.body), record.body, *where, batch, record.person)
        assert state.dump() == world.life.state.dump(), f"snapshot {snapshot.position} and the tail lead elsewhere"


def simulate(folder: Path, template: Path, seed: int, ops: list[Op]) -> World:
    world = World(folder, template, seed)
    try:
        world.run(ops)
        check(world)
    finally:
        world.life.close()
        shutil.rmtree(folder)
    return world


def fails(folder: Path, template: Path, seed: int, ops: list[Op]) -> str | None:
    try:
        simulate(folder, template, seed, ops)
    except Exception as error:  # noqa: BLE001 - any failure is one
        return f"{type(error).__name__}: {error}"
    return None


def shrunk(folder: Path, template: Path, seed: int, ops: list[Op]) -> list[Op]:
    """A shorter plan that fails as well, found by leaving ever smaller parts out."""
    size = max(1, len(ops) // 2)
    while True:
        for first in range(0, len(ops), size):
            fewer = ops[:first] + ops[first + size :]
            if fewer and fails(folder, template, seed, fewer) is not None:
                ops = fewer
                break
        else:
            if size == 1:
                return ops
            size //= 2


def try_seeds(seeds: Iterable[int], folder: Path, template: Path) -> None:
    """Simulate each; stop at the first that fails, with the shortest plan found that still does."""
    for seed in seeds:
        ops = plan(seed)
        reason = fails(folder, template, seed, ops)
        if reason is not None:
            shortest = shrunk(folder, template, seed, ops)
            again = fails(folder, template, seed, shortest)
            pytest.fail(f"seed {seed}: {reason}\nshrunk to {len(shortest)} of {len(ops)}: {again}\n{shortest}")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("lane", range(LANES))
def test_seeds(lane: int, tmp_path: Path, template: Path) -> None:
    try_seeds(range(lane, SEEDS, LANES), tmp_path / "world", template)


HEAD = """
import sys, tempfile
from pathlib import Path
from tests.simulation.world import World, plan, prepare
folder = Path(tempfile.mkdtemp())
world = World(folder / "world", prepare(folder / "template"), 5)
world.run(plan(5))
print(world.life.writer.head.hex())
"""


def test_a_seed_makes_the_same_journal_whatever_python_hashes_with() -> None:
    heads = set()
    for hash_seed in ("0", "7"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run(
            [sys.executable, "-c", HEAD], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr[-2000:]
        heads.add(done.stdout.strip().splitlines()[-1])
    assert len(heads) == 1
