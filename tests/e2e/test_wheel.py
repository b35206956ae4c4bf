"""The wheel is the whole product: installed alone, it serves the console, without Node.js and without the sources."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import httpx
import pytest

from tests.server import ROOT, Server, event

UV = Path(sys.executable).with_name("uv")


def run(*command: str | Path, **options: object) -> None:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload]
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("wheel")
    run(UV, "build", "--wheel", "--no-build-isolation", "--python", sys.executable, "--out-dir", directory, ROOT)
    return next(directory.glob("oncue-*.whl"))


def test_the_wheel_holds_the_built_console_and_the_type_marker(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert "oncue/console_build/index.html" in names
    assert any(name.startswith("oncue/console_build/assets/") and name.endswith(".js") for name in names)
    assert "oncue/py.typed" in names
    assert not [name for name in names if "node_modules" in name or name.startswith("tests/")]


@pytest.mark.timeout(300)
def test_installed_alone_it_starts_and_serves_the_console_without_node(wheel: Path, tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    run(UV, "venv", "--quiet", "--python", sys.executable, venv)
    python = venv / "bin" / "python"
    run(UV, "pip", "install", "--quiet", "--python", python, "--require-hashes", "-r", ROOT / "requirements/run.txt")
    run(UV, "pip", "install", "--quiet", "--python", python, "--no-deps", wheel)
    variables = {"PATH": str(venv / "bin"), "PYTHONPATH": ""}
    assert shutil.which("node", path=variables["PATH"]) is None
    server = Server(tmp_path / "data", program=venv / "bin" / "oncue", variables=variables)
    with server:
        page = httpx.get(server.url + "/", trust_env=False, follow_redirects=True)
        assert page.status_code == 200
        assert "<script" in page.text
        runbook = httpx.get(server.url + "/help/how-to/oncue-itself.md", trust_env=False)
        assert '<h2 id="disk">' in runbook.text
        assert server.emit(event())["accepted"] == 1
    server.verify()
