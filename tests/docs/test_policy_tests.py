"""The page on policy tests: its files and commands do what it says."""

import os
import re
import subprocess
from pathlib import Path

from tests.server import ONCUE, ROOT, environment

PAGE = ROOT / "docs" / "how-to" / "test-policies.md"


def ran(folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    variables = environment({})
    variables["PATH"] = f"{ONCUE.parent}{os.pathsep}{variables['PATH']}"
    return subprocess.run(
        ["bash", "-euc", script], cwd=folder, env=variables, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_page_on_policy_tests(tmp_path: Path) -> None:
    blocks = re.findall(r"^```(\w+)\n(.*?)^```", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    (policies, story), (script,) = ([text for kind, text in blocks if kind == wanted] for wanted in ("yaml", "sh"))
    passes, fails = (text for kind, text in blocks if kind == "text")
    (tmp_path / "disk.yaml").write_text(policies)
    (tmp_path / "disk.test.yaml").write_text(story)
    done = ran(tmp_path, script)
    assert (done.returncode, done.stdout) == (0, passes), done.stderr
    (tmp_path / "disk.test.yaml").write_text(story.replace("reason: first, at: 10m", "reason: first, at: 5m"))
    done = ran(tmp_path, script)
    assert done.returncode == 1
    assert done.stdout.splitlines()[1:-1] == fails.splitlines(), done.stdout + done.stderr
