"""DBOS as a peer: installed beside, running workflows of three steps in one process of its own, on SQLite.

It comes from PyPI into an environment of its own. Where it cannot be had, `missing` says so.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from typing import Final, Literal

import msgspec

from tests.server import ROOT

HOME: Final = ROOT / ".tools" / "dbos"
WANTED: Final = "dbos>=3.4,<4"
WITHIN_S: Final = 600.0

REST_S: Final = 0.01
"""Between workflows that are measured alone."""

Log = Literal["delete", "wal"]
"""SQLite's `journal_mode`: as DBOS leaves it, or the one that OnCue uses."""

PROGRAM: Final = '''\
"""Runs so many workflows, and prints how fast, and what of it was durable."""

import collections
import json
import logging
import sqlite3
import statistics
import sys
import time

import sqlalchemy
from dbos import DBOS

runs, log, rest_s = int(sys.argv[1]), sys.argv[2], float(sys.argv[3])
logging.disable(logging.WARNING)
file = sqlite3.connect("peer.sqlite")
file.execute(f"PRAGMA journal_mode = {log}")
file.close()
DBOS(config={"name": "peer", "system_database_url": "sqlite:///peer.sqlite", "run_admin_server": False})


@DBOS.step()
def following(n):
    return n + 1


@DBOS.workflow()
def three(n):
    return following(following(following(n)))


DBOS.launch()
writes, synchronous = collections.Counter(), None


@sqlalchemy.event.listens_for(sqlalchemy.engine.Engine, "commit")
def committed(connection):
    global synchronous
    if synchronous is None:
        synchronous = connection.exec_driver_sql("PRAGMA synchronous").scalar()
    if connection.info.pop("wrote", False):
        writes["commits"] += 1


@sqlalchemy.event.listens_for(sqlalchemy.engine.Engine, "before_cursor_execute")
def executed(connection, cursor, statement, parameters, context, many):
    if not statement.lstrip().upper().startswith(("SELECT", "PRAGMA")):
        connection.info["wrote"] = True


def rate(count, at_once):
    """Workflows a second: one after the other, or as many at the same time as its threads allow."""
    began = time.perf_counter()
    if at_once:
        for handle in [DBOS.start_workflow(three, n) for n in range(count)]:
            handle.get_result()
    else:
        for n in range(count):
            three(n)
    return count / (time.perf_counter() - began)


def unloaded(count):
    """Median milliseconds of a workflow that has the machine for itself."""
    times = []
    for n in range(count):
        began = time.perf_counter()
        three(n)
        times.append((time.perf_counter() - began) * 1000)
        time.sleep(rest_s)
    return statistics.median(times)


rate(10, False)
writes.clear()
alone = rate(runs, False)
commits = writes["commits"] / runs
together, p50_ms = rate(runs, True), unloaded(runs)
print(json.dumps({"alone": alone, "together": together, "p50_ms": p50_ms, "commits": commits, "synchronous": synchronous}))
sys.stdout.flush()
DBOS.destroy()
'''


class Measured(msgspec.Struct, frozen=True):
    """What one run of the peer came to."""

    alone: float
    """Workflows a second, one after the other."""
    together: float
    """All started at once."""
    p50_ms: float
    """Of one that has the machine for itself."""
    commits: float
    """Transactions that write, per workflow."""
    synchronous: int
    """SQLite's setting; 2 is FULL."""

    @property
    def best(self) -> float:
        """The faster way."""
        return max(self.alone, self.together)


def missing() -> str | None:
    """Why it cannot be measured here; None if it can. Installs what it needs."""
    if not (HOME / "bin" / "dbos").exists():
        HOME.parent.mkdir(exist_ok=True)
        subprocess.run([sys.executable, "-m", "venv", str(HOME)], check=True)
        pip = [str(HOME / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", WANTED]
        done = subprocess.run(pip, check=False, capture_output=True, text=True)
        if done.returncode != 0:
            shutil.rmtree(HOME)
            return f"it cannot be installed: {done.stderr.strip()[-200:]}"
    return None


def version() -> str:
    """Its own."""
    told = [str(HOME / "bin" / "python"), "-I", "-c", "from importlib.metadata import version; print(version('dbos'))"]
    return subprocess.run(told, check=True, capture_output=True, text=True).stdout.strip()


def measure(runs: int, log: Log) -> Measured:
    """So many workflows one after the other, as many at once, and as many with a rest between them, on a fresh database."""
    with tempfile.TemporaryDirectory(prefix="oncue-bench-") as folder:
        done = subprocess.run(
            [str(HOME / "bin" / "python"), "-I", "-c", PROGRAM, str(runs), log, str(REST_S)],
            cwd=folder, check=False, capture_output=True, text=True, timeout=WITHIN_S,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    found = msgspec.convert(json.loads(done.stdout.splitlines()[-1]), Measured)
    assert found.synchronous == 2, f"DBOS ran with synchronous={found.synchronous}, not FULL"
    return found
