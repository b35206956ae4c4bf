"""The page on quiet: its files pass their own test, and its table of changing clocks is what the engine computes."""

import os
import re
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args

from oncue.core import period
from oncue.core.alert import QuietReason
from oncue.core.manifest import MaintenanceWindowSpec
from oncue.core.silence import Matcher
from tests.server import ONCUE, ROOT, environment

PAGE = ROOT / "docs" / "how-to" / "quiet.md"


def test_the_files_of_the_page_do_what_it_says(tmp_path: Path) -> None:
    blocks = re.findall(r"^```(\w+)\n(.*?)^```", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    (manifests, story, *others), (script,) = (
        [text for kind, text in blocks if kind == wanted] for wanted in ("yaml", "sh")
    )
    (tmp_path / "quiet.yaml").write_text(manifests)
    (tmp_path / "quiet.test.yaml").write_text(story)
    (tmp_path / "others.yaml").write_text("---\n".join(others))
    variables = environment({})
    variables["PATH"] = f"{ONCUE.parent}{os.pathsep}{variables['PATH']}"
    done = subprocess.run(
        ["bash", "-euc", f"oncue validate -f others.yaml\n{script}"],
        cwd=tmp_path,
        env=variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].startswith("3 "), done.stdout


def test_the_table_of_changing_clocks_is_true() -> None:
    rows = re.findall(
        r"^\| daily (\d\d:\d\d) for (\dh), on (\S+) \| (\S+)Z \| (\S+)Z \|", PAGE.read_text("utf-8"), re.MULTILINE
    )
    assert len(rows) == 5
    for at, lasts, day, opens, closes in rows:
        spec = MaintenanceWindowSpec(
            matchers=(Matcher("resource", "x"),), starts_at=f"2026-01-01T{at}", rrule="FREQ=DAILY", duration=lasts,
            zone="Europe/Berlin",
        )  # fmt: skip
        noon = datetime.fromisoformat(f"{day}T12:00:00+00:00")
        at_night = noon if int(at[:2]) > 12 else noon - timedelta(hours=16)
        found = next(one for one in period.occurrences(spec, at_night) if one[0] > at_night)
        wanted = tuple(datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (opens, closes))
        assert found == wanted, (at, day)


def test_every_reason_that_the_engine_gives_has_its_row() -> None:
    told = set(re.findall(r"^\| `(\w+)` \|", PAGE.read_text("utf-8"), re.MULTILINE))
    assert told == set(get_args(QuietReason))
