"""A package of one's own: written by the command line, sound by every check, installed, listed, and used by a real server."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server import ROOT, Server, environment, eventually, run_cli

BIN = Path(sys.executable).parent
LONG = "a" * 17 + "." + "b" * 18


def run(*command: str | Path, cwd: Path, variables: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=environment(variables),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("action", "disk.fill"), ("monitor", "disk.fill"), ("notifier", "desk"), ("source", "scanner"),
        ("action", LONG), ("monitor", "z"), ("notifier", LONG), ("source", LONG),
    ],
)  # fmt: skip
def test_a_new_package_passes_its_own_tests_and_every_check(tmp_path: Path, kind: str, name: str) -> None:
    made = run_cli("plugin", "new", name, "--kind", kind, "--directory", str(tmp_path / "made"))
    assert made.returncode == 0, made.stderr
    site = {"PYTHONPATH": f"{ROOT / 'src'}"}
    assert " passed" in run(BIN / "python", "-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=tmp_path / "made")
    run(BIN / "ruff", "format", "--check", ".", cwd=tmp_path / "made")
    run(BIN / "ruff", "check", ".", cwd=tmp_path / "made")
    run(BIN / "mypy", "--cache-dir", ROOT / ".mypy_cache" / "plugins", cwd=tmp_path / "made", variables=site)


def test_nothing_that_is_there_is_written_over(tmp_path: Path) -> None:
    assert run_cli("plugin", "new", "disk.fill", "-d", str(tmp_path / "made")).returncode == 0
    (tmp_path / "made" / "README.md").write_text("mine")
    again = run_cli("plugin", "new", "disk.fill", "-d", str(tmp_path / "made"))
    assert again.returncode == 1
    assert "error request.invalid" in again.stderr
    assert (tmp_path / "made" / "README.md").read_text() == "mine"


@pytest.mark.parametrize("name", ["Disk", "disk-fill", "disk.", "", "9", "a" * 37, "../x"])
def test_a_name_that_no_plugin_can_have_is_refused(tmp_path: Path, name: str) -> None:
    refused = run_cli("plugin", "new", name, "-d", str(tmp_path / "made"))
    assert refused.returncode == 1
    assert not (tmp_path / "made").exists()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a new action is installed, and a package beside it that is broken."""
    base = tmp_path_factory.mktemp("plugins")
    assert run_cli("plugin", "new", "disk.fill", "-d", str(base / "made")).returncode == 0
    uv = [BIN / "uv", "pip", "install", "--quiet", "--offline", "--no-deps", "--no-build-isolation"]
    run(*uv, "--python", sys.executable, "--target", base / "site", base / "made", cwd=base)
    info = base / "site" / "oncue_broken-2.0.dist-info"
    info.mkdir()
    (base / "site" / "oncue_broken.py").write_text("raise ImportError('libdisk.so is missing')\n")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: oncue-broken\nVersion: 2.0\n")
    (info / "entry_points.txt").write_text(
        "[oncue.actions]\nbroken.act = oncue_broken:Act\nhttp.request = oncue_broken:Act\n"
    )
    return base / "site"


@pytest.fixture(scope="module")
def variables(site: Path) -> dict[str, str]:
    return {"PYTHONPATH": os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH")]))}


@pytest.fixture(scope="module")
def server(variables: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("server") / "data", variables=variables) as server:
        yield server
    server.verify()


def test_what_is_installed_is_listed_with_its_package_and_why_it_does_not_work(variables: dict[str, str]) -> None:
    listed = run_cli("plugin", "list", "--others", variables=variables)
    assert listed.returncode == 1, "one is broken"
    assert [line.split("\t") for line in listed.stdout.splitlines()[1:]] == [
        ["action", "broken.act", "oncue-broken", "2.0",
         "broken.act cannot be loaded: ImportError: libdisk.so is missing"],
        ["action", "disk.fill", "oncue-disk-fill", "0.1.0", "ok"],
        ["action", "http.request", "oncue-broken", "2.0", "oncue has one of this name, which counts"],
    ]  # fmt: skip
    assert "\thttp.request\toncue\t" in run_cli("plugin", "list", "--kind", "action", variables=variables).stdout
    none = run_cli("plugin", "list", "--others", "--kind", "monitor", variables=variables)
    assert (none.returncode, none.stderr) == (0, "None is installed beside those of OnCue.\n")


def test_an_installed_plugin_can_be_checked(variables: dict[str, str]) -> None:
    sound = run_cli("plugin", "check", "disk.fill", variables=variables)
    assert (sound.returncode, sound.stdout) == (0, "action disk.fill of oncue-disk-fill 0.1.0: ok\n")
    broken = run_cli("plugin", "check", "broken.act", variables=variables)
    assert broken.returncode == 1
    assert "libdisk.so is missing" in broken.stderr
    assert "error action.unknown" in run_cli("plugin", "check", "nothing", variables=variables).stderr


def test_a_workflow_uses_an_action_of_another_package(server: Server, tmp_path: Path) -> None:
    manifest = (
        "apiVersion: oncue/v1\nkind: Workflow\nmetadata: {name: greet}\nspec:\n  steps:\n"
        f"    - {{id: greet, uses: disk.fill, with: {{path: {tmp_path / 'greeting'}, text: hello}}}}\n"
    )
    applied = server.client.post("/api/v1/manifests", content=manifest)
    assert applied.status_code == 200, applied.text
    done = server.cli("run", "greet", "--follow")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "greeting").read_text() == "hello"
    assert f"greet  | looking at {tmp_path / 'greeting'}" in done.stdout
    wrong = manifest.replace("text: hello", "txt: hello")
    assert "txt" in server.client.post("/api/v1/manifests", content=wrong).text


def test_the_catalogue_describes_every_action_whichever_package_it_is_from(server: Server) -> None:
    found = {one["name"]: one for one in server.items("actions")}
    fill = found["disk.fill"]
    assert (fill["package"], fill["version"], fill["problem"]) == ("oncue-disk-fill", "0.1.0", None)
    assert fill["summary"] == "Puts a text into a file, unless it is there already."
    assert fill["effect_classes"] == ["check-first"]
    assert [one["code"] for one in fill["errors"]] == ["disk.fill.refused"]
    (inputs,) = fill["inputs"]["$defs"].values()
    assert inputs["required"] == ["path", "text"]
    assert found["shell.command"]["effect_classes"] == ["pure", "idempotent", "at-most-once"]
    assert set(found["http.request"]["effect_classes"]) == {"pure", "idempotent", "check-first", "at-most-once"}
    assert found["http.request"]["package"] == "oncue"
    assert found["event.emit"]["inputs"]["$defs"]
    assert "libdisk.so is missing" in found["broken.act"]["problem"]


def test_the_server_goes_on_beside_a_broken_package(server: Server) -> None:
    workflow = (
        "apiVersion: oncue/v1\nkind: Workflow\nmetadata: {name: breaks}\nspec:\n  steps:\n"
        "    - {id: act, uses: broken.act}\n"
    )
    refused = server.client.post("/api/v1/manifests", content=workflow)
    assert refused.status_code == 400
    assert "libdisk.so is missing" in refused.text
    eventually(server.ready, what="it is ready")
