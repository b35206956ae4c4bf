"""The reference says what the code says."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from oncue import config, manifests
from oncue.rehearsal.cases import check
from tests.server import ROOT

TYPE = re.compile(r'"(oncue\.(?:alert|incident|ticket|silence|policy|run|step|effect|manifest|monitor|command|config|'
                  r'clock|engine|heartbeat|event|notification)\.[a-z_]+(?:\.[a-z_]+)?)"')  # fmt: skip
NOT_EVENTS = {"oncue.policy.near_miss"}


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_committed_pages_are_those_of_the_code(generator: ModuleType) -> None:
    stale = [name for name, text in generator.pages().items() if (generator.ROOT / name).read_text("utf-8") != text]
    assert not stale, "run: .venv/bin/python docs/generate.py"


def test_every_type_of_event_that_the_code_names_is_in_the_reference(generator: ModuleType) -> None:
    text = (generator.ROOT / "events.md").read_text("utf-8")
    named = {
        found
        for path in (ROOT / "src" / "oncue").rglob("*.py")
        for found in TYPE.findall(path.read_text("utf-8"))
        if found not in NOT_EVENTS
    }
    assert named
    assert sorted(name for name in named if f"`{name}`" not in text and f"### {name}\n" not in text) == []


def test_every_link_between_pages_leads_somewhere() -> None:
    broken = []
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")]:
        for target in re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", page.read_text("utf-8")):
            if not (page.parent / Path(target)).exists():
                broken.append(f"{page.relative_to(ROOT)}: {target}")
    assert broken == []


PAGES = [page for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")] if page.parent.name != "reference"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_manifest_and_every_setting_in_the_pages_is_sound(page: Path, tmp_path: Path) -> None:
    for language, block in re.findall(r"```(yaml|toml)\n(.*?)```", page.read_text("utf-8"), re.DOTALL):
        if language == "toml":
            (tmp_path / config.FILE).write_text(block)
            config.load({"data": tmp_path}, {})
        elif "kind: Test\n" in block:
            for parsed in manifests.parse_yaml(block, page.name):
                assert check(parsed)[2] == []
        elif "apiVersion: oncue/" in block:
            documents, problems = manifests.load(manifests.parse_yaml(block, page.name))
            assert documents
            assert problems == []
