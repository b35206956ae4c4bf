"""kill -9 while workflows run, seed after seed: `MINUTES=30 make soak` for half an hour, `SEED=7` for one seed."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.test_workflow_kills import killed
from tests.server import Server

pytestmark = [pytest.mark.soak, pytest.mark.timeout(0)]

MINUTES = float(os.environ.get("MINUTES", "10"))
KILLS = int(os.environ.get("KILLS", "20"))


def test_kills_at_random_moments_seed_after_seed(make_server: Callable[..., Server], tmp_path: Path) -> None:
    first = int(os.environ.get("SEED") or time.time())
    until = time.monotonic() + MINUTES * 60
    seeds = 0
    while seeds == 0 or (time.monotonic() < until and not os.environ.get("SEED")):
        folder = tmp_path / f"seed-{first + seeds}"
        folder.mkdir()
        print(f"\nSEED={first + seeds}")
        killed(make_server, folder, first + seeds, kills=KILLS, starts=8 * KILLS, pause_s=2.0)
        seeds += 1
    print(f"{seeds} seeds")
