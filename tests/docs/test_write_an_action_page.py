"""The page on actions of one's own: its commands lead to a run, its example does what it says, its bounds are the code's."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from oncue.runtime import dispatch, telling, watchdog
from oncue.store import step_log
from tests.server import ADMIN_TOKEN, ONCUE, ROOT, Server, environment

PAGE = (ROOT / "docs" / "how-to" / "write-an-action.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
BEGIN, USE = [text for kind, text in BLOCKS if kind == "sh"]
EXAMPLE, ITS_TEST = [text for kind, text in BLOCKS if kind == "python"]


def shell(script: str, cwd: Path, **variables: str) -> str:
    path = f"{ONCUE.parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euc", script], cwd=cwd, env=environment({**variables, "PATH": path}), capture_output=True, text=True,
        timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_commands_of_the_page_lead_to_a_run(tmp_path: Path) -> None:
    assert " passed" in shell(BEGIN, tmp_path)
    install = "uv pip install --quiet --offline --no-deps --no-build-isolation"
    shell(f"{install} --python {sys.executable} --target site ./oncue-disk-fill", tmp_path)
    site = os.pathsep.join(filter(None, [str(tmp_path / "site"), os.environ.get("PYTHONPATH")]))
    shown = re.search(r"^\$ (oncue plugin check .*)\n(.*)\n", PAGE, re.MULTILINE)
    assert shown is not None
    assert shell(shown[1], tmp_path, PYTHONPATH=site).strip() == shown[2]
    greeting = tmp_path / "greeting"
    script = USE.replace("/tmp/oncue-greeting", str(greeting))
    with Server(tmp_path / "data", variables={"PYTHONPATH": site}) as server:
        said = shell(script, tmp_path, PYTHONPATH=site, ONCUE_SERVER=server.url, ONCUE_TOKEN=ADMIN_TOKEN)
    server.verify()
    assert said.splitlines()[-1].endswith(" succeeded")
    assert greeting.read_text() == "hello"


@pytest.mark.parametrize("check", ["ruff check --select E,F,I,B,UP --line-length 120 .", "mypy --strict ."])
def test_the_example_is_as_sound_as_it_says(tmp_path: Path, check: str) -> None:
    written(tmp_path)
    shell(check, tmp_path, PYTHONPATH=str(ROOT / "src"))


def test_the_example_does_what_its_tests_say(tmp_path: Path) -> None:
    written(tmp_path)
    found = shell("python -m pytest -q -p no:cacheprovider .", tmp_path, PYTHONPATH=os.environ.get("PYTHONPATH", ""))
    assert "3 passed" in found


def written(directory: Path) -> None:
    (directory / "volume_extend.py").write_text(EXAMPLE)
    (directory / "test_volume_extend.py").write_text(ITS_TEST)
    (directory / "pytest.ini").write_text("[pytest]\nasyncio_mode = auto\npythonpath = .\n")


def test_the_bounds_of_the_page_are_those_of_the_code() -> None:
    assert (telling.ATTEMPT_LIMIT, telling.LINES_A_SECOND) == (256 * 1024, 2_000)
    assert (step_log.RUN_LIMIT, step_log.KEPT_US) == (1024 * 1024, 30 * 86_400_000_000)
    assert (dispatch.LOSSES, watchdog.LOOKS * watchdog.LOOK_EVERY_S) == (5, 30.0)
