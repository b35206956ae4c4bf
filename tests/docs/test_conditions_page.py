"""The pages on conditions over time, overrides, shared and shaped events: their policies do what their tests say."""

import re
from pathlib import Path

import pytest

from tests.docs.test_policy_tests import ran
from tests.server import ROOT

PAGES = [
    ("conditions-over-time", "time"),
    ("policy-overrides", "cpu"),
    ("share-events", "shared"),
    ("shape-events", "shape"),
]


@pytest.mark.parametrize(("page", "name"), PAGES)
def test_the_policies_of_a_page_do_what_its_tests_say(page: str, name: str, tmp_path: Path) -> None:
    text = (ROOT / "docs" / "how-to" / f"{page}.md").read_text("utf-8")
    blocks = re.findall(r"^```(\w+)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    (policies, story), (script,) = ([text for kind, text in blocks if kind == wanted] for wanted in ("yaml", "sh"))
    (said,) = (text for kind, text in blocks if kind == "text")
    (tmp_path / f"{name}.yaml").write_text(policies)
    (tmp_path / f"{name}.test.yaml").write_text(story)
    done = ran(tmp_path, script)
    assert (done.returncode, done.stdout) == (0, said), done.stdout + done.stderr
