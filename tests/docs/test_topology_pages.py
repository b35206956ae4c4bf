"""The pages on topology and correlation: their files do what they say, their examples join by the rule that they name."""

import os
import re
import subprocess
from pathlib import Path

import msgspec
import pytest

from oncue import manifests
from oncue.core import correlate, suspects
from tests.server import ONCUE, ROOT, environment
from tests.unit.story import Story

HOW_TO = ROOT / "docs" / "how-to" / "topology.md"
EXPLANATION = ROOT / "docs" / "explanation" / "correlation.md"


def blocks(page: Path, kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", page.read_text("utf-8"), re.DOTALL | re.MULTILINE)


def test_the_files_of_the_how_to_do_what_it_says(tmp_path: Path) -> None:
    landscape, story = blocks(HOW_TO, "yaml")
    files = {"landscape.yaml": landscape, "landscape.test.yaml": story}
    (files["inventory.csv"],) = blocks(HOW_TO, "csv")
    (files["cmdb.json"],) = blocks(HOW_TO, "json")
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    variables = environment({})
    variables["PATH"] = f"{ONCUE.parent}{os.pathsep}{variables['PATH']}"
    (script,) = blocks(HOW_TO, "sh")
    done = subprocess.run(
        ["bash", "-euc", script], cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SAP PRD" in (tmp_path / "from-inventory.yaml").read_text()
    assert "runs_on: [vm0815]" in (tmp_path / "from-cmdb.yaml").read_text()
    assert "1 relations of the type 'Connects to::Connected by'" in done.stderr


EXAMPLES = re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]+) \| ([^|]+) \|$", EXPLANATION.read_text("utf-8"), re.MULTILINE)


@pytest.mark.parametrize(("rule", "example", "role"), EXAMPLES, ids=[row[0] for row in EXAMPLES])
def test_each_example_joins_by_its_rule(rule: str, example: str, role: str) -> None:
    story = Story()
    for text in blocks(EXPLANATION, "yaml"):
        accepted, _ = manifests.load(manifests.parse_yaml(text.encode(), "page"))
        for one in accepted:
            story.apply(one.kind, one.name, msgspec.to_builtins(one.spec))
    for words in re.findall(r"`([^`]+)`", example):
        resource, type, *service = words.split()
        story.skip("10s")
        story.problem(type=type, resource=resource, **({"service": service[0]} if service else {}))
    joined = story.of("incident.alert_added")[-1]
    assert (joined["rule"], joined["role"]) == (rule, role.strip().removeprefix("a ").removeprefix("the "))


def test_every_rule_has_its_example() -> None:
    assert [row[0] for row in EXAMPLES] == ["first", "resource", "service", "upstream", "downstream", "nearby"]


def test_every_constant_that_the_page_names_is_there() -> None:
    named = set(re.findall(r"`([A-Z][A-Z_]+)`", EXPLANATION.read_text("utf-8")))
    assert {"REOPEN", "DIRECT_S"} <= named
    assert [name for name in sorted(named) if not hasattr(correlate, name) and not hasattr(suspects, name)] == []
