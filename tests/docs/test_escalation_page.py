"""The page on escalation: its files pass their own test, and its reasons are those that there are."""

import os
import re
import subprocess
from pathlib import Path
from typing import get_args

from oncue.plugins.notifiers.email import REASONS
from oncue.rehearsal.cases import Reason
from tests.server import ONCUE, ROOT, environment

PAGE = ROOT / "docs" / "how-to" / "escalation.md"


def test_the_files_of_the_page_do_what_it_says(tmp_path: Path) -> None:
    blocks = re.findall(r"^```(\w+)\n(.*?)^```", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    (manifests, story), (script,) = ([text for kind, text in blocks if kind == wanted] for wanted in ("yaml", "sh"))
    (tmp_path / "on-call.yaml").write_text(manifests)
    (tmp_path / "on-call.test.yaml").write_text(story)
    variables = environment({})
    variables["PATH"] = f"{ONCUE.parent}{os.pathsep}{variables['PATH']}"
    done = subprocess.run(
        ["bash", "-euc", script], cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].startswith("3 "), done.stdout


def test_every_reason_is_explained_on_the_page_and_in_a_mail() -> None:
    rows = re.findall(r"^\| (`[a-z_]+`(?:, `[a-z_]+`)*) \| [^|]+ \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    named = {name.strip("`") for row in rows for name in row.split(", ")}
    assert named == set(get_args(Reason)) == set(REASONS)
