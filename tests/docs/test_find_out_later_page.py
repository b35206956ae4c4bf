"""The page on late enrichment: its files pass their own test, and its bounds are the engine's."""

import os
import re
import subprocess
from pathlib import Path

from oncue.core import enrichment, notify
from tests.server import ONCUE, ROOT, environment

PAGE = ROOT / "docs" / "how-to" / "find-out-later.md"


def test_the_files_of_the_page_do_what_it_says(tmp_path: Path) -> None:
    blocks = re.findall(r"^```(\w+)\n(.*?)^```", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    (manifests, story), (script,) = ([text for kind, text in blocks if kind == wanted] for wanted in ("yaml", "sh"))
    (tmp_path / "racks.yaml").write_text(manifests)
    (tmp_path / "racks.test.yaml").write_text(story)
    variables = environment({})
    variables["PATH"] = f"{ONCUE.parent}{os.pathsep}{variables['PATH']}"
    done = subprocess.run(
        ["bash", "-euc", script], cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].startswith("3 "), done.stdout


def test_the_bounds_of_the_page_are_those_of_the_engine() -> None:
    assert (enrichment.LABELS, enrichment.LINKS, enrichment.NOTES, notify.NOTES) == (32, 20, 20, 3)
