"""kill -9 at random moments under load, 50 times: nothing acknowledged is lost, nothing is done twice over."""

import os
import random
import sqlite3
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.faults import MANIFESTS
from tests.receiver import Receiver
from tests.server import Server, eventually
from tests.soak.load import Load

pytestmark = pytest.mark.soak

KILLS = int(os.environ.get("KILLS", "50"))


def test_fifty_kills_lose_nothing_and_repeat_nothing(make_server: Callable[..., Server]) -> None:
    seed = int(os.environ.get("SEED") or time.time())
    chance = random.Random(seed)
    print(f"\nSEED={seed}")
    server = make_server()
    server.start()
    with Receiver() as ledger:
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write(MANIFESTS.format(port=ledger.port))
            file.flush()
            applied = server.cli("apply", "-f", file.name)
        assert applied.returncode == 0, applied.stdout + applied.stderr
        with Load(server) as load:
            for number in range(KILLS):
                time.sleep(chance.uniform(0.02, 1.0))
                victim = kill_something(server, chance)
                print(f"kill {number + 1:2}: {victim}, {len(load.acknowledged)} acknowledged", flush=True)
            server.wait_ready()
            before = len(load.acknowledged)
            eventually(
                lambda: len(load.acknowledged) > before, within_s=60, what="the load goes on after the last kill"
            )
        assert not load.surprises, load.surprises[:5]
        eventually(lambda: nothing_pending(server), within_s=120, what="every run ends and every effect has a result")

        listed = [item["id"] for item in server.items("events", type="org.example.soak.*")] or [
            item["id"] for kind in ("noise", "act") for item in server.items("events", type=f"org.example.soak.{kind}")
        ]
        assert len(listed) == len(set(listed)), "an event is in the journal twice"
        assert load.acknowledged <= set(listed), "an acknowledged event is lost"

        runs = server.items("runs")
        acted = {path.removeprefix("/") for path in list(ledger.paths)}
        assert load.acting <= acted, "an acknowledged event was not acted on"
        assert {run["state"] for run in runs} == {"succeeded"}
        assert len(runs) == len(acted), "one run for each event"
        assert len(server.items("tickets")) == len(runs), "one ticket for each run"

        assert server.stop() == 0
        assert_one_result_per_effect(server.data / "oncue.db")
        repeated = sum(1 for count in ledger.keys.values() if count > 1)
        print(f"{len(listed)} events, {len(runs)} runs, {repeated} idempotent calls made more than once")
        assert "" not in ledger.keys, "every call carries its idempotency key"


def kill_something(server: Server, chance: random.Random) -> str:
    """kill -9 the whole server and start it again, or one of its children and let it recover."""
    processes = server.processes()
    if chance.random() < 0.5 or len(processes) < 2:
        server.kill()
        server.start(wait=chance.random() < 0.5)
        return "all"
    victim = chance.choice(processes[1:])
    try:
        name = " ".join(victim.cmdline())[-40:]
        victim.kill()
    except psutil.NoSuchProcess:
        return "one that had ended already"
    return name


def nothing_pending(server: Server) -> bool:
    """Whether no run is on its way."""
    return not [run for run in server.items("runs") if run["state"] not in {"succeeded", "failed", "cancelled"}]


def assert_one_result_per_effect(database: Path) -> None:
    """Each effect ended once, as the journal's facts tell."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        ended = "('oncue.effect.succeeded', 'oncue.effect.failed', 'oncue.effect.unknown')"
        twice = connection.execute(
            f"SELECT id, count(*) FROM fact WHERE type IN {ended} GROUP BY id HAVING count(*) <> 1"
        ).fetchall()
        open_effects = connection.execute(
            "SELECT id FROM entity WHERE kind = 'effect' AND state = 'pending'"
        ).fetchall()
        count = connection.execute("SELECT count(*) FROM entity WHERE kind = 'effect'").fetchone()[0]
    assert count > 0
    assert not twice
    assert not open_effects
