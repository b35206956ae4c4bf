"""The page on workflows: its workflow passes its own test, and its tables have every form and every state."""

import os
import re
import subprocess
from pathlib import Path
from typing import get_args

from oncue.core.plan import FORMS
from oncue.core.run import StepState
from tests.server import ONCUE, ROOT, environment

PAGE = ROOT / "docs" / "how-to" / "workflows.md"


def told(heading: str) -> set[str]:
    """What the rows of the table under a heading begin with."""
    section = PAGE.read_text("utf-8").partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))


def test_the_workflow_of_the_page_does_what_its_test_says(tmp_path: Path) -> None:
    manifests, story = re.findall(r"^```yaml\n(.*?)^```", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    (tmp_path / "roll-out.yaml").write_text(manifests)
    (tmp_path / "roll-out.test.yaml").write_text(story)
    variables = environment({})
    variables["PATH"] = f"{ONCUE.parent}{os.pathsep}{variables['PATH']}"
    done = subprocess.run(
        ["oncue", "test", "."], cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].startswith("1 passed")


def test_the_table_of_forms_has_each_of_them() -> None:
    assert told("What a step can be") == {form.rstrip("_") for form in FORMS}


def test_the_table_of_states_has_each_of_them() -> None:
    assert told("States of a step") == set(get_args(StepState))
