"""The page on conditions over time: its policies do what its tests say."""

import re
from pathlib import Path

from tests.docs.test_policy_tests import ran
from tests.server import ROOT

PAGE = ROOT / "docs" / "how-to" / "conditions-over-time.md"


def test_the_page_on_conditions_over_time(tmp_path: Path) -> None:
    blocks = re.findall(r"^```(\w+)\n(.*?)^```", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    (policies, story), (script,) = ([text for kind, text in blocks if kind == wanted] for wanted in ("yaml", "sh"))
    (said,) = (text for kind, text in blocks if kind == "text")
    (tmp_path / "time.yaml").write_text(policies)
    (tmp_path / "time.test.yaml").write_text(story)
    done = ran(tmp_path, script)
    assert (done.returncode, done.stdout) == (0, said), done.stdout + done.stderr
