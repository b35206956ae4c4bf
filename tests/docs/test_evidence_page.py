"""The page on evidence: its commands run in their order, on a change of a real server, and its script checks what they took."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import httpx
import pytest

from tests.docs.test_tutorials import blocks, matches
from tests.server import ADMIN_TOKEN, ONCUE, ROOT, Server, environment, eventually

PAGE = ROOT / "docs" / "how-to" / "evidence.md"
TEMPLATE = """
apiVersion: oncue/v1
kind: ChangeTemplate
metadata: {name: note}
spec:
  type: standard
  targets: {names: [app-1, app-2]}
  steps: [{id: noted, set: {place: "${target}"}}]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the page's commands have run."""
    home = tmp_path_factory.mktemp("page")
    with Server(home / "oncue-data") as server:
        server.restart()  # by which it signs; a young one has not done so before
        assert server.client.post("/api/v1/manifests", content=TEMPLATE).status_code == 200
        wanted = {"template": "note", "reason": "It is asked for"}
        made: httpx.Response = server.client.post("/api/v1/changes", json=wanted)
        assert made.json()["id"] == "CHG-1", made.text
        assert server.client.post("/api/v1/changes/CHG-1/start").status_code == 200
        eventually(lambda: server.client.get("/api/v1/changes/CHG-1").json()["state"] == "closed", what="it is closed")
        variables = environment({"ONCUE_SERVER": server.url, "ONCUE_TOKEN": ADMIN_TOKEN})
        variables["PATH"] = f"{ONCUE.parent}{os.pathsep}{variables['PATH']}"
        for block in blocks(PAGE):
            ran = subprocess.run(
                ["bash", "-euc", block.script], check=False, cwd=home, env=variables, capture_output=True, text=True, timeout=60
            )  # fmt: skip
            assert ran.returncode == 0, f"{PAGE.name}:{block.line}\n{ran.stdout}{ran.stderr}"
            if block.expected is not None:
                assert matches(block.expected, ran.stdout), f"{PAGE.name}:{block.line}\n{ran.stdout}{ran.stderr}"
        yield home
    server.verify()


def test_the_commands_of_the_page_leave_a_bundle_a_page_and_a_pdf(folder: Path) -> None:
    assert (folder / "CHG-1.json").read_bytes().startswith(b'{"evidence":{"agreed":')
    assert "Evidence of CHG-1" in (folder / "CHG-1.html").read_text("utf-8")
    assert (folder / "CHG-1.pdf").read_bytes().startswith(b"%PDF-")
    with ZipFile(folder / "CHG-1-evidence.zip") as file:
        assert file.namelist() == ["CHG-1.json", "CHG-1.pdf"]


@pytest.mark.parametrize(("becomes", "says"), [("asked for", "as they were written"), ("a whim", "was changed")])
def test_the_script_of_the_page_checks_a_bundle(folder: Path, becomes: str, says: str) -> None:
    (folder / "check.py").write_text(PAGE.read_text("utf-8").split("```python\n")[1].split("```")[0])
    (folder / "other.json").write_text((folder / "CHG-1.json").read_text("utf-8").replace("asked for", becomes))
    command = [sys.executable, "-I", "check.py", "other.json"]
    ran = subprocess.run(command, check=False, cwd=folder, capture_output=True, text=True, timeout=60)
    assert says in ran.stdout + ran.stderr
    assert (ran.returncode == 0) is (becomes == "asked for")
