"""Ten thousand seeds of the simulation, in two processes."""

import os
import subprocess
import sys

import pytest

SEEDS = 10_000
PROCESSES = 2

ONE = """
import logging, sys, tempfile
from pathlib import Path
import structlog
from tests.simulation.test_simulation import try_seeds
from tests.simulation.world import prepare
structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
folder = Path(tempfile.mkdtemp())
try_seeds(range(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])), folder / "world", prepare(folder / "template"))
"""


@pytest.mark.soak
@pytest.mark.timeout(5400)
def test_ten_thousand_seeds() -> None:
    count = int(os.environ.get("ONCUE_SIMULATION_SEEDS", SEEDS))
    running = [
        subprocess.Popen(
            [sys.executable, "-c", ONE, str(1_000 + lane), str(1_000 + count), str(PROCESSES)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for lane in range(PROCESSES)
    ]
    said = [process.communicate()[0] for process in running]
    assert [process.returncode for process in running] == [0] * PROCESSES, "\n".join(text[-3000:] for text in said)
